/**
 * Keys and values of maps as JSON has them: 64-bit numbers beyond what JSON keeps exact are decimal text, numbers that it
 * has not (NaN, Infinity) are their names, bytes are hexadecimal text.
 */
import { hex } from "../packet/bytes.ts";
import { isRow } from "./layout.ts";
import type { Layout } from "./map.ts";

/** What `fromJson` takes back, but for maps and programs in a map: they become their names. */
export function toJson(value: unknown): unknown {
  if (typeof value === "bigint") return fitsNumber(value) ? Number(value) : value.toString();
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== "object" || value === null) return value;
  if ("name" in value && "info" in value) return value.name;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, toJson(each)]));
}

function fitsNumber(value: bigint): boolean {
  return value === BigInt(Number(value)) && Number.isSafeInteger(Number(value));
}

/** What a map of that layout takes; what is nothing of the kind stays as it is, for the map to refuse. */
export function fromJson(layout: Layout | undefined, value: unknown): unknown {
  if (layout === undefined || typeof layout === "number") return bytesOf(value);
  if (typeof layout === "string") return scalarOf(layout, value);
  if (isRow(layout)) return "bytes" in layout ? bytesOf(value) : value;
  if (typeof value !== "object" || value === null) return value;
  return fieldsOf(layout, value as Record<string, unknown>);
}

function fieldsOf(
  layout: Readonly<Record<string, Layout>>,
  value: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const fields = Object.entries(value).map(([name, each]) => {
    const known = Object.hasOwn(layout, name) ? layout[name] : undefined;
    return [name, known === undefined ? each : fromJson(known, each)];
  });
  return Object.fromEntries(fields);
}

function scalarOf(type: string, value: unknown): unknown {
  if (is64Bits(type)) return bigintOf(value);
  const isFloat = type === "f32" || type === "f64";
  return isFloat && INFINITE.includes(value) ? Number(value) : value;
}

const INFINITE: readonly unknown[] = ["NaN", "Infinity", "-Infinity"];

function is64Bits(type: string): boolean {
  return type === "u64" || type === "i64" || type === "be64";
}

function bigintOf(value: unknown): unknown {
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  return typeof value === "string" && /^-?\d{1,20}$/.test(value) ? BigInt(value) : value;
}

/** Hexadecimal digits, with colons or spaces between bytes if one likes, or an array of numbers. */
function bytesOf(value: unknown): unknown {
  if (typeof value === "string") {
    const digits = value.replace(/^0x|[\s:]/g, "");
    if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) return value;
    return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  }
  const isByte = (each: unknown) =>
    Number.isInteger(each) && Number(each) >= 0 && Number(each) < 256;
  return Array.isArray(value) && value.every(isByte) ? Uint8Array.from(value) : value;
}
