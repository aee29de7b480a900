/** Connections as the test sees them: made up at both ends, each end seeing what came out of the node there. */
import {
  type Endpoints,
  inverse,
  quoteAt,
  read,
  same,
  setPort,
  setQuotedPort,
} from "./datagram.ts";
import type { Link } from "./topology.ts";

export type Direction = "orig" | "reply";

export interface Flow {
  /** As the client sends it. */
  readonly orig: Endpoints;
  readonly link: Link;
  /** As the endpoint gets it from the kernel; absent until a packet has come out there. */
  translated?: Endpoints;
  /** By dataplane: its source port beside the kernel's, which may be different. */
  readonly pairs: Map<string, { readonly kernel: Endpoints; readonly own: Endpoints }>;
  /** Next sequence number in each direction. */
  readonly next: Record<Direction, number>;
  /** Steps of its life that are over. */
  age: number;
  /** The last packet that came out in each direction, for errors about it. */
  readonly last: Partial<Record<Direction, { readonly packet: Uint8Array; readonly link: Link }>>;
}

export function createFlow(orig: Endpoints, link: Link): Flow {
  return { orig, link, pairs: new Map(), next: { orig: 0, reply: 0 }, age: 0, last: {} };
}

/**
 * The packet as it would be had `dataplane` chosen the source ports instead of the kernel: for what goes into
 * it, and for what is expected of it.
 */
export function inTermsOf(
  dataplane: string,
  packet: Uint8Array,
  flows: Iterable<Flow>,
): Uint8Array {
  const mended = Uint8Array.from(packet);
  for (const { pairs } of flows) {
    const pair = pairs.get(dataplane);
    if (pair === undefined || pair.kernel.sport === pair.own.sport) continue;
    if (mend(mended, pair.kernel, pair.own.sport)) break;
  }
  return mended;
}

function mend(packet: Uint8Array, theirs: Endpoints, port: number): boolean {
  const own = read(packet);
  if (own === undefined) return false;
  if (same(own, theirs)) setPort(packet, "sport", port);
  else if (same(own, inverse(theirs))) setPort(packet, "dport", port);
  else return mendQuote(packet, theirs, port);
  return true;
}

function mendQuote(packet: Uint8Array, theirs: Endpoints, port: number): boolean {
  const quote = quoteAt(packet);
  const own = quote === undefined ? undefined : read(packet.subarray(quote));
  if (own === undefined) return false;
  if (same(own, theirs)) setQuotedPort(packet, "sport", port);
  else if (same(own, inverse(theirs))) setQuotedPort(packet, "dport", port);
  else return false;
  return true;
}

/** Ports a colliding source port is exchanged for: those of its own class (nf_nat_core.c). */
export function classOf(port: number): readonly [low: number, high: number] {
  if (port < 512) return [1, 511];
  return port < 1024 ? [600, 1023] : [1024, 65535];
}
