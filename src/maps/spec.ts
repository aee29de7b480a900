/** What a map is to be like, as people say it. */
import type { MapShape } from "../dataplane/runtime.ts";
import { MapError } from "./error.ts";
import { compileLayout, copyLayout } from "./layout.ts";
import type { Layout, MapFlag, MapType } from "./map.ts";
import { badValue } from "./scalar.ts";
import { checkOuter, checkShape, FLAGS, isArray, isReference, TYPES, WORD_SIZE } from "./shape.ts";

/** A map as somebody wants it, checked. */
export interface Wanted {
  readonly shape: MapShape;
  readonly key: Layout | undefined;
  readonly value: Layout | undefined;
  readonly inner: MapShape | undefined;
}

const OPTIONS = ["name", "type", "key", "value", "maxEntries", "flags", "inner"];
const INNER_OPTIONS = ["type", "key", "value", "maxEntries", "flags"];

/** Throws MapError for what no type checker has seen, too. */
export function readSpec(spec: unknown, place: string): Wanted {
  const wanted = readShape(spec, place, OPTIONS);
  const { inner } = spec as { readonly inner?: unknown };
  if (inner !== undefined) checkOuter(wanted.type, place);
  const within =
    inner === undefined ? undefined : readShape(inner, `${place}: inner`, INNER_OPTIONS).shape;
  checkShape(wanted.shape, within, place);
  const { shape, key, value } = wanted;
  return { shape, key: copyLayout(key), value: copyLayout(value), inner: within };
}

function readShape(spec: unknown, place: string, options: readonly string[]) {
  if (typeof spec !== "object" || spec === null) throw badValue(place, spec, "an object");
  for (const name of Object.keys(spec)) {
    if (options.includes(name)) continue;
    throw new MapError("EINVAL", `${place}: ${name} is not known: there are ${options.join(", ")}`);
  }
  const { type, flags, maxEntries } = spec as Readonly<Record<string, unknown>>;
  if (typeof type !== "string" || !Object.hasOwn(TYPES, type)) {
    throw badValue(`${place}: type`, type, Object.keys(TYPES).join(", "));
  }
  const kind = type as MapType;
  const { key, value } = layoutsOf(spec as LayoutsOf, kind, place);
  const sizes = { keySize: sizeOf(key, `${place}: key`), valueSize: valueSize(value, kind, place) };
  if (typeof maxEntries !== "number")
    throw badValue(`${place}: maxEntries`, maxEntries, "a number");
  const shape = { type: TYPES[kind], ...sizes, maxEntries, flags: readFlags(flags, place) };
  return { type: kind, shape, key, value };
}

interface LayoutsOf {
  readonly key?: Layout;
  readonly value?: Layout;
}

function layoutsOf({ key, value }: LayoutsOf, type: MapType, place: string): LayoutsOf {
  if (isReference(type) && value !== undefined) {
    throw new MapError(
      "EINVAL",
      `${place}: the values of a ${type} have no layout: leave value out`,
    );
  }
  if (type === "ringbuf") {
    if (key === undefined) return value === undefined ? {} : { value };
    throw new MapError("EINVAL", `${place}: a ringbuf has no keys: leave key out`);
  }
  const known = key ?? (isArray(type) ? "u32" : undefined);
  if (known === undefined) throw badValue(`${place}: key`, key, "a layout");
  if (value === undefined && !isReference(type))
    throw badValue(`${place}: value`, value, "a layout");
  return value === undefined ? { key: known } : { key: known, value };
}

function sizeOf(layout: Layout | undefined, place: string): number {
  return layout === undefined ? 0 : compileLayout(layout, place).size;
}

/** What a record of a ring buffer is like says nothing about its size. */
function valueSize(value: Layout | undefined, type: MapType, place: string): number {
  if (isReference(type)) return WORD_SIZE;
  const size = sizeOf(value, `${place}: value`);
  return type === "ringbuf" ? 0 : size;
}

function readFlags(flags: unknown, place: string): number {
  if (flags === undefined) return 0;
  if (!Array.isArray(flags)) throw badValue(`${place}: flags`, flags, "an array of names");
  let bits = 0;
  for (const flag of flags) {
    if (typeof flag !== "string" || !Object.hasOwn(FLAGS, flag)) {
      throw badValue(`${place}: a flag`, flag, `one of ${Object.keys(FLAGS).join(", ")}`);
    }
    bits |= FLAGS[flag as MapFlag];
  }
  return bits;
}
