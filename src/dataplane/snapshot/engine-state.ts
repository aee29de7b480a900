/** What an engine keeps <-> its part of a snapshot. */
import { type Counters, NO_TRAFFIC, type Traffic } from "../counters.ts";
import { FAMILIES, type Family } from "../entries.ts";
import { ACTIONS, CONNTRACKS, REASONS, VERDICTS } from "../event.ts";
import { checkState } from "./check.ts";
import { packTable, unpackTable } from "./columns.ts";
import { damaged, type Place, placeOf, placesOf, wholeOf } from "./damage.ts";
import { itemsOf } from "./entries.ts";
import {
  ASSOCIATIONS,
  CLIENTS,
  CONNECTIONS,
  type ConnectionState,
  type EngineState,
  type Refusals,
  TRACKS,
} from "./state.ts";

const WORD_MAX = 2 ** 32 - 1;
const TRAFFIC = Object.keys(NO_TRAFFIC) as (keyof Traffic)[];
const REFUSALS: readonly (keyof Refusals)[] = ["rejected", "dropped"];

export function packState(state: EngineState): object {
  const { seed, random, now, lastSweep, origin, families, clients, backends, services } = state;
  const byFamily = <Packed>(pack: (part: ConnectionState) => Packed) => ({
    ipv4: pack(families.ipv4),
    ipv6: pack(families.ipv6),
  });
  return {
    seed,
    random,
    now,
    lastSweep,
    origin,
    connections: byFamily((part) => packTable(part.connections)),
    tracks: byFamily((part) => packTable(part.tracks)),
    associations: byFamily((part) => packTable(part.associations)),
    clients: packTable(clients),
    counters: settled(state.counters),
    backends: backends.map(([number, row]) => [number, ...TRAFFIC.map((name) => row[name])]),
    services: services.map(([number, row]) => [number, ...REFUSALS.map((name) => row[name])]),
  };
}

/** Fragments that are held do not come along: who goes on has given them up. */
function settled(counters: Counters): Counters {
  const { held, released } = counters.fragments;
  return { ...counters, fragments: { held, released, discarded: held - released } };
}

/** Throws DataplaneError "bad-snapshot". */
export function unpackState(place: Place): EngineState {
  const number = (name: string, most?: number) => wholeOf(placeOf(place, name), most);
  const family = (name: Family) => unpackFamily(place, name);
  const state: EngineState = {
    seed: number("seed", WORD_MAX),
    random: number("random", WORD_MAX),
    now: number("now"),
    lastSweep: number("lastSweep"),
    origin: number("origin"),
    families: { ipv4: family("ipv4"), ipv6: family("ipv6") },
    clients: unpackTable(CLIENTS, placeOf(place, "clients")),
    counters: unpackCounters(placeOf(place, "counters")),
    backends: unpackRows(placeOf(place, "backends"), TRAFFIC),
    services: unpackRows(placeOf(place, "services"), REFUSALS),
  };
  if (state.random === 0) throw damaged(placeOf(place, "random"), "is a state of no generator");
  checkState(state);
  return state;
}

function unpackFamily(place: Place, family: Family): ConnectionState {
  const part = (name: string) => placeOf(placeOf(place, name), family);
  return {
    connections: unpackTable(CONNECTIONS[family], part("connections")),
    tracks: unpackTable(TRACKS, part("tracks")),
    associations: unpackTable(ASSOCIATIONS, part("associations")),
  } as ConnectionState;
}

function unpackCounters(place: Place): Counters {
  const total = (within: Place, name: string) => wholeOf(placeOf(within, name));
  const totals = <Name extends string>(name: string, names: readonly (Name | null)[]) => {
    const within = placeOf(place, name);
    const known = names.filter((each) => each !== null);
    return Object.fromEntries(known.map((each) => [each, total(within, each)])) as Record<
      Name,
      number
    >;
  };
  return {
    packets: total(place, "packets"),
    bytes: total(place, "bytes"),
    verdicts: totals("verdicts", VERDICTS),
    actions: totals("actions", ACTIONS),
    reasons: totals("reasons", REASONS),
    conntrack: totals("conntrack", CONNTRACKS),
    connections: totals("connections", [...ENDINGS, ...FAMILIES]),
    fragments: totals("fragments", ["held", "released", "discarded"]),
  };
}

const ENDINGS = ["created", "expired", "closed", "evicted"] as const;

/** Rows of a number and a total for each name. */
function unpackRows<Name extends string>(
  place: Place,
  names: readonly Name[],
): (readonly [number: number, row: Record<Name, number>])[] {
  return placesOf(place).map((row) => {
    const items = itemsOf(row);
    const at = (index: number) => ({ path: `${row.path}[${index}]`, value: items[index] });
    const totals = names.map((name, index) => [name, wholeOf(at(index + 1))]);
    return [wholeOf(at(0), WORD_MAX), Object.fromEntries(totals) as Record<Name, number>] as const;
  });
}
