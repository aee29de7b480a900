/**
 * Where the headers of a frame are, found quickly: for whole and sound ones only, by the RFCs alone, so that
 * neither engine's parser is asked about its own work.
 */

export const TCP = 6;
export const UDP = 17;
export const SCTP = 132;
export const ICMP = 1;
export const ICMPV6 = 58;

/** Offsets are from the first byte of the frame. */
export interface Headers {
  readonly v6: boolean;
  readonly ip: number;
  readonly transport: number;
  /** Where the packet ends by its own length, or the capture before that. */
  readonly end: number;
  /** Nothing of it was cut off by the capture. */
  readonly whole: boolean;
  readonly protocol: number;
  /** In bytes; -1 of a packet that is no fragment. */
  readonly offset: number;
}

/** Extension headers with a length: RFC 8200 section 4, RFC 6275 section 6.1. */
const SIZED = [0, 43, 60, 135];
const FRAGMENT = 44;
const AUTHENTICATION = 51;

const u16 = (bytes: Uint8Array, at: number) => (bytes[at]! << 8) | bytes[at + 1]!;

export function linkSize(bytes: Uint8Array, link: number): number {
  switch (link) {
    case 0:
    case 108:
      return 4;
    case 1: {
      let at = 12;
      while (at < 20 && [0x8100, 0x88a8, 0x9100].includes(u16(bytes, at))) at += 4;
      return at + 2;
    }
    case 113:
      return 16;
    case 276:
      return 20;
    default:
      return 0;
  }
}

/** Undefined for what is not whole enough to be told. */
export function locate(bytes: Uint8Array, link: number): Headers | undefined {
  const ip = linkSize(bytes, link);
  if (ip >= bytes.length) return undefined;
  const v6 = bytes[ip]! >>> 4 === 6;
  if (ip + (v6 ? 40 : 20) > bytes.length) return undefined;
  const end = v6 ? ip + 40 + u16(bytes, ip + 4) : ip + u16(bytes, ip + 2);
  const headers = locateWithin(bytes, ip, Math.min(end, bytes.length));
  return headers && { ...headers, whole: end <= bytes.length };
}

/** An IP packet that begins at `ip` and ends at `end`, whatever it says itself: the beginning of one, mostly. */
export function locateWithin(bytes: Uint8Array, ip: number, end: number): Headers | undefined {
  const version = ip < end ? bytes[ip]! >>> 4 : 0;
  if (version === 4) return locateIpv4(bytes, ip, end);
  return version === 6 ? locateIpv6(bytes, ip, end) : undefined;
}

function locateIpv4(bytes: Uint8Array, ip: number, end: number): Headers | undefined {
  if (ip + 20 > end) return undefined;
  const transport = ip + (bytes[ip]! & 15) * 4;
  if (transport < ip + 20 || transport > end) return undefined;
  const field = u16(bytes, ip + 6);
  const offset = field & 0x3fff ? (field & 0x1fff) * 8 : -1;
  return { v6: false, ip, transport, end, whole: true, protocol: bytes[ip + 9]!, offset };
}

function locateIpv6(bytes: Uint8Array, ip: number, end: number): Headers | undefined {
  if (ip + 40 > end) return undefined;
  let [protocol, transport, offset] = [bytes[ip + 6]!, ip + 40, -1];
  // What follows the header of a later fragment is none.
  while (isExtension(protocol) && offset <= 0) {
    if (transport + 8 > end) return undefined;
    const field = protocol === FRAGMENT ? u16(bytes, transport + 2) & 0xfff9 : 0;
    if (field !== 0) offset = field & 0xfff8;
    const size = extensionSize(protocol, bytes[transport + 1]!);
    protocol = bytes[transport]!;
    transport += size;
  }
  if (transport > end) return undefined;
  return { v6: true, ip, transport, end, whole: true, protocol, offset };
}

function isExtension(protocol: number): boolean {
  return protocol === FRAGMENT || protocol === AUTHENTICATION || SIZED.includes(protocol);
}

function extensionSize(protocol: number, length: number): number {
  if (protocol === FRAGMENT) return 8;
  return protocol === AUTHENTICATION ? (length + 2) * 4 : 8 + 8 * length;
}

/** One's complement sum of the bytes, not folded yet. */
export function sum(bytes: Uint8Array, from: number, to: number): number {
  let total = 0;
  let at = from;
  for (; at + 1 < to; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  return at < to ? total + (bytes[at]! << 8) : total;
}

/** The sum in 16 bits; of the two zeros always 0xffff. */
export function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded === 0 ? 0xffff : folded;
}

/** Offset of the first address, and of what follows the second. */
export function addressesOf({ v6, ip }: Headers): readonly [from: number, to: number] {
  return v6 ? [ip + 8, ip + 40] : [ip + 12, ip + 20];
}

/** Where a transport keeps its checksum, counted from its first byte; undefined for others. */
export function checksumAt({ protocol }: Headers): number | undefined {
  switch (protocol) {
    case TCP:
      return 16;
    case UDP:
      return 6;
    case SCTP:
      return 8;
    case ICMP:
    case ICMPV6:
      return 2;
    default:
      return undefined;
  }
}

/** The sum a whole packet's transport checksum is about: 0xffff when it is right. */
export function transportSum(bytes: Uint8Array, headers: Headers): number {
  const { protocol, transport, end } = headers;
  const message = sum(bytes, transport, end);
  if (protocol === ICMP) return fold(message);
  const [from, to] = addressesOf(headers);
  return fold(message + sum(bytes, from, to) + protocol + (end - transport));
}
