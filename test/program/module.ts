/** Programs as modules of hand-written text, position-independent as a C compiler would make them. */
import binaryen from "binaryen";
import { MAP_TYPE_ARRAY, PROGRAM_ABI_VERSION } from "../../abi/program.ts";
import { encodeRoom } from "../../src/program/dylink.ts";

const HELPERS = {
  map_lookup: "(param i32 i32) (result i32)",
  map_update: "(param i32 i32 i32 i32) (result i32)",
  tail_call: "(param i32 i32 i32) (result i32)",
  time: "(result i64)",
  map_create: `(param ${"i32 ".repeat(11)}) (result i32)`,
  map_create_inner: `(param ${"i32 ".repeat(11)}) (result i32)`,
  reason: "(param i32 i32) (result i32)",
} as const;

const IMPORTS = `
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table $table 0 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $places i32))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
  ${Object.entries(HELPERS)
    .map(([name, type]) => `(import "waxdp" "${name}" (func $${name} ${type}))`)
    .join("\n")}`;

export interface ModuleText {
  /** What the program does when it is loaded; nothing is left on the stack. */
  readonly start?: string;
  /** What it does to a packet: its verdict, $ctx is the context. */
  readonly body?: string;
  /** What the batch form does with $contexts and $count; `body` is ignored then. */
  readonly batch?: string;
  /** Bytes at $base. */
  readonly data?: string;
  /** Bytes of memory it asks for, beside its stack. */
  readonly memory?: number;
  /** Functions it puts in the table. */
  readonly elements?: readonly string[];
  readonly others?: string;
  readonly version?: number;
}

/** XDP_PASS and XDP_DROP as bodies. */
export const PASS = "(i32.const 2)";
export const DROP = "(i32.const 1)";
export const NEXT = "(i32.const -1)";

/** The bytes of a module. */
export function moduleOf(text: ModuleText = {}): Uint8Array<ArrayBuffer> {
  const { start = "", body = NEXT, batch, data = "", elements = [], others = "" } = text;
  const { memory = data.length, version = PROGRAM_ABI_VERSION } = text;
  const form =
    batch === undefined
      ? `(func (export "program") (param $ctx i32) (result i32) (local $a i32) ${body})`
      : `(func (export "batch") (param $contexts i32) (param $count i32) (local $a i32) ${batch})`;
  const parsed = binaryen.parseText(`(module ${IMPORTS}
    ${data === "" ? "" : `(data (global.get $base) "${encoded(data)}")`}
    ${elements.length === 0 ? "" : `(elem (global.get $places) func ${elements.join(" ")})`}
    (func (export "waxdp_abi_version") (result i32) (i32.const ${version}))
    (func $start (local $a i32) ${start}) (start $start)
    ${others} ${form})`);
  const bytes = parsed.emitBinary();
  parsed.dispose();
  const room = { memory, alignment: 16, functions: elements.length };
  const section = encodeRoom(room);
  return new Uint8Array([...bytes, 0, section.length, ...section]);
}

function encoded(text: string): string {
  return [...text].map((each) => `\\${each.charCodeAt(0).toString(16).padStart(2, "0")}`).join("");
}

export interface MapText {
  /** Where in the data its name stands. */
  readonly at: number;
  readonly length: number;
  readonly type: number;
  readonly key?: number;
  readonly value?: number;
  readonly entries?: number;
  readonly flags?: number;
}

/** Makes a map and leaves its handle. */
export function mapCreate(map: MapText): string {
  const { at, length, type, key = 4, value = 8, entries = 16, flags = 0 } = map;
  const numbers = [length, type, key, value, entries, flags, 0, 0, 0, 0];
  const given = numbers.map((number) => `(i32.const ${number | 0})`).join(" ");
  return `(call $map_create (i32.add (global.get $base) (i32.const ${at})) ${given})`;
}

export const HITS = mapCreate({ at: 0, length: 4, type: MAP_TYPE_ARRAY });
/** Counts packets in an array called hits. */
export const COUNTER: ModuleText = {
  data: "hits",
  others: "(global $map (mut i32) (i32.const 0))",
  start: `(global.set $map ${HITS})`,
  body: `(local.set $a (i32.load offset=20 (global.get $map)))
    (i64.store (local.get $a) (i64.add (i64.load (local.get $a)) (i64.const 1)))
    ${NEXT}`,
};

/** What says NEXT to every packet, what drops it, and what traps. */
export const nexts = () => moduleOf();
export const drops = () => moduleOf({ body: DROP });
export const traps = () => moduleOf({ body: "unreachable" });
