/** Times: from the caller's epoch to the engine's, and from there to the 32 bits of the Wasm packet path. */
import { TIMEOUT_MAX } from "../../abi/limits.ts";
import type { PacketPath } from "./module.ts";
import type { EngineState } from "./snapshot/state.ts";

/** A clock that starts with the first time it is told. */
export interface Clock {
  /** Units since that, never backwards. */
  (now: number): number;
  save(): ClockState;
  load(state: ClockState): void;
}

export interface ClockState {
  /** The first time it was told; null before. */
  readonly first: number | null;
  /** What it has said last. */
  readonly latest: number;
}

/** Engine time: whole milliseconds since the first time seen, never backwards. */
export function createClock(): Clock {
  return clockOf((now, first) => Math.floor(now) - Math.floor(first));
}

/** Nanoseconds since the first time seen, never backwards: what programs are told. */
export function createNanoseconds(): Clock {
  return clockOf((now, first) => Math.round((now - first) * 1e6));
}

function clockOf(between: (now: number, first: number) => number): Clock {
  let first: number | null = null;
  let latest = 0;
  const clock = (now: number) => {
    first ??= now;
    latest = Math.max(latest, between(now, first));
    return latest;
  };
  return Object.assign(clock, {
    save: () => ({ first, latest }),
    load(state: ClockState) {
      ({ first, latest } = state);
    },
  });
}

/** The module's clock has 32 bits of milliseconds: it is moved before they run out. */
const REBASE_AT = 2 ** 31;
/** What is older becomes as old as this, which is past every timeout. */
const REBASE_TO = TIMEOUT_MAX + 1;

export interface Ticks {
  /** The engine time that the module's times are counted from. */
  epoch(): number;
  /** The module's time of an engine time. */
  tick(now: number): number;
  /** Goes on as another engine was; none of the module's stored times may be of use any more. */
  resume(state: Pick<EngineState, "now" | "lastSweep" | "origin">): void;
}

export function createTicks({ rebase, resume }: Pick<PacketPath, "rebase" | "resume">): Ticks {
  let epoch = 0;
  return {
    epoch: () => epoch,
    resume({ now, lastSweep, origin }) {
      epoch = now - origin < REBASE_AT ? origin : now - REBASE_TO;
      resume(now - epoch, Math.max(0, lastSweep - epoch));
    },
    tick(now) {
      if (now - epoch < REBASE_AT) return now - epoch;
      const delta = now - REBASE_TO - epoch;
      rebase(Math.min(delta, 2 ** 32 - 1));
      epoch += delta;
      return REBASE_TO;
    },
  };
}
