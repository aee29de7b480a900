/** One fragment, with where it came in, and what can be said of it alone. */
import { DATAGRAM_MAX } from "../../../abi/limits.ts";
import type { Tuple } from "../../dataplane/entries.ts";
import { viewOf } from "../../packet/bytes.ts";
import * as extensions from "../../packet/extensions.ts";
import { type Piece, TRANSPORT_HEADERS } from "../../packet/parse.ts";
import type { Passage } from "../walk.ts";

export interface Part extends Passage {
  readonly piece: Piece;
}

/** What a datagram carries, and how far behind its beginning, which IPv6's extension headers take. */
export interface Upper {
  readonly protocol: number;
  readonly base: number;
}

/** `incomplete`: an IPv6 datagram must begin with all its headers, RFC 7112. */
export type Fault = "malformed" | "incomplete" | "truncated";

/** Bytes of the datagram that the fragment has, by its own length. */
export function lengthOf({ piece: { ip } }: Part): number {
  return ip.end - ip.transport;
}

/** Those bytes of it that were captured. */
export function bodyOf({ frame, piece: { ip } }: Part): Uint8Array {
  return frame.subarray(ip.transport, ip.end);
}

/** Where a byte of the datagram stands in the frame, if the fragment has it. */
export function placeOf(part: Part, at: number): number | undefined {
  const { transport, fragment } = part.piece.ip;
  const within = at - fragment.offset;
  return within >= 0 && within < bodyOf(part).length ? transport + within : undefined;
}

/** The ports, for the one fragment that has them. */
export function portsOf(part: Part, { protocol, base }: Upper): Pick<Tuple, "sport" | "dport"> {
  const at = TRANSPORT_HEADERS[protocol] === undefined ? undefined : placeOf(part, base);
  if (at === undefined) return { sport: 0, dport: 0 };
  const view = viewOf(part.frame);
  return { sport: view.getUint16(at), dport: view.getUint16(at + 2) };
}

export function isCut({ frame, piece: { ip } }: Part): boolean {
  return ip.end > frame.length;
}

/** RFC 791 section 3.2, RFC 8200 section 4.5: what no fragment may be. */
export function isMalformed(part: Part): boolean {
  const { offset, more } = part.piece.ip.fragment;
  const length = lengthOf(part);
  return length === 0 || (more && length % 8 !== 0) || offset + length > DATAGRAM_MAX;
}

/** In IPv4 every fragment says what its datagram carries, in IPv6 only the first one. */
export function upperOf(part: Part): Upper | Fault | undefined {
  const { family, protocol, fragment } = part.piece.ip;
  if (family === "ipv4") return { protocol, base: 0 };
  return fragment.offset === 0 ? readFirst(part) : undefined;
}

function readFirst({ frame, piece: { ip } }: Part): Upper | Fault {
  const { protocol, transport: at, end } = ip;
  const chain = extensions.walk(frame, { protocol, at, end });
  if (chain === "truncated") return chain;
  if (chain === "malformed" || chain.fragment !== null) return "incomplete";
  const headerEnd = chain.at + (TRANSPORT_HEADERS[chain.protocol] ?? 0);
  if (headerEnd > end) return "incomplete";
  if (headerEnd > frame.length) return "truncated";
  return { protocol: chain.protocol, base: chain.at - at };
}
