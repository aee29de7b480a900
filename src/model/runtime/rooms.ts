/** How far frames may grow: kept by the number of their packet, where programs do not write. */
import { CTX_SLOT } from "../../../abi/program.ts";
import type { Context } from "./context.ts";

/** Where a frame may begin at the lowest, and end at the highest. */
export interface Room {
  readonly head: number;
  readonly limit: number;
}

/** What no frame fits into. */
const NONE: Room = { head: Number.POSITIVE_INFINITY, limit: Number.NEGATIVE_INFINITY };

/** Those of one call of `process`. */
export class Rooms {
  readonly #rooms = new Map<number, Room>();

  clear(): void {
    this.#rooms.clear();
  }

  give(number: number, room: Room): void {
    this.#rooms.set(number, room);
  }

  of(context: Context): Room {
    return this.#rooms.get(context.read(CTX_SLOT)) ?? NONE;
  }
}
