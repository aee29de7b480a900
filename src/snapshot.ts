/** What a snapshot says of itself, for those who have no dataplane to restore it into yet. */
import type { Capacity, Dataplane } from "./dataplane/dataplane.ts";
import { VERDICTS } from "./dataplane/event.ts";
import {
  damaged,
  numberOf,
  oneOf,
  type Place,
  placeOf,
  placesOf,
  stringOf,
  wholeOf,
} from "./dataplane/snapshot/damage.ts";
import { read } from "./dataplane/snapshot/snapshot.ts";
import type { LinkInfo } from "./hook/hook.ts";
import { readKept } from "./maps/keeping.ts";
import type { KeptMap } from "./maps/map.ts";
import type { ProgramInfo } from "./program/loaded.ts";

/** A program that was loaded; its bytes are not part of a snapshot. */
export type KeptProgram = Pick<ProgramInfo, "name" | "tag" | "form" | "builtin" | "size" | "maps">;

/** Where a program stood, and what it did there. */
export type KeptLink = Pick<
  LinkInfo,
  "hook" | "name" | "builtin" | "runCount" | "verdicts" | "traps"
> & { readonly program: Pick<LinkInfo["program"], "name" | "tag"> };

export interface SnapshotInfo {
  readonly engine: Dataplane["engine"];
  /** ABI_VERSION of the waxdp that wrote it. */
  readonly abi: number;
  /** The Node whose view it was. */
  readonly node: string | null;
  readonly seed: number;
  /** What the dataplane had room for; with as much, or more, it can be restored. */
  readonly capacity: Capacity;
  /** The latest time it was told, in milliseconds of its caller's clock; null before the first packet. */
  readonly latest: number | null;
  readonly connections: { readonly ipv4: number; readonly ipv6: number };
  readonly maps: readonly KeptMap[];
  readonly programs: readonly KeptProgram[];
  /** In the order of their hooks. */
  readonly links: readonly KeptLink[];
}

/** Throws DataplaneError "bad-snapshot". */
export function readSnapshot(bytes: Uint8Array): SnapshotInfo {
  const { engine, abi, node, capacity, clock, state, programming } = read(bytes);
  const { ipv4, ipv6 } = state.families;
  const items = <Item>(name: string, readItem: (place: Place) => Item) =>
    placesOf(placeOf(programming, name)).map(readItem);
  return {
    engine,
    abi,
    node,
    seed: state.seed,
    capacity,
    latest: clock.first === null ? null : Math.floor(clock.first) + clock.latest,
    connections: { ipv4: ipv4.connections.length, ipv6: ipv6.connections.length },
    maps: items("maps", (place) => readKept(place, capacity.cpus)),
    programs: items("programs", readProgram),
    links: items("links", readLink),
  };
}

function readProgram(place: Place): KeptProgram {
  return {
    name: stringOf(placeOf(place, "name")),
    tag: stringOf(placeOf(place, "tag")),
    form: oneOf(placeOf(place, "form"), ["packet", "batch"]),
    builtin: flagOf(placeOf(place, "builtin")),
    size: wholeOf(placeOf(place, "size")),
    maps: placesOf(placeOf(place, "maps")).map(stringOf),
  };
}

function readLink(place: Place): KeptLink {
  return {
    hook: oneOf(placeOf(place, "hook"), ["ingress", "egress"]),
    name: stringOf(placeOf(place, "name")),
    program: readNameAndTag(placeOf(place, "program")),
    builtin: flagOf(placeOf(place, "builtin")),
    runCount: numberOf(placeOf(place, "runCount")),
    verdicts: readVerdicts(placeOf(place, "verdicts")),
    traps: numberOf(placeOf(place, "traps")),
  };
}

function readNameAndTag(place: Place): KeptLink["program"] {
  return { name: stringOf(placeOf(place, "name")), tag: stringOf(placeOf(place, "tag")) };
}

function readVerdicts(place: Place): KeptLink["verdicts"] {
  const names = [...VERDICTS, "NEXT"] as const;
  const counts = names.map((name) => [name, numberOf(placeOf(place, name))]);
  return Object.fromEntries(counts) as KeptLink["verdicts"];
}

function flagOf(place: Place): boolean {
  if (typeof place.value === "boolean") return place.value;
  throw damaged(place, "is neither true nor false");
}
