/** The transport header of a datagram in pieces, and how much of them it takes to know it. */
import { concat, viewOf } from "../../packet/bytes.ts";
import { type Flow, protocolName, SCTP, TCP, TRANSPORT_HEADERS, UDP } from "../../packet/parse.ts";
import { type Coverage, isCovered } from "./coverage.ts";
import { bodyOf, type Part, type Upper } from "./part.ts";

/** A byte of the first fragment tells that it has come, which says there are no ports. */
const FIRST_BYTE = 1;

/**
 * Whether enough has come to judge the datagram, and to mend its checksum without ever having to
 * come back to a fragment that has left. SCTP's checksum covers all of it.
 */
export function isKnown({ protocol, base }: Upper, coverage: Coverage): boolean {
  const { end = Infinity } = coverage;
  const fixed = TRANSPORT_HEADERS[protocol];
  if (fixed === undefined) return isCovered(coverage, 0, FIRST_BYTE);
  const needed = protocol === SCTP ? end : Math.min(base + fixed, end);
  return needed !== Infinity && isCovered(coverage, base, needed);
}

/** The datagram from its beginning to where the first byte is missing. */
export function assemble(parts: readonly Part[]): Uint8Array {
  const bodies: Uint8Array[] = [];
  let at = 0;
  for (const part of parts.toSorted((a, b) => offsetOf(a) - offsetOf(b))) {
    if (offsetOf(part) !== at) break;
    bodies.push(bodyOf(part));
    at += bodyOf(part).length;
  }
  return concat(bodies);
}

function offsetOf({ piece }: Part): number {
  return piece.ip.fragment.offset;
}

/**
 * The datagram as a packet to be judged, with `part` for its IP header. It shows no more than the
 * fixed part of TCP's and UDP's header, since the rest may not have come yet; SCTP has come whole.
 */
export function read(
  part: Part,
  { protocol, base }: Upper,
  parts: readonly Part[],
  { end = Infinity }: Coverage,
): Flow | "malformed" | "truncated" {
  const fixed = TRANSPORT_HEADERS[protocol] as number;
  const bytes = assemble(parts).subarray(base);
  if (base + fixed > end) return "malformed";
  if (bytes.length < fixed) return "truncated";
  const segment = protocol === SCTP ? bytes : bytes.subarray(0, fixed);
  if (!isSound(protocol, segment)) return "malformed";
  const { ip, tuple } = part.piece;
  const view = viewOf(segment);
  return {
    found: "flow",
    ip: { ...ip, protocol },
    tuple: {
      ...tuple,
      sport: view.getUint16(0),
      dport: view.getUint16(2),
      proto: protocolName(protocol),
    },
    flags: protocol === TCP ? view.getUint8(13) : 0,
    segment,
  };
}

/** The length a header states for itself; how long the datagram is may not be known yet. */
function isSound(protocol: number, segment: Uint8Array): boolean {
  const view = viewOf(segment);
  if (protocol === TCP) return view.getUint8(12) >>> 4 >= 5;
  return protocol !== UDP || view.getUint16(4) >= 8;
}
