/** A model with the maps of a test, and frames that go through it. */
import { LINK_SLOT_ETHERNET } from "../../abi/layout.ts";
import type { Capacity } from "../../src/dataplane/dataplane.ts";
import type { Engine, FrameInput, ReleasedFrame } from "../../src/dataplane/engine.ts";
import type {
  Backend,
  Config,
  Entries,
  Interface,
  Proto,
  Route,
  Service,
  Timeouts,
} from "../../src/dataplane/entries.ts";
import { ACTIONS, CONNTRACKS, REASONS, VERDICTS } from "../../src/dataplane/event.ts";
import type { ControlMap, Operation, Transaction } from "../../src/dataplane/transaction.ts";
import { createEngine } from "../../src/model/model.ts";

export const CAPACITY: Capacity = {
  services: 16,
  frontends: 16,
  backends: 16,
  slots: 64,
  ranges: 8,
  addresses: 4,
  interfaces: 4,
  connections: 1024,
  connections6: 4,
  affinity: 2,
  datagrams: 4,
  fragments: 4,
  batch: 4,
  frame: 256,
  headroom: 64,
  arena: 0,
  cpus: 1,
};

/** What programs say of a frame that none has seen. */
export const UNMARKED = { mark: 0, priority: 0, backend: 0 };

export const TIMEOUTS: Timeouts = {
  SYN_SENT: 120_000,
  SYN_RECV: 60_000,
  ESTABLISHED: 432_000_000,
  FIN_WAIT: 120_000,
  CLOSE_WAIT: 60_000,
  LAST_ACK: 30_000,
  TIME_WAIT: 120_000,
  CLOSE: 10_000,
  SYN_SENT2: 120_000,
  UDP: 30_000,
  UDP_STREAM: 120_000,
  SCTP_CLOSED: 10_000,
  SCTP_COOKIE_WAIT: 3_000,
  SCTP_COOKIE_ECHOED: 3_000,
  SCTP_ESTABLISHED: 210_000,
  SCTP_SHUTDOWN_SENT: 3_000,
  SCTP_SHUTDOWN_RECD: 3_000,
  SCTP_SHUTDOWN_ACK_SENT: 3_000,
  SCTP_HEARTBEAT_SENT: 30_000,
  MAX_RETRANS: 300_000,
  UNACKNOWLEDGED: 300_000,
};

export const CONFIG: Config = {
  podRanges: { ipv4: [{ first: "10.244.0.0", last: "10.244.255.255" }], ipv6: [] },
  localhostNodePorts: true,
  tcpBeLiberal: false,
  tcpNoWindowCheck: false,
  tcpLoose: true,
  tcpMaxRetrans: 3,
  checksum: true,
  randomFully: false,
  timeouts: TIMEOUTS,
  fragmentTimeouts: { ipv4: 30_000, ipv6: 60_000 },
};

export const DNAT: Route = { action: "dnat", ring: "cluster", masquerade: false };
export const MASQUERADE: Route = { action: "dnat", ring: "cluster", masquerade: true };
export const REJECT: Route = { action: "reject", reason: "no-endpoints" };

export function routes(pod: Route, local = pod, other = pod): Service["routes"] {
  return { pod, local, other };
}

export function service(change: Partial<Service> = {}): Service {
  return {
    service: 1,
    frontend: "cluster-ip",
    affinity: 0,
    sourceRanges: null,
    routes: routes(DNAT, MASQUERADE, MASQUERADE),
    ...change,
  };
}

export function backend(address: string, proto: Proto, change: Partial<Backend> = {}): Backend {
  const v6 = address.includes(":");
  return {
    service: 1,
    family: v6 ? "ipv6" : "ipv4",
    address,
    port: 8080,
    proto,
    rings: ["cluster"],
    weight: 1,
    masquerade: v6 ? "2001:db8::2" : "192.168.0.2",
    ...change,
  };
}

export const INTERFACE: Interface = {
  name: "",
  pod: false,
  ipv4: "192.168.0.2",
  ipv6: "2001:db8::2",
};

type Pairs<Name extends ControlMap> = readonly (readonly [
  Entries[Name]["key"],
  Entries[Name]["value"],
])[];

/** What stands in the maps. */
export type Content = { readonly [Name in ControlMap]?: Pairs<Name> };

export function transaction(content: Content): Transaction {
  const operations = Object.entries(content).flatMap(([map, pairs]) =>
    pairs.map(([key, value]) => ({ op: "update", map, key, value, create: true, label: "" })),
  );
  return {
    operations: operations as unknown as Operation[],
    warnings: [],
    empty: operations.length === 0,
  };
}

/** Outcomes by name, so that a test reads like an event. */
export interface Passage {
  readonly verdict: string;
  readonly action: string;
  readonly reason: string | null;
  readonly conntrack: string;
  readonly service: number;
  readonly backend: number;
  readonly masquerade: boolean;
  readonly packet: Uint8Array;
  readonly released: readonly ReleasedFrame[];
}

export interface World {
  readonly engine: Engine;
  send(frame: Uint8Array, options?: Partial<FrameInput> & { readonly now?: number }): Passage;
}

const POISON = 0xa5;

/** How a frame comes when nothing else is said of it. */
export function inputOf(frame: Uint8Array, options: Partial<FrameInput> = {}): FrameInput {
  const link = LINK_SLOT_ETHERNET;
  return {
    interface: 0,
    local: false,
    link,
    wireLength: frame.length,
    ...UNMARKED,
    ...options,
  };
}

export function createWorld(content: Content, capacity: Partial<Capacity> = {}): World {
  const engine = createEngine({ capacity: { ...CAPACITY, ...capacity }, seed: 7 });
  engine.commit(transaction({ config: [["config", CONFIG]], ...content }));
  return {
    engine,
    send(frame, { now = 0, ...options } = {}) {
      const window = new Uint8Array(frame.length + 64).fill(POISON);
      window.set(frame, 32);
      const kept = window.slice();
      const input = inputOf(frame, options);
      const view = window.subarray(32, 32 + frame.length);
      const { outcome, packet, released } = engine.process(view, input, now);
      if (kept.some((byte, at) => byte !== window[at])) throw new Error("the input was changed");
      return {
        ...outcome,
        verdict: VERDICTS[outcome.verdict]!,
        action: ACTIONS[outcome.action]!,
        reason: REASONS[outcome.reason]!,
        conntrack: CONNTRACKS[outcome.conntrack]!,
        packet,
        released,
      };
    },
  };
}
