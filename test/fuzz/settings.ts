/** How the dataplanes of a search are made: mostly with room for little, and with timeouts soon reached. */
import fc from "fast-check";
import type { Capacity, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { NODE } from "./clusters.ts";

export const BATCH_CAPACITY = 256;

export const ROOMY: Capacity = {
  services: 64,
  frontends: 128,
  backends: 256,
  slots: 65536,
  ranges: 64,
  addresses: 16,
  interfaces: 8,
  connections: 64,
  connections6: 64,
  affinity: 32,
  datagrams: 64,
  fragments: 32,
  batch: BATCH_CAPACITY,
  frame: 1984,
  headroom: 256,
  arena: 65536,
  cpus: 1,
};
/** Connections for a flood, which needs more than there are ports to try. */
export const FLOODED = 1024;

const small: fc.Arbitrary<Partial<Capacity>> = fc.record({
  connections: fc.constantFrom(1, 2, 7, 64, 64, 64),
  connections6: fc.constantFrom(1, 2, 7, 64, 64, 64),
  affinity: fc.constantFrom(1, 2, 32, 32),
  datagrams: fc.constantFrom(1, 4, 64, 64, 64),
  fragments: fc.constantFrom(1, 3, 32, 32, 32),
  // A fragment has to fit a frame of the batch to be kept.
  frame: fc.constantFrom(192, 1984, 1984, 1984),
});
const large = fc.constant({ connections: FLOODED, connections6: FLOODED });

const seconds = fc.constantFrom(0, 1, 2, 10, 400);
const sysctls: fc.Arbitrary<Record<string, number>> = fc.record(
  {
    nf_conntrack_checksum: fc.constantFrom(0, 1),
    nf_conntrack_tcp_loose: fc.constantFrom(0, 1),
    nf_conntrack_tcp_be_liberal: fc.constantFrom(0, 1),
    nf_conntrack_tcp_no_window_check: fc.constantFrom(0, 1),
    nf_conntrack_tcp_max_retrans: fc.constantFrom(0, 1, 3),
    nf_conntrack_tcp_timeout_established: seconds,
    nf_conntrack_tcp_timeout_syn_sent: seconds,
    nf_conntrack_tcp_timeout_close: seconds,
    nf_conntrack_tcp_timeout_max_retrans: seconds,
    nf_conntrack_tcp_timeout_unacknowledged: seconds,
    nf_conntrack_udp_timeout: seconds,
    nf_conntrack_udp_timeout_stream: seconds,
    nf_conntrack_sctp_timeout_established: seconds,
    ipfrag_time: seconds,
    ip6frag_time: seconds,
  },
  { requiredKeys: [] },
);

export const options: fc.Arbitrary<DataplaneOptions> = fc.record(
  {
    node: fc.constant(NODE),
    seed: fc.oneof(fc.constantFrom(0, 1, 0xffffffff, 0x9e3779b9), fc.nat(0xffffffff)),
    scheduler: fc.constantFrom("random", "random", "maglev"),
    randomFully: fc.boolean(),
    sysctls: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 2, arbitrary: sysctls }),
    capacity: fc
      .oneof({ weight: 19, arbitrary: small }, { weight: 1, arbitrary: large })
      .map((some) => ({ ...ROOMY, ...some })),
  },
  { requiredKeys: ["node", "seed", "capacity"] },
);
