/** A datagram in pieces, and what becomes of them one after another. */
import type { Capacity } from "../../../src/dataplane/dataplane.ts";
import type { FrameInput, Outcome } from "../../../src/dataplane/engine.ts";
import type { Config, Proto } from "../../../src/dataplane/entries.ts";
import { ACTIONS, CONNTRACKS, REASONS, VERDICTS } from "../../../src/dataplane/event.ts";
import { type PacketSpec, packet } from "../../../src/packet/build.ts";
import { CLIENT6, ENDPOINT, ENDPOINT6, POD, VIP, VIP6, web } from "../scene.ts";
import { CONFIG, type Content, createWorld, inputOf, type World } from "../world.ts";

export const HELD = {
  verdict: "DROP",
  action: "hold",
  reason: "fragment",
  conntrack: "none",
  service: 0,
  backend: 0,
};
export const DROPPED = { ...HELD, action: "drop" };

interface Leaving {
  readonly packet: Uint8Array;
  readonly sport: number;
  readonly dport: number;
}

export interface Crossing extends Leaving {
  readonly released: readonly Leaving[];
}

export function named(outcome: Outcome) {
  return {
    ...outcome,
    verdict: VERDICTS[outcome.verdict],
    action: ACTIONS[outcome.action],
    reason: REASONS[outcome.reason],
    conntrack: CONNTRACKS[outcome.conntrack],
  };
}

type Options = Partial<FrameInput> & { readonly now?: number };

/** Sends a frame through, and says with its outcome what it has let go. */
export function send(
  world: World,
  frame: Uint8Array,
  { now = 0, ...options }: Options = {},
): Crossing {
  const { outcome, packet, released } = world.engine.process(frame, inputOf(frame, options), now);
  return {
    ...named(outcome),
    packet,
    sport: 0,
    dport: 0,
    released: released.map((one) => ({ ...one, ...named(one.outcome) })),
  };
}

const CAPACITY = { datagrams: 3, fragments: 3, frame: 1600 };

export function createScene(
  proto: Proto = "udp",
  {
    config = {},
    content = {},
    capacity = {},
  }: {
    readonly config?: Partial<Config>;
    readonly content?: Content;
    readonly capacity?: Partial<Capacity>;
  } = {},
): World {
  const podRanges = { ...CONFIG.podRanges, ipv6: [{ first: CLIENT6, last: CLIENT6 }] };
  const fragmentTimeouts = { ipv4: 30_000, ipv6: 60_000 };
  const whole = { ...CONFIG, podRanges, checksum: true, fragmentTimeouts, ...config };
  return createWorld(
    { ...web(proto), config: [["config", whole]], ...content },
    { ...CAPACITY, ...capacity },
  );
}

export const PAYLOAD = Uint8Array.from({ length: 61 }, (_, at) => at * 7);
export const QUERY: PacketSpec = {
  saddr: POD,
  sport: 40000,
  daddr: VIP,
  dport: 80,
  proto: "udp",
  payload: PAYLOAD,
  id: 77,
};
export const ARRIVED: PacketSpec = { ...QUERY, daddr: ENDPOINT, dport: 8080 };
export const QUERY6: PacketSpec = { ...QUERY, saddr: CLIENT6, daddr: VIP6 };
export const ARRIVED6: PacketSpec = { ...ARRIVED, saddr: CLIENT6, daddr: ENDPOINT6 };
export const FAMILIES = [
  ["IPv4", QUERY, ARRIVED, 1],
  ["IPv6", QUERY6, ARRIVED6, 2],
] as const;
/** What opens a connection of each protocol, long enough to be cut. */
export const OPENERS: Readonly<Record<Proto, Partial<PacketSpec>>> = {
  tcp: { proto: "tcp", flags: "S", tcpOptions: { mss: 1460, windowScale: 7 } },
  udp: { proto: "udp" },
  sctp: {
    proto: "sctp",
    chunks: [{ type: "INIT", value: new Uint8Array(60).fill(1) }],
    payload: "",
  },
};

/** One fragment of any bytes. */
export function piece(
  offset: number,
  length: number,
  more: boolean,
  change: Partial<PacketSpec> = {},
) {
  const fragment = { id: 77, offset, more };
  const later = { ...QUERY, fragment, payload: PAYLOAD.subarray(0, length), ...change };
  if (offset > 0) return packet(later);
  return packet({ ...later, payload: PAYLOAD.subarray(0, length - 8), udpLength: 200 });
}

/** Everything that has left, in order, of frames sent one after another. */
export function pass(world: World, frames: readonly Uint8Array[]): Uint8Array[] {
  return frames.flatMap((frame) => {
    const crossing = send(world, frame) as Crossing & { verdict: string };
    const own = crossing.verdict === "PASS" ? [crossing.packet] : [];
    return [...own, ...crossing.released.map(({ packet }) => packet)];
  });
}
