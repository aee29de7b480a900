/** The options of a dataplane, checked and completed. */
import type { Capacity, DataplaneOptions, FrameOptions, ProcessOptions } from "./dataplane.ts";
import { DataplaneError } from "./error.ts";

export const DEFAULT_CAPACITY: Capacity = {
  services: 16384,
  frontends: 32768,
  backends: 65536,
  slots: 1048576,
  ranges: 16384,
  addresses: 1024,
  interfaces: 256,
  connections: 65536,
  connections6: 65536,
  affinity: 65536,
  batch: 256,
  frame: 1984,
};

/** The most that record numbers and addresses of 32 bits leave room for. */
const CAPACITY_MAX: Capacity = {
  services: 2 ** 22,
  frontends: 2 ** 22,
  backends: 2 ** 24,
  slots: 2 ** 28,
  ranges: 2 ** 22,
  addresses: 2 ** 20,
  interfaces: 2 ** 16 - 1,
  connections: 2 ** 24,
  connections6: 2 ** 23,
  affinity: 2 ** 24,
  batch: 2 ** 16,
  frame: 262144,
};

function bad(message: string): DataplaneError {
  return new DataplaneError("bad-option", message);
}

/** Throws DataplaneError "bad-option". */
export function capacityOf({ capacity = {} }: DataplaneOptions): Capacity {
  for (const name of Object.keys(capacity)) {
    if (name in DEFAULT_CAPACITY) continue;
    throw bad(
      `capacity.${name} is not known: it is one of ${Object.keys(DEFAULT_CAPACITY).join(", ")}`,
    );
  }
  const names = Object.keys(DEFAULT_CAPACITY) as (keyof Capacity)[];
  return Object.fromEntries(
    names.map((name) => [name, oneCapacity(name, capacity[name])]),
  ) as unknown as Capacity;
}

function oneCapacity(name: keyof Capacity, value = DEFAULT_CAPACITY[name]): number {
  if (Number.isInteger(value) && value >= 1 && value <= CAPACITY_MAX[name]) return value;
  throw bad(`capacity.${name} is ${value}: it must be an integer from 1 to ${CAPACITY_MAX[name]}`);
}

/** Throws DataplaneError "bad-option". */
export function seedOf({ seed = 0 }: DataplaneOptions): number {
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return seed;
  throw bad(`seed is ${seed}: it must be an integer from 0 to 4294967295`);
}

/** Throws DataplaneError "bad-option". */
export function checkNow(now: ProcessOptions["now"]): void {
  if (typeof now === "number" && Number.isFinite(now) && Math.abs(now) <= Number.MAX_SAFE_INTEGER)
    return;
  throw bad(`now is ${now}: it must be a finite number of milliseconds`);
}

/** Throws DataplaneError "bad-option" or "frame-too-large". */
export function checkFrame(frame: Uint8Array, largest: number): void {
  if (!(frame instanceof Uint8Array)) throw bad("a frame must be a Uint8Array");
  if (frame.length <= largest) return;
  throw new DataplaneError(
    "frame-too-large",
    `the frame has ${frame.length} bytes, the most is ${largest}` +
      (largest < 262144
        ? ": create the dataplane with a larger capacity.frame, or use process"
        : ""),
  );
}

/** Never less than what is there: a lower number is no length a frame on the wire can have had. */
export function wireLengthOf({ wireLength }: FrameOptions, length: number): number {
  if (wireLength === undefined || wireLength <= length) return length;
  if (Number.isInteger(wireLength) && wireLength < 2 ** 31) return wireLength;
  throw bad(`wireLength is ${wireLength}: it must be an integer below 2^31`);
}
