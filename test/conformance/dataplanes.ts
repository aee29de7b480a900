/** Every implementation of the interface; a conformance suite runs over each of them. */
import { readFileSync } from "node:fs";
import type { Dataplane, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { createDataplane, createModel } from "../../src/index.ts";

export interface Implementation {
  readonly name: "wasm" | "wasm with assertions" | "model";
  create(options?: DataplaneOptions): Promise<Dataplane>;
}

let debug: Promise<WebAssembly.Module> | undefined;

/** The debug build: the same sources, whose assertions trap. */
export async function createChecked(options?: DataplaneOptions): Promise<Dataplane> {
  debug ??= WebAssembly.compile(readFileSync("generated/dataplane.debug.wasm"));
  return createDataplane({ ...options, module: await debug });
}

export const dataplanes: readonly Implementation[] = [
  { name: "wasm", create: async (options) => createDataplane(options) },
  { name: "wasm with assertions", create: createChecked },
  { name: "model", create: async (options) => createModel(options) },
];
