/** IP addresses: bytes in packet order <-> canonical text (dotted quad; RFC 5952 section 4). */
import ipaddr from "ipaddr.js";
import type { Family } from "../dataplane/entries.ts";

/** An address and a port, as in "10.0.0.1:80" or "[2001:db8::1]:80". */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Text of 4 or 16 bytes. */
export function format(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  return (ipaddr.fromByteArray([...bytes]) as ipaddr.IPv6).toRFC5952String();
}

/** The 4 or 16 bytes of an address. Throws a RangeError for anything else. */
export function parse(text: string): Uint8Array {
  if (!isAddress(text)) throw new RangeError(`not an IP address: ${JSON.stringify(text)}`);
  return Uint8Array.from(ipaddr.parse(text).toByteArray());
}

/** Dotted quads of four decimal numbers, and IPv6 text without a zone: what packets can carry. */
function isAddress(text: string): boolean {
  const dotted = text.slice(text.lastIndexOf(":") + 1);
  if (dotted.includes(".") && !ipaddr.IPv4.isValidFourPartDecimal(dotted)) return false;
  if (dotted === text) return dotted.includes(".");
  return !text.includes("%") && ipaddr.IPv6.isValid(text);
}

/** The one text of an address that all its spellings share, or null when it is no address. */
export function canonical(text: string): string | null {
  return isAddress(text) ? format(parse(text)) : null;
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
