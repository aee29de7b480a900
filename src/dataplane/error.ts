/** What a dataplane refuses, with the place and the mend in the message. */
import type { Capacity } from "./dataplane.ts";

export type DataplaneErrorCode =
  | "capacity"
  | "batch-full"
  | "frame-too-large"
  | "abi-mismatch"
  | "bad-option"
  | "bad-entry"
  | "bad-module"
  | "read-only-map"
  | "events-off"
  | "bad-dump"
  | "bad-snapshot"
  | "in-use"
  | "wrecked-context"
  | "closed"
  | "in-flight"
  | "no-shared-memory"
  | "worker-died";

/** Thrown by a dataplane and what makes one; `code` says which of the kinds it is. */
export class DataplaneError extends Error {
  override readonly name = "DataplaneError";
  readonly code: DataplaneErrorCode;
  constructor(code: DataplaneErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** An option or argument that no type checker has seen, and that means nothing. */
export function badOption(message: string): DataplaneError {
  return new DataplaneError("bad-option", message);
}

/** A transaction needs more of something than the dataplane was created for. */
export function overCapacity(name: keyof Capacity, needed: number, held: number): DataplaneError {
  return new DataplaneError(
    "capacity",
    `the objects need ${needed} ${name}, the dataplane holds ${held}: ` +
      `create it with capacity.${name} of at least ${needed}; nothing was changed`,
  );
}

/** A map has no room for one more entry; `name` is the capacity that ran out. */
export function mapFull(name: keyof Capacity, capacity: number): DataplaneError {
  return new DataplaneError(
    "capacity",
    `${name} is full with ${capacity} entries: create the dataplane with a larger capacity.${name}`,
  );
}
