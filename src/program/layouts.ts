/** Custom section "waxdp.types": what the keys and values of a program's maps are, as JSON of Layout by name. */
import type { Layout } from "../maps/map.ts";
import { malformed, text } from "./binary.ts";
import type { Image } from "./image.ts";

export const LAYOUT_SECTION = "waxdp.types";

export type Layouts = Readonly<Record<string, Layout>>;

const FIELD_TYPES = new Set([
  ...["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64", "bool"],
  ...["be16", "be32", "be64", "ipv4", "ipv6", "addr16", "mac", "prefix4", "prefix6"],
]);
/** Structs in structs; compilers write one. */
const DEPTH_MAX = 8;
const SIZE_MAX = 65_536;

export function encodeLayouts(layouts: Layouts): number[] {
  return [...text(LAYOUT_SECTION), ...new TextEncoder().encode(JSON.stringify(layouts))];
}

export function readLayouts(bytes: Uint8Array, image: Image): Layouts {
  const span = image.custom.get(LAYOUT_SECTION);
  if (!span) return {};
  const found = parse(bytes.subarray(span.from, span.to));
  if (!isRecord(found) || !Object.values(found).every((each) => isLayout(each, 0))) {
    throw malformed(`${LAYOUT_SECTION} does not describe types`, span.from);
  }
  return found as Layouts;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isLayout(value: unknown, depth: number): boolean {
  if (typeof value === "string") return FIELD_TYPES.has(value);
  if (typeof value === "number") return isSize(value);
  if (!isRecord(value) || depth > DEPTH_MAX) return false;
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && isSized(first!)) return true;
  return (
    entries.length > 0 &&
    entries.every(([, field]) => typeof field !== "number" && isLayout(field, depth + 1))
  );
}

function isSized([name, value]: [string, unknown]): boolean {
  return (name === "bytes" || name === "text") && isSize(value);
}

function isSize(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= SIZE_MAX;
}
