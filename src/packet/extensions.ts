/** The chain of IPv6 extension headers: RFC 8200 section 4. */
import { EXTENSION_HEADERS_MAX } from "../../abi/limits.ts";
import { viewOf } from "./bytes.ts";

/** Protocols: IANA "Assigned Internet Protocol Numbers". */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;
const EXTENSIONS = [HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS, MOBILITY];

/** Place of a piece in its datagram: RFC 791 section 3.1, RFC 8200 section 4.5. */
export interface Fragment {
  /** 16 bits in IPv4, 32 in IPv6. */
  readonly id: number;
  /** In bytes. */
  readonly offset: number;
  readonly more: boolean;
}

/** Where a chain begins, in offsets from the first byte: `protocol` says what stands at `at`, `end` where its packet ends. */
export interface Start {
  readonly protocol: number;
  readonly at: number;
  readonly end: number;
}

/** Where a chain ends: at what is no extension header, or behind the header of a fragment. */
export interface Chain {
  readonly protocol: number;
  readonly at: number;
  readonly fragment: Fragment | null;
}

/**
 * Follows a chain to its end. An atomic fragment (RFC 6946: offset 0 and no more to come) is a whole packet, so
 * the walk goes on behind its header. "truncated" when the captured bytes end first.
 */
export function walk(bytes: Uint8Array, start: Start): Chain | "malformed" | "truncated" {
  const view = viewOf(bytes);
  let { protocol, at } = start;
  let fragment: Fragment | null = null;
  for (let headers = 0; fragment === null && EXTENSIONS.includes(protocol); headers++) {
    if (headers === EXTENSION_HEADERS_MAX || at + 8 > start.end) return "malformed";
    if (at + 8 > bytes.length) return "truncated";
    const length = lengthOf(protocol, view.getUint8(at + 1));
    if (at + length > start.end) return "malformed";
    if (at + length > bytes.length) return "truncated";
    if (protocol === FRAGMENT) fragment = readFragment(view, at);
    protocol = view.getUint8(at);
    at += length;
  }
  return { protocol, at, fragment };
}

/**
 * The same for a packet of which only the beginning is there: it goes on behind the header of a first fragment,
 * once. "malformed" for a later fragment, which has none of what is looked for.
 */
export function walkFirst(bytes: Uint8Array, start: Start): Chain | "malformed" | "truncated" {
  const chain = walk(bytes, start);
  if (typeof chain === "string" || chain.fragment === null) return chain;
  if (chain.fragment.offset !== 0) return "malformed";
  const rest = walk(bytes, { ...chain, end: start.end });
  return typeof rest === "string" || rest.fragment === null ? rest : "malformed";
}

/** RFC 8200 section 4.5 (fragment), RFC 4302 section 2.2 (authentication), the others section 4.2. */
function lengthOf(protocol: number, field: number): number {
  if (protocol === FRAGMENT) return 8;
  if (protocol === AUTHENTICATION) return (field + 2) * 4;
  return (field + 1) * 8;
}

/** RFC 8200 section 4.5: the offset stands three bits up, which is in bytes as it is. */
function readFragment(view: DataView, at: number): Fragment | null {
  const field = view.getUint16(at + 2);
  const fragment = { id: view.getUint32(at + 4), offset: field & 0xfff8, more: (field & 1) !== 0 };
  return fragment.offset !== 0 || fragment.more ? fragment : null;
}
