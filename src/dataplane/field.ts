/** A part of an entry that somebody handed in, with its place, and what it may be. */
import * as address from "../packet/address.ts";
import { FAMILIES, type Family } from "./entries.ts";
import { DataplaneError } from "./error.ts";

export interface Field {
  /** "services: value.routes.pod.ring". */
  readonly place: string;
  readonly value: unknown;
}

/** Numbers of records and milliseconds have 32 bits. */
export const NUMBER_MAX = 2 ** 32 - 1;

export function root(place: string, value: unknown): Field {
  return { place, value };
}

/** Throws DataplaneError "bad-entry", as everything below. */
export function fieldOf({ place, value }: Field, name: string): Field {
  if (typeof value !== "object" || value === null) throw bad({ place, value }, "an object");
  return { place: `${place}.${name}`, value: (value as Record<string, unknown>)[name] };
}

export function listOf<Item>({ place, value }: Field, read: (item: Field) => Item): Item[] {
  if (!Array.isArray(value)) throw bad({ place, value }, "an array");
  return Array.from(value, (item, index) => read({ place: `${place}[${index}]`, value: item }));
}

export function integerOf(field: Field, lowest: number, highest: number): number {
  const { value } = field;
  if (Number.isInteger(value) && (value as number) >= lowest && (value as number) <= highest) {
    return value as number;
  }
  throw bad(field, `an integer from ${lowest} to ${highest}`);
}

export function booleanOf(field: Field): boolean {
  if (typeof field.value === "boolean") return field.value;
  throw bad(field, "true or false");
}

export function textOf(field: Field): string {
  if (typeof field.value === "string") return field.value;
  throw bad(field, "a string");
}

export function wordOf<Word extends string>(field: Field, words: readonly Word[]): Word {
  if (words.includes(field.value as Word)) return field.value as Word;
  throw bad(field, words.map((word) => JSON.stringify(word)).join(" or "));
}

export function familyOf(field: Field): Family {
  return wordOf(field, FAMILIES);
}

/** Canonical text; "" only where the address may be absent. Any family unless one is given. */
export function addressOf(field: Field, family?: Family, presence?: "optional"): string {
  const text = textOf(field);
  if (text === "" && presence === "optional") return "";
  const canonical = address.canonical(text);
  if (canonical !== null && (family ?? address.family(canonical)) === address.family(canonical)) {
    return canonical;
  }
  throw bad(field, `an ${NAMES[family ?? "any"]} address`);
}

const NAMES = { ipv4: "IPv4", ipv6: "IPv6", any: "IP" } as const;
const SHOWN_MAX = 60;

export function bad({ place, value }: Field, wanted: string): DataplaneError {
  return new DataplaneError("bad-entry", `${place} is ${show(value)}: it must be ${wanted}`);
}

/** A value for a message: on one line, and short. */
export function show(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) {
    if (value instanceof Uint8Array) return `a Uint8Array of ${value.length} bytes`;
    return Array.isArray(value) ? `an array of ${value.length}` : "an object";
  }
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  const shown = typeof value === "bigint" ? `${text}n` : text;
  return shown.length > SHOWN_MAX ? `${shown.slice(0, SHOWN_MAX)}...` : shown;
}
