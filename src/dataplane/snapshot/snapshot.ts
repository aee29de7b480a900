/**
 * A snapshot: all that a dataplane keeps from one packet to the next, so that another one, in another process, of
 * another engine, with other capacities or another seed goes on as if nothing had been. (A dump, dump.ts, is to be
 * looked at: maps in words. A snapshot is to go on from: it has what maps do not show, and none of the words.)
 *
 * The outside is told in envelope.ts. The body is a MessagePack map of these:
 *
 *   engine      "wasm" or "model", which wrote it; either can read it
 *   abi         ABI_VERSION of the one that wrote it: another one is refused
 *   node        name of the Node whose view it was, or null
 *   capacity    what the dataplane had room for, by the names of the option
 *   clock       milliseconds of the caller's clock: { first, latest }, `latest` counted from `first`; null before
 *   nanoseconds the same of what programs are told
 *   entries     rows by map of the control plane, keys and values in the order of entries.ts
 *   state       what the packet path keeps, engine-state.ts: random state, clock, connections with all that is known of
 *               each, remembered clients, counters, traffic. Tables are maps of columns, state.ts: byte strings of
 *               little-endian numbers, one per row; times are milliseconds since `clock.first`
 *   control     what the control plane knows of its maps, ledger.ts: whose numbers are whose
 *   accounts    rows [service port, past traffic..., rejected, dropped before]
 *   programming maps of one's own with their bytes, and what was said of programs and links: src/programming.ts
 *
 * Fragments that wait for others of their datagram are no part of it, nor are frames in the batch.
 */
import { ABI_VERSION } from "../../../abi/version.ts";
import type { ClockState } from "../clock.ts";
import { NO_TRAFFIC, type Traffic } from "../counters.ts";
import type { Capacity, Dataplane } from "../dataplane.ts";
import type { Engine } from "../engine.ts";
import { CAPACITY_MAX } from "../options.ts";
import type { AccountState } from "../statistics.ts";
import type { Transaction } from "../transaction.ts";
import type { ControlState } from "./control.ts";
import {
  badSnapshot,
  damaged,
  numberOf,
  oneOf,
  optionalOf,
  type Place,
  placeOf,
  placesOf,
  stringOf,
  wholeOf,
} from "./damage.ts";
import { packState, unpackState } from "./engine-state.ts";
import { itemsOf, packEntries, unpackEntries } from "./entries.ts";
import { open, seal } from "./envelope.ts";
import { packControl, unpackControl } from "./ledger.ts";
import type { EngineState } from "./state.ts";

/** What is known of a snapshot beside what it is good for. */
export interface SnapshotFacts {
  readonly engine: Dataplane["engine"];
  readonly abi: number;
  readonly node: string | null;
  readonly capacity: Capacity;
  readonly clock: ClockState;
}

/** What is written. */
export interface Source {
  readonly engine: Engine;
  readonly node: string | undefined;
  readonly clock: ClockState;
  readonly nanoseconds: ClockState;
  readonly control: ControlState;
  readonly accounts: readonly AccountState[];
  readonly programming: object;
}

/** What is read, checked but for `programming`. */
export interface Content extends SnapshotFacts {
  readonly nanoseconds: ClockState;
  readonly entries: Transaction;
  readonly state: EngineState;
  readonly control: ControlState;
  readonly accounts: readonly AccountState[];
  readonly programming: Place;
}

export function write({ engine, node, ...source }: Source): Uint8Array {
  return seal({
    engine: engine.name,
    abi: ABI_VERSION,
    node: node ?? null,
    capacity: engine.capacity,
    clock: source.clock,
    nanoseconds: source.nanoseconds,
    entries: packEntries(engine.maps),
    state: packState(engine.save()),
    control: packControl(source.control, engine.maps),
    accounts: source.accounts.map(packAccount),
    programming: source.programming,
  });
}

const TRAFFIC = Object.keys(NO_TRAFFIC) as (keyof Traffic)[];

function packAccount({ service, past, before }: AccountState): number[] {
  return [service, ...TRAFFIC.map((name) => past[name]), before.rejected, before.dropped];
}

/** Throws DataplaneError "bad-snapshot". */
export function read(bytes: Uint8Array): Content {
  const place = { path: "", value: open(bytes) };
  const facts = readFacts(place);
  const part = (name: string) => placeOf(place, name);
  const entries = unpackEntries(part("entries"));
  const state = unpackState(part("state"));
  const nanoseconds = unpackClock(part("nanoseconds"));
  const [first, latest] = [facts.clock.first, facts.clock.latest];
  if (latest < state.now || (first === null && latest > 0))
    throw damaged(part("clock"), "contradicts the packet path's");
  return {
    ...facts,
    nanoseconds,
    entries,
    state,
    control: unpackControl(part("control"), entries),
    accounts: placesOf(part("accounts")).map(unpackAccount),
    programming: part("programming"),
  };
}

function readFacts(place: Place): SnapshotFacts {
  const part = (name: string) => placeOf(place, name);
  const abi = wholeOf(part("abi"));
  if (abi !== ABI_VERSION)
    throw badSnapshot(`the snapshot is of ABI ${abi}, this waxdp has ABI ${ABI_VERSION}`);
  return {
    engine: oneOf(part("engine"), ["wasm", "model"]),
    abi,
    node: optionalOf(part("node"), stringOf) ?? null,
    capacity: unpackCapacity(part("capacity")),
    clock: unpackClock(part("clock")),
  };
}

function unpackCapacity(place: Place): Capacity {
  const names = Object.keys(CAPACITY_MAX) as (keyof Capacity)[];
  const entries = names.map((name) => [name, wholeOf(placeOf(place, name), CAPACITY_MAX[name])]);
  return Object.fromEntries(entries) as unknown as Capacity;
}

function unpackClock(place: Place): ClockState {
  return {
    first: optionalOf(placeOf(place, "first"), numberOf) ?? null,
    latest: atLeastZero(placeOf(place, "latest")),
  };
}

function atLeastZero(place: Place): number {
  const number = numberOf(place);
  if (number >= 0) return number;
  throw damaged(place, "is before its beginning");
}

function unpackAccount(row: Place): AccountState {
  const totals = itemsOf(row).map((value, index) =>
    wholeOf({ path: `${row.path}[${index}]`, value }),
  );
  if (totals.length !== TRAFFIC.length + 3)
    throw damaged(row, "has not as many totals as there are");
  const [service = 0, ...rest] = totals;
  const [rejected = 0, dropped = 0] = rest.slice(TRAFFIC.length);
  const past = Object.fromEntries(TRAFFIC.map((name, index) => [name, rest[index]]));
  return { service, past: past as unknown as Traffic, before: { rejected, dropped } };
}
