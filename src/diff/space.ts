/** The addresses of a family, cut into sets by the ranges of both sides. */
import { type Interval, numberOf, parseCidr } from "../control/address.ts";
import type { AddressRange, Family } from "../dataplane/entries.ts";

/** Ascending and disjoint. */
export type Ranges = readonly Interval[];

/** Addresses that are in the same ranges. */
export interface Cell {
  /** In a pods' range of one side at least. */
  readonly isPod: boolean;
  readonly intervals: readonly Interval[];
  /** How many addresses. */
  readonly size: bigint;
}

/** The sets, pairwise disjoint; addresses that nobody can have as a source are in none. */
export interface Space {
  readonly family: Family;
  readonly cells: readonly Cell[];
  /** Equal for two addresses that are in the same ranges. */
  signatureOf(value: bigint): string;
}

const LAST: Readonly<Record<Family, bigint>> = { ipv4: 2n ** 32n - 1n, ipv6: 2n ** 128n - 1n };

/**
 * Nobody's as a source: this network, loopback, multicast and the rest of class E (RFC 6890); for IPv6 the
 * unspecified address, loopback, IPv4-mapped addresses, link-local ones and multicast (RFC 4291).
 */
const IMPOSSIBLE: Readonly<Record<Family, Ranges>> = {
  ipv4: cidrs("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"),
  ipv6: [...cidrs("::/127"), mapped(), ...cidrs("fe80::/10", "ff00::/8")],
};

function cidrs(...texts: readonly string[]): Interval[] {
  return texts.map(parseCidr).filter((cidr) => cidr !== undefined);
}

/** ::ffff:0:0/96, which is no address in Kubernetes' eyes. */
function mapped(): Interval {
  const first = 0xffffn << 32n;
  return { family: "ipv6", first, last: first + 2n ** 32n - 1n };
}

/** `ranges` as the maps hold them: ascending and disjoint. */
export function readRanges(family: Family, ranges: readonly AddressRange[]): Ranges {
  return ranges.map(({ first, last }) => ({
    family,
    first: numberOf({ family, text: first }),
    last: numberOf({ family, text: last }),
  }));
}

/** `pods` and `gates` of both sides; null lets in everybody. */
export function createSpace(
  family: Family,
  pods: readonly Ranges[],
  gates: readonly (Ranges | null)[],
): Space {
  const sets = [...pods, ...gates.filter((ranges) => ranges !== null)];
  const signatureOf = (value: bigint) =>
    sets.map((ranges) => (isInside(ranges, value) ? "1" : "0")).join("");
  const cells = [...groupsOf(family, sets, signatureOf)].map(([signature, intervals]) => ({
    isPod: signature.slice(0, pods.length).includes("1"),
    intervals,
    size: intervals.reduce((sum, { first, last }) => sum + last - first + 1n, 0n),
  }));
  return { family, cells, signatureOf };
}

/** Intervals of addresses that somebody may have, by their signature. */
function groupsOf(
  family: Family,
  sets: readonly Ranges[],
  signatureOf: (value: bigint) => string,
): Map<string, Interval[]> {
  const impossible = IMPOSSIBLE[family];
  const groups = new Map<string, Interval[]>();
  for (const interval of cut(family, [...sets, impossible])) {
    if (isInside(impossible, interval.first)) continue;
    const key = signatureOf(interval.first);
    const group = groups.get(key);
    if (group) extend(group, interval);
    else groups.set(key, [interval]);
  }
  return groups;
}

/** The space in pieces, none of which a range begins or ends within. */
function cut(family: Family, sets: readonly Ranges[]): Interval[] {
  const starts = new Set([0n]);
  for (const { first, last } of sets.flat()) starts.add(first).add(last + 1n);
  const sorted = [...starts]
    .filter((start) => start <= LAST[family])
    .sort((a, b) => (a < b ? -1 : 1));
  return sorted.map((first, index) => {
    const next = sorted[index + 1];
    return { family, first, last: next === undefined ? LAST[family] : next - 1n };
  });
}

/** Touching intervals become one. */
function extend(group: Interval[], interval: Interval): void {
  const previous = group.at(-1) as Interval;
  if (previous.last + 1n === interval.first)
    group[group.length - 1] = { ...previous, last: interval.last };
  else group.push(interval);
}

/** By halving: a Service may have thousands of ranges. */
function isInside(ranges: Ranges, value: bigint): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle] as Interval).last < value) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && (ranges[low] as Interval).first <= value;
}
