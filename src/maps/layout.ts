/**
 * What a key or a value is made of, turned into functions that read and write it: closures, as a page may forbid
 * code that is made of text. Fields stand where C would put them.
 */
import { VALUE_SIZE_MAX } from "../../abi/program.ts";
import { show } from "../dataplane/field.ts";
import { MapError } from "./error.ts";
import type { FieldType, Layout } from "./map.ts";
import { badValue, bytesScalar, type Codec, scalarCodec, scalarOf, textScalar } from "./scalar.ts";

/** Structs in structs. */
const DEPTH_MAX = 16;
const FIELD_NAME = /^[A-Za-z_$][\w$]*$/;

/** Throws MapError: EINVAL for what is no layout, E2BIG for one too large. `place` opens every message. */
export function compileLayout(layout: Layout, place: string): Codec {
  return codecOf(layout, place, DEPTH_MAX);
}

/** That many bytes of a layout, where what fills it up may be left out; undefined when it has another size. */
export function fits({ size, end }: Codec, bytes: number): boolean {
  return bytes === size || bytes === end;
}

/** What the owner of the original does to it later does not matter. It has been compiled, so it ends. */
export function copyLayout<L extends Layout | undefined>(layout: L): L {
  if (typeof layout !== "object") return layout;
  const fields = Object.entries(layout).map(([name, field]) => [name, copyLayout(field)]);
  return Object.fromEntries(fields) as L;
}

function codecOf(layout: unknown, place: string, depth: number): Codec {
  if (typeof layout === "number") return scalarCodec(bytesScalar(sizeOf(layout, place)), place);
  if (typeof layout === "string") {
    const scalar = scalarOf(layout);
    if (scalar !== undefined) return scalarCodec(scalar, place);
  }
  if (typeof layout !== "object" || layout === null || Array.isArray(layout)) {
    throw badValue(`the layout of ${place}`, layout, WANTED);
  }
  return isRow(layout) ? rowOf(layout, place) : structOf(layout, place, depth);
}

const WANTED =
  'the name of a type, a number of bytes, or an object of fields such as { hits: "u64" }';

/** `{ bytes: n }` and `{ text: n }`, which are fields; with a type in the place of the number they are structs. */
export function isRow(layout: object): layout is Exclude<FieldType, string> {
  const [[name, size] = [], ...others] = Object.entries(layout);
  return others.length === 0 && (name === "bytes" || name === "text") && typeof size === "number";
}

function rowOf(row: Exclude<FieldType, string>, place: string): Codec {
  const scalar =
    "bytes" in row ? bytesScalar(sizeOf(row.bytes, place)) : textScalar(sizeOf(row.text, place));
  return scalarCodec(scalar, place);
}

function sizeOf(size: unknown, place: string): number {
  if (!Number.isInteger(size) || (size as number) < 1) {
    throw badValue(`the layout of ${place}`, size, "at least one byte");
  }
  if ((size as number) > VALUE_SIZE_MAX) throw tooLarge(place);
  return size as number;
}

function tooLarge(place: string): MapError {
  return new MapError("E2BIG", `the layout of ${place} has more than ${VALUE_SIZE_MAX} bytes`);
}

interface Member {
  readonly name: string;
  readonly offset: number;
  readonly codec: Codec;
}

function structOf(layout: object, place: string, depth: number): Codec {
  if (depth === 0) {
    throw new MapError(
      "EINVAL",
      `${place} is ${DEPTH_MAX} structs deep: write fewer into each other`,
    );
  }
  const members: Member[] = [];
  let [end, alignment] = [0, 1];
  for (const [name, field] of Object.entries(layout)) {
    checkName(name, place);
    if (typeof field === "number") {
      throw badValue(`the layout of ${place}.${name}`, field, `a type such as { bytes: ${field} }`);
    }
    const codec = codecOf(field, `${place}.${name}`, depth - 1);
    const offset = roundUp(end, codec.alignment);
    members.push({ name, offset, codec });
    [end, alignment] = [offset + codec.size, Math.max(alignment, codec.alignment)];
    if (end > VALUE_SIZE_MAX) throw tooLarge(place);
  }
  if (members.length === 0)
    throw badValue(`the layout of ${place}`, layout, "a struct with fields");
  const last = members.at(-1) as Member;
  return structCodec(members, place, last.offset + last.codec.end, alignment);
}

function checkName(name: string, place: string): void {
  if (FIELD_NAME.test(name) && name !== "__proto__") return;
  throw badValue(`the layout of ${place}: the field`, name, "a name of letters, digits and _");
}

function roundUp(size: number, alignment: number): number {
  return Math.ceil(size / alignment) * alignment;
}

function structCodec(
  members: readonly Member[],
  place: string,
  end: number,
  alignment: number,
): Codec {
  return {
    size: roundUp(end, alignment),
    end,
    alignment,
    read: (bytes, at) => {
      const value: Record<string, unknown> = {};
      for (const { name, offset, codec } of members) value[name] = codec.read(bytes, at + offset);
      return value;
    },
    write: (bytes, at, value) => {
      if (typeof value !== "object" || value === null) {
        throw badValue(place, value, `an object with ${namesOf(members)}`);
      }
      const fields = value as Readonly<Record<string, unknown>>;
      for (const { name, offset, codec } of members) {
        codec.write(bytes, at + offset, fields[name]);
      }
      checkFields(members, place, fields);
    },
  };
}

/** Each field of the struct is there; so there is another one when there are more. */
function checkFields(members: readonly Member[], place: string, fields: object): void {
  let count = 0;
  for (const _ in fields) count++;
  if (count <= members.length) return;
  const known = new Set(members.map(({ name }) => name));
  let other: string | undefined;
  for (const name in fields) if (!known.has(name)) other ??= name;
  throw new MapError("EINVAL", `${place}.${show(other)} is not known: it has ${namesOf(members)}`);
}

function namesOf(members: readonly Member[]): string {
  return members.map(({ name }) => name).join(", ");
}
