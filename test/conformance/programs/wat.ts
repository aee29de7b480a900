/** Programs for tests, written as WebAssembly text: the least there is between what a test says and what runs. */
import binaryen from "binaryen";

/** What a program may import, as C would declare it. */
const HELPERS = {
  map_lookup: "(param i32 i32) (result i32)",
  map_update: "(param i32 i32 i32 i32) (result i32)",
  map_delete: "(param i32 i32) (result i32)",
  ringbuf_reserve: "(param i32 i32) (result i32)",
  ringbuf_submit: "(param i32)",
  ringbuf_discard: "(param i32)",
  ringbuf_output: "(param i32 i32 i32) (result i32)",
  ringbuf_query: "(param i32 i32) (result i64)",
  tail_call: "(param i32 i32 i32) (result i32)",
  time: "(result i64)",
  random: "(result i32)",
  cpu: "(result i32)",
  csum_diff: "(param i32 i32 i32 i32 i32) (result i32)",
  adjust_head: "(param i32 i32) (result i32)",
  adjust_tail: "(param i32 i32) (result i32)",
  redirect: "(param i32 i32) (result i32)",
  tuple: "(param i32 i32) (result i32)",
  conntrack: "(param i32 i32) (result i32)",
  service: "(param i32 i32) (result i32)",
  set_backend: "(param i32 i32) (result i32)",
} as const;

/** For modules that are put together elsewhere. */
export const IMPORTS = [
  '(import "env" "memory" (memory 0))',
  ...Object.entries(HELPERS).map(([name, type]) => {
    return `(import "waxdp" "${name}" (func $${name} ${type}))`;
  }),
].join("\n");

/** Names of what any program imports. */
export const HELPER_NAMES = Object.keys(HELPERS) as readonly (keyof typeof HELPERS)[];

/** A program in packet form: the body leaves its verdict on the stack; $ctx is the context, $a, $b and $l are free. */
export function packetForm(body: string): string {
  return `(module ${IMPORTS}
    (func (export "program") (param $ctx i32) (result i32) (local $a i32) (local $b i32) (local $l i64)
      ${body}))`;
}

/** A program in batch form, called with $contexts and $count. */
export function batchForm(body: string): string {
  return `(module ${IMPORTS}
    (func (export "batch") (param $contexts i32) (param $count i32) (local $a i32) (local $b i32)
      ${body}))`;
}

/** A batch form that does `body` for every packet, whose context is then $ctx. */
export function forEach(body: string): string {
  return `(module ${IMPORTS}
    (func (export "batch") (param $ctx i32) (param $count i32) (local $end i32) (local $a i32)
      (local.set $end (i32.add (local.get $ctx) (i32.shl (local.get $count) (i32.const 6))))
      (loop $next
        ${body}
        (local.set $ctx (i32.add (local.get $ctx) (i32.const 64)))
        (br_if $next (i32.lt_u (local.get $ctx) (local.get $end))))))`;
}

export const ctx = "(local.get $ctx)";

export function i32(value: number): string {
  return `(i32.const ${value | 0})`;
}

/** A field of the context. */
export function field(at: number): string {
  return `(i32.load offset=${at} ${ctx})`;
}

export function setField(at: number, value: string): string {
  return `(i32.store offset=${at} ${ctx} ${value})`;
}

/** Notes a number at an address. */
export function note(at: number, value: string): string {
  return `(i32.store ${i32(at)} ${value})`;
}

const assembled = new Map<string, WebAssembly.Module>();

/** Throws what the assembler has against it. */
export function assemble(text: string): WebAssembly.Module {
  const known = assembled.get(text);
  if (known !== undefined) return known;
  const parsed = binaryen.parseText(text);
  const module = new WebAssembly.Module(new Uint8Array(parsed.emitBinary()));
  parsed.dispose();
  assembled.set(text, module);
  return module;
}
