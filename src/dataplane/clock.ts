/** Times: from the caller's epoch to the engine's, and from there to the 32 bits of the Wasm packet path. */
import { TIMEOUT_MAX } from "../../abi/limits.ts";
import type { PacketPath } from "./module.ts";

/** Engine time: whole milliseconds since the first time seen, never backwards. */
export function createClock(): (now: number) => number {
  let epoch: number | undefined;
  let latest = 0;
  return (now) => {
    epoch ??= Math.floor(now);
    latest = Math.max(latest, Math.floor(now) - epoch);
    return latest;
  };
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
}

export function createTicks({ rebase }: Pick<PacketPath, "rebase">): Ticks {
  let epoch = 0;
  return {
    epoch: () => epoch,
    tick(now) {
      if (now - epoch < REBASE_AT) return now - epoch;
      const delta = now - REBASE_TO - epoch;
      rebase(Math.min(delta, 2 ** 32 - 1));
      epoch += delta;
      return REBASE_TO;
    },
  };
}
