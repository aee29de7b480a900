/** What is wrong with a snapshot, and where. */
import { DataplaneError } from "../error.ts";

/** A part of a snapshot: "connections.ipv4.state". */
export interface Place {
  readonly path: string;
  readonly value: unknown;
}

export function badSnapshot(message: string): DataplaneError {
  return new DataplaneError("bad-snapshot", `${message}; nothing was changed`);
}

/** "the snapshot is damaged: connections.ipv4.state is not 12 bytes". */
export function damaged({ path }: Pick<Place, "path">, fault: string): DataplaneError {
  return badSnapshot(`the snapshot is damaged: ${path} ${fault}`);
}

/** Throws DataplaneError "bad-snapshot" where there is nothing that has fields. */
export function placeOf({ path, value }: Place, name: string): Place {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw damaged({ path: path || "it" }, "is no map");
  const within = path === "" ? name : `${path}.${name}`;
  return { path: within, value: (value as Record<string, unknown>)[name] };
}

/** The items of an array. */
export function placesOf({ path, value }: Place): Place[] {
  if (!Array.isArray(value)) throw damaged({ path }, "is no array");
  return value.map((item, index) => ({ path: `${path}[${index}]`, value: item }));
}

export function wholeOf(place: Place, most = Number.MAX_SAFE_INTEGER): number {
  const { value } = place;
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most)
    return value as number;
  throw damaged(place, `is not an integer from 0 to ${most}`);
}

export function numberOf(place: Place): number {
  if (typeof place.value === "number" && Number.isFinite(place.value)) return place.value;
  throw damaged(place, "is no number");
}

export function stringOf(place: Place): string {
  if (typeof place.value === "string") return place.value;
  throw damaged(place, "is no text");
}

/** Null stands for undefined. */
export function optionalOf<Value>(place: Place, read: (place: Place) => Value): Value | undefined {
  return place.value === null ? undefined : read(place);
}

export function oneOf<Word extends string>(place: Place, words: readonly Word[]): Word {
  if (words.includes(place.value as Word)) return place.value as Word;
  throw damaged(place, `is none of ${words.join(", ")}`);
}
