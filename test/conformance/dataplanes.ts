/** Every implementation of the interface; a conformance suite runs over each of them. */
import type { Dataplane, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { createDataplane, createModel } from "../../src/index.ts";

export interface Implementation {
  readonly name: "wasm" | "model";
  create(options?: DataplaneOptions): Promise<Dataplane>;
}

export const dataplanes: readonly Implementation[] = [
  { name: "wasm", create: async (options) => createDataplane(options) },
  { name: "model", create: async (options) => createModel(options) },
];
