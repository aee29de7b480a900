/**
 * Who may dial: one source for every set of addresses that no entry of either side tells apart. Two sources
 * of one set cannot fare differently, so that one of them speaks for all.
 */
import { type Interval, numberOf, textOf } from "../control/address.ts";
import type { AddressRange, Family } from "../dataplane/entries.ts";
import * as address from "../packet/address.ts";
import { createSpace, type Ranges, readRanges, type Space } from "./space.ts";
import type { View } from "./view.ts";

/** "endpoint" dials its own Service. */
export type SourceKind = "pods" | "node" | "outside" | "endpoint";

/** One who dials, and whom it stands for. */
export interface Source {
  readonly kind: SourceKind;
  /** "pods", "192.168.0.0/25", "the node". */
  readonly label: string;
  readonly saddr: string;
  readonly interface?: string;
  readonly local?: boolean;
}

/** What each side lets in, null for all. */
export interface Gates {
  readonly family: Family;
  readonly old: readonly AddressRange[] | null;
  readonly next: readonly AddressRange[] | null;
}

/** The sources that matter for a frontend. */
export type Sources = (gates: Gates) => readonly Source[];

/** `podInterfaces` are devices behind which a side takes everybody for a pod. */
export function createSources(
  old: View,
  next: View,
  podInterfaces: readonly string[] = [],
): Sources {
  const known = new Map<string, readonly Source[]>();
  const world = createWorld(old, next, podInterfaces);
  return (gates) => {
    const key = JSON.stringify([gates.family, gates.old, gates.next]);
    const sources = known.get(key) ?? sourcesOf(world, gates);
    known.set(key, sources);
    return sources;
  };
}

/** What the sources of every frontend are made from. */
interface World {
  readonly pods: Readonly<Record<Family, readonly Ranges[]>>;
  readonly nodes: readonly NodeAddress[];
  readonly podInterfaces: readonly string[];
  /** Addresses that a probe had better not have: they mean something. */
  isTaken(text: string): boolean;
  isNode(text: string): boolean;
}

interface NodeAddress {
  readonly family: Family;
  readonly text: string;
  readonly value: bigint;
  /** Of which side it is. */
  readonly sides: string;
}

function createWorld(old: View, next: View, podInterfaces: readonly string[]): World {
  const vips = new Set(
    [old, next].flatMap(({ frontends }) => [...frontends.values()].map(({ vip }) => vip.address)),
  );
  const isNode = (text: string) => old.addresses.has(text) || next.addresses.has(text);
  const pods = (family: Family) =>
    [old, next].map((view) => readRanges(family, view.podRanges[family]));
  return {
    pods: { ipv4: pods("ipv4"), ipv6: pods("ipv6") },
    nodes: nodeAddresses(old, next),
    podInterfaces,
    isNode,
    isTaken: (text) =>
      isNode(text) ||
      vips.has(text) ||
      old.endpointAddresses.has(text) ||
      next.endpointAddresses.has(text),
  };
}

/** ::1 sends to nobody but itself. */
function nodeAddresses(old: View, next: View): NodeAddress[] {
  const texts = [...new Set([...old.addresses.keys(), ...next.addresses.keys()])];
  return texts
    .filter((text) => text !== "::1")
    .map((text) => {
      const family = address.family(text);
      const sides = `${old.addresses.has(text)} ${next.addresses.has(text)}`;
      return { family, text, value: numberOf({ family, text }), sides };
    })
    .sort((a, b) => (a.value < b.value ? -1 : 1));
}

function sourcesOf(world: World, { family, old, next }: Gates): Source[] {
  const gates = [old, next].map((ranges) => (ranges === null ? null : readRanges(family, ranges)));
  const space = createSpace(family, world.pods[family], gates);
  return [...roamers(world, space), ...nodes(world, family, space)];
}

/** Everybody who is not the node: pods by their range or their device, and all others. */
function roamers(world: World, { family, cells }: Space): Source[] {
  const probes = cells.flatMap((cell) => {
    const saddr = probeOf(world, family, cell.intervals);
    return saddr === undefined ? [] : [{ ...cell, saddr }];
  });
  const pods = probes.filter(({ isPod }) => isPod);
  const others = probes.filter(({ isPod }) => !isPod);
  return [
    ...named("pods", family, pods),
    ...world.podInterfaces.flatMap((name) =>
      named("pods", family, others, `pods behind ${name}`).map((source) => ({
        ...source,
        interface: name,
      })),
    ),
    ...named("outside", family, others),
  ];
}

interface Probe {
  readonly size: bigint;
  readonly intervals: readonly Interval[];
  readonly saddr: string;
}

/** The largest set goes by a word, the others by their ranges. */
function named(
  kind: SourceKind,
  family: Family,
  probes: readonly Probe[],
  word: string = kind,
): Source[] {
  const largest = probes.reduce((most, { size }) => (size > most ? size : most), 0n);
  const rest = kind === "outside" ? "elsewhere" : `other ${word}`;
  return probes.map(({ size, intervals, saddr }) => {
    const whole = probes.length === 1 ? word : rest;
    const part = listRanges(family, intervals);
    const label = size === largest ? whole : kind === "outside" ? part : `${word} in ${part}`;
    return { kind, label, saddr };
  });
}

/** Of a label, so that it stays one. */
const RANGES_SHOWN = 3;

function listRanges(family: Family, intervals: readonly Interval[]): string {
  const shown = intervals
    .slice(0, RANGES_SHOWN)
    .map(({ first, last }) => address.formatRange(textOf(family, first), textOf(family, last)));
  const more = intervals.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}

/** Of the networks for documentation (RFC 5737, RFC 3849): nobody takes such an address for a real one. */
const EXAMPLES: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ["203.0.113.7", "198.51.100.7", "192.0.2.7"],
  ipv6: ["2001:db8:ffff::7", "2001:db8:fffe::7"],
};
/** A range may be full of endpoints: then one of them does. */
const TRIES_MAX = 4096;

/** An address of the set, one that means nothing else where there is such; undefined when all are the node's. */
function probeOf(world: World, family: Family, intervals: readonly Interval[]): string | undefined {
  const example = EXAMPLES[family].find((text) => {
    const value = numberOf({ family, text });
    return (
      !world.isTaken(text) && intervals.some(({ first, last }) => first <= value && value <= last)
    );
  });
  if (example !== undefined) return example;
  let fallback: string | undefined;
  let tries = 0;
  for (const value of inside(intervals)) {
    const text = textOf(family, value);
    if (!world.isTaken(text)) return text;
    if (!world.isNode(text)) fallback ??= text;
    if (++tries === TRIES_MAX) break;
  }
  return fallback;
}

/** The last address of a network is its broadcast address, so it comes late. */
function* inside(intervals: readonly Interval[]): Generator<bigint> {
  for (const { first, last } of intervals) {
    for (let value = last - 1n; value > first; value--) yield value;
    yield first;
    if (last !== first) yield last;
  }
}

/** The node itself, once for each of its addresses that is told apart. */
function nodes({ nodes: all }: World, family: Family, { signatureOf }: Space): Source[] {
  const groups = new Map<string, NodeAddress[]>();
  for (const node of all) {
    if (node.family !== family) continue;
    const key = `${node.sides} ${signatureOf(node.value)}`;
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  return [...groups.values()].map((group) => {
    const [first] = group as [NodeAddress];
    const more = group.length > 1 ? ` and ${group.length - 1} more` : "";
    const label = groups.size === 1 ? "the node" : `the node as ${first.text}${more}`;
    return { kind: "node", label, saddr: first.text, local: true };
  });
}
