/**
 * Addresses and CIDRs as Kubernetes objects spell them, and the canonical text that the maps use.
 *
 * Old objects hold IPv4 addresses with leading zeros. Kubernetes reads those as decimal, so "010" is ten,
 * where inet_aton and most libraries read octal.
 */
import type { AddressRange, Family } from "../dataplane/entries.ts";
import * as packet from "../packet/address.ts";
import { formatGroups, parseGroups } from "../packet/groups.ts";

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
const LEADING_ZERO = /(?:^|\.)0\d/;
const LEADING_ZEROS = /(^|\.)0+(?=\d)/g;

/** The address, or undefined for anything that is none: names, zone ids, IPv4 mapped into IPv6. */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(":")) return parseIpv4(text);
  const groups = parseIpv6(text);
  return groups && { family: "ipv6", text: formatGroups(groups) };
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
  if (address.family === "ipv4") return BigInt(packet.parseIpv4(address.text) ?? 0);
  const groups = parseGroups(address.text) ?? [];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
}

export function textOf(family: Family, value: bigint): string {
  if (family === "ipv4") return dotted(Number(value));
  const groups = [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n].map((bits) =>
    Number((value >> bits) & 0xffffn),
  );
  return formatGroups(groups);
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
  const plain = plainIpv4(text);
  return plain === undefined ? undefined : { family: "ipv4", text: plain };
}

/** Without the zeros that octets of old objects may begin with; undefined for what is no IPv4 address. */
function plainIpv4(text: string): string | undefined {
  if (text.length > IPV4_DIGITS_MAX) return undefined;
  const plain = LEADING_ZERO.test(text) ? text.replaceAll(LEADING_ZEROS, "$1") : text;
  return packet.parseIpv4(plain) === null ? undefined : plain;
}

function dotted(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".");
}

function parseIpv6(text: string): readonly number[] | undefined {
  const groups = parseGroups(text.includes(".") ? (withoutDots(text) ?? "") : text);
  return groups === null || isMappedIpv4(groups) ? undefined : groups;
}

/** ::ffff:0:0/96: RFC 4291 section 2.5.5.2. */
function isMappedIpv4(groups: readonly number[]): boolean {
  return groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
}

/** The dotted tail of RFC 4291 section 2.2, form 3, as two groups. */
function withoutDots(text: string): string | undefined {
  const tail = text.lastIndexOf(":") + 1;
  const plain = plainIpv4(text.slice(tail));
  if (plain === undefined) return undefined;
  const value = packet.parseIpv4(plain) ?? 0;
  return `${text.slice(0, tail)}${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;
}
