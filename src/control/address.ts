/**
 * Addresses and CIDRs as Kubernetes objects spell them, and the canonical text that the maps use.
 *
 * Old objects hold IPv4 addresses with leading zeros. Kubernetes reads those as decimal, so "010" is ten,
 * where inet_aton and most libraries read octal; that is why IPv4 is not left to ipaddr.js.
 */
import ipaddr from "ipaddr.js";
import type { AddressRange, Family } from "../dataplane/entries.ts";

export interface Address {
  readonly family: Family;
  /** Dotted decimal without leading zeros, or RFC 5952. */
  readonly text: string;
}

/** An interval of addresses of one family, both ends included. */
export interface Interval {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

export interface Cidr extends Interval {
  readonly prefix: number;
}

const BITS = { ipv4: 32, ipv6: 128 } as const;
const IPV4_DIGITS_MAX = 15;

/** The address, or undefined for anything that is none: names, zone ids, IPv4 mapped into IPv6. */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(":")) return parseIpv4(text);
  const parsed = parseIpv6(text);
  return parsed && { family: "ipv6", text: parsed.toRFC5952String() };
}

/** "10.0.1.0/24"; host bits and leading zeros are legal and do not count. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const address = slash < 0 ? undefined : parseAddress(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (!address || !/^[0-9]{1,4}$/.test(length)) return undefined;
  const prefix = Number(length);
  return prefix > BITS[address.family] ? undefined : cidrOf(address, prefix);
}

export function cidrOf(address: Address, prefix: number): Cidr {
  const hostBits = BigInt(BITS[address.family] - prefix);
  const first = (numberOf(address) >> hostBits) << hostBits;
  return { family: address.family, prefix, first, last: first + (1n << hostBits) - 1n };
}

/** The CIDR of one address. */
export function hostCidr(address: Address): Cidr {
  return cidrOf(address, BITS[address.family]);
}

/** The address as a number, for comparing. */
export function numberOf(address: Address): bigint {
  if (address.family === "ipv4") return BigInt(ipv4Value(address.text) ?? 0);
  return ipaddr.IPv6.parse(address.text).parts.reduce(
    (sum, part) => (sum << 16n) | BigInt(part),
    0n,
  );
}

export function textOf(family: Family, value: bigint): string {
  const bytes = Array.from({ length: BITS[family] / 8 }, (_, index, all = BITS[family] / 8) =>
    Number((value >> BigInt(8 * (all - 1 - index))) & 0xffn),
  );
  return family === "ipv4" ? bytes.join(".") : new ipaddr.IPv6(bytes).toRFC5952String();
}

export function contains(interval: Interval, address: Address): boolean {
  if (interval.family !== address.family) return false;
  const value = numberOf(address);
  return interval.first <= value && value <= interval.last;
}

/** Ascending and disjoint: overlapping and touching intervals become one. All are of one family. */
export function mergeIntervals(intervals: readonly Interval[]): AddressRange[] {
  const sorted = [...intervals].sort((a, b) =>
    a.first < b.first ? -1 : a.first > b.first ? 1 : 0,
  );
  const merged: Interval[] = [];
  for (const next of sorted) {
    const previous = merged.at(-1);
    if (!previous || next.first > previous.last + 1n) merged.push(next);
    else if (next.last > previous.last)
      merged[merged.length - 1] = { ...previous, last: next.last };
  }
  return merged.map(rangeOf);
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback(address: Address): boolean {
  return address.family === "ipv4" ? address.text.startsWith("127.") : address.text === "::1";
}

/** Why the apiserver takes no such address as an endpoint or an external IP; undefined when it does. */
export function specialUse(address: Address): string | undefined {
  if (address.text === "0.0.0.0" || address.text === "::") return "the unspecified address";
  if (isLoopback(address)) return "a loopback address";
  if (isLinkLocal(address)) return "a link-local address";
  const multicast = address.family === "ipv4" ? /^224\.0\.0\./ : /^ff.2(:|$)/;
  return multicast.test(address.text) ? "a link-local multicast address" : undefined;
}

/** 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291 section 2.5.6). */
export function isLinkLocal(address: Address): boolean {
  return (address.family === "ipv4" ? /^169\.254\./ : /^fe[89ab].:/).test(address.text);
}

function rangeOf({ family, first, last }: Interval): AddressRange {
  return { first: textOf(family, first), last: textOf(family, last) };
}

function parseIpv4(text: string): Address | undefined {
  const value = ipv4Value(text);
  if (value === undefined) return undefined;
  const octets = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
  return { family: "ipv4", text: octets.join(".") };
}

/** Four decimal octets as one number; every octet may have leading zeros. */
function ipv4Value(text: string): number | undefined {
  if (text.length > IPV4_DIGITS_MAX) return undefined;
  const octets = text.split(".");
  if (octets.length !== 4) return undefined;
  let value = 0;
  for (const octet of octets) {
    if (!/^[0-9]+$/.test(octet) || Number(octet) > 255) return undefined;
    value = value * 256 + Number(octet);
  }
  return value;
}

function parseIpv6(text: string): ipaddr.IPv6 | undefined {
  const plain = text.includes(".") ? withoutDots(text) : text;
  if (!plain || !/^[0-9a-fA-F:]+$/.test(plain) || /[0-9a-fA-F]{5}/.test(plain)) return undefined;
  if (!ipaddr.IPv6.isValid(plain)) return undefined;
  const parsed = ipaddr.IPv6.parse(plain);
  return parsed.isIPv4MappedAddress() ? undefined : parsed;
}

/** The dotted tail of RFC 4291 section 2.2, form 3, as two groups. */
function withoutDots(text: string): string | undefined {
  const tail = text.lastIndexOf(":") + 1;
  const value = ipv4Value(text.slice(tail));
  if (value === undefined) return undefined;
  return `${text.slice(0, tail)}${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;
}
