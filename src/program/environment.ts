/**
 * Import module "env" of a program: the dataplane's memory and table, and where in them it stands, as WebAssembly's
 * tool-conventions DynamicLinking.md has it; and what AssemblyScript calls when something is wrong.
 */
import type { Runtime } from "../dataplane/runtime.ts";
import type { Ranges } from "./ranges.ts";
import type { Stack } from "./stack.ts";
import { readString } from "./text.ts";

export function environmentOf(
  { memory, table }: Pick<Runtime, "memory" | "table">,
  ranges: Pick<Ranges, "memory" | "first">,
  stack: Pick<Stack, "pointer">,
): WebAssembly.ModuleImports {
  return {
    memory,
    table,
    __indirect_function_table: table,
    __memory_base: constant(ranges.memory),
    __table_base: constant(ranges.first),
    __stack_pointer: stack.pointer,
    abort(message: number, file: number, line: number, column: number) {
      const place = `${readString(memory, file)}:${line >>> 0}:${column >>> 0}`;
      const text = message === 0 ? "aborted" : readString(memory, message);
      throw new Error(`${text} (${place})`);
    },
  };
}

function constant(value: number): WebAssembly.Global {
  return new WebAssembly.Global({ value: "i32", mutable: false }, value | 0);
}
