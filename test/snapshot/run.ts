/** A dataplane that has gone through a little of everything. */
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { parseObjects } from "../../src/index.ts";
import { build, type Frame } from "../conformance/frame.ts";
import {
  answer,
  CLIENT,
  conversation,
  DELIVERED,
  DELIVERED_IPV6,
  NODE,
  NODE_IPV4,
  REQUEST,
  REQUEST_IPV6,
  SERVICES,
  scene,
} from "../conformance/scene.ts";

/** As little as `OBJECTS_FEW` and `live` need. */
export const ROOM = {
  services: 16,
  frontends: 32,
  backends: 64,
  slots: 128,
  ranges: 16,
  addresses: 8,
  interfaces: 8,
  connections: 32,
  connections6: 8,
  affinity: 8,
  datagrams: 4,
  fragments: 4,
  batch: 8,
  frame: 1984,
  arena: 65536,
} as const;
export const OPTIONS = { node: NODE, seed: 7, capacity: ROOM };

export const OBJECTS_FEW = scene(SERVICES.web, SERVICES.sticky, SERVICES.gate);

export const EPOCH = 1_700_000_000_000;
const NODE_PORT: Frame = { ...REQUEST, saddr: CLIENT, daddr: NODE_IPV4, dport: 30080 };
const MASQUERADED: Frame = { ...DELIVERED, saddr: NODE_IPV4 };
const STICKY: Frame = { ...REQUEST, daddr: "10.96.0.30" };

/** TCP, UDP and SCTP, of both families, masqueraded, with affinity, refused; some of it answered. */
export function live(dataplane: Dataplane, now = EPOCH): void {
  dataplane.apply(parseObjects(OBJECTS_FEW));
  dataplane.interface("eth0");
  dataplane.interface("eth1");
  for (const frame of talk()) dataplane.process(build(frame), { now });
}

function talk(): Frame[] {
  const tcp = conversation(REQUEST, DELIVERED);
  const udp = { proto: "udp" } as const;
  const frames = [tcp.open(), tcp.response({ flags: "SA" }), tcp.request()].map(({ send }) => send);
  return [
    ...(frames as Frame[]),
    { ...REQUEST, sport: 40001 },
    REQUEST_IPV6,
    { ...REQUEST_IPV6, sport: 40002 },
    answer(DELIVERED_IPV6),
    { ...REQUEST, ...udp },
    { ...answer(DELIVERED), ...udp },
    { ...REQUEST, proto: "sctp" },
    NODE_PORT,
    answer(MASQUERADED),
    { ...NODE_PORT, saddr: "203.0.113.10" },
    STICKY,
    { ...STICKY, ...udp },
    { ...REQUEST, daddr: "10.96.0.10", dport: 81 },
  ];
}
