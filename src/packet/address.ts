/** IP addresses: bytes in packet order <-> canonical text (dotted quad; RFC 5952 section 4). */
import type { Family } from "../dataplane/entries.ts";
import { formatGroups, parseGroups } from "./groups.ts";

/** An address and a port, as in "10.0.0.1:80" or "[2001:db8::1]:80". */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Text of 4 or 16 bytes. */
export function format(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const { buffer, byteOffset, byteLength } = bytes;
  const view = new DataView(buffer, byteOffset, byteLength);
  return formatGroups(Array.from({ length: 8 }, (_, index) => view.getUint16(2 * index)));
}

const [DOT, DIGIT_0, DIGIT_9] = [0x2e, 0x30, 0x39] as const;
/** Where an octet has not begun. */
const NO_DIGIT = -1;

/** The four bytes of a dotted quad as one number, the first on top; null for anything else. */
export function parseIpv4(text: string): number | null {
  let [value, octets, octet] = [0, 1, NO_DIGIT];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (octet === NO_DIGIT) return null;
      [value, octets, octet] = [value * 256 + octet, octets + 1, NO_DIGIT];
    } else {
      const isDigit = code >= DIGIT_0 && code <= DIGIT_9;
      // Some read a leading zero as octal.
      if (!isDigit || octet === 0) return null;
      octet = (octet === NO_DIGIT ? 0 : octet) * 10 + code - DIGIT_0;
      if (octet > 255) return null;
    }
  }
  return octets === 4 && octet !== NO_DIGIT ? value * 256 + octet : null;
}

/** The eight groups of IPv6 text without a zone, also with a dotted quad at its end; null for anything else. */
export function parseIpv6(text: string): readonly number[] | null {
  if (!text.includes(".")) return parseGroups(text);
  const tail = text.lastIndexOf(":") + 1;
  const value = parseIpv4(text.slice(tail));
  if (tail === 0 || value === null) return null;
  const groups = [value >>> 16, value & 0xffff].map((group) => group.toString(16));
  return parseGroups(text.slice(0, tail) + groups.join(":"));
}

/** The 4 or 16 bytes of an address. Throws a RangeError for anything else. */
export function parse(text: string): Uint8Array {
  const bytes = bytesOf(text);
  if (bytes === null) throw new RangeError(`not an IP address: ${JSON.stringify(text)}`);
  return bytes;
}

function bytesOf(text: string): Uint8Array | null {
  const ipv6 = parseIpv6(text);
  if (ipv6 !== null) return Uint8Array.from(ipv6.flatMap((group) => [group >> 8, group & 255]));
  const ipv4 = parseIpv4(text);
  return ipv4 === null
    ? null
    : Uint8Array.of(ipv4 >>> 24, (ipv4 >>> 16) & 255, (ipv4 >>> 8) & 255, ipv4 & 255);
}

/** The one text of an address that all its spellings share, or null when it is no address. */
export function canonical(text: string): string | null {
  const bytes = bytesOf(text);
  return bytes && format(bytes);
}

/** Only IPv6 text has colons. */
export function family(text: string): Family {
  return text.includes(":") ? "ipv6" : "ipv4";
}

/**
 * Less than, equal to or greater than zero, as `a` stands to `b` in packet order; for one family.
 */
export function compare(a: string, b: string): number {
  const left = parse(a);
  const right = parse(b);
  const differing = left.findIndex((byte, index) => byte !== right[index]);
  return differing < 0 ? 0 : (left[differing] as number) - (right[differing] as number);
}

/** "10.0.0.0/8" where the range is one, else "10.0.0.1 to 10.0.0.9"; an address alone stands alone. */
export function formatRange(first: string, last: string): string {
  if (first === last) return first;
  const low = bits(first);
  const high = bits(last);
  const prefix = [...low].findIndex((bit, index) => bit !== high[index]);
  const whole = !low.includes("1", prefix) && !high.includes("0", prefix);
  return whole ? `${first}/${prefix}` : `${first} to ${last}`;
}

function bits(text: string): string {
  return Array.from(parse(text), (byte) => byte.toString(2).padStart(8, "0")).join("");
}

/** "10.0.0.1:80" or "[2001:db8::1]:80". */
export function formatEndpoint(address: string, port: number): string {
  return family(address) === "ipv6" ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Reads "ip:port" and "[ip]:port"; null for anything else. The address comes back canonical. */
export function parseEndpoint(text: string): Endpoint | null {
  const match = /^(?:\[([^\]]*:[^\]]*)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const address = canonical((match[1] ?? match[2]) as string);
  const port = Number(match[3]);
  return address === null || port > 65535 ? null : { address, port };
}
