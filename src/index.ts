/** waxdp: a programmable dataplane in WebAssembly, and its model in TypeScript behind the same interface. */
import { createReconciler } from "./control/reconcile.ts";
import type { Dataplane, DataplaneOptions } from "./dataplane/dataplane.ts";
import type { Engine } from "./dataplane/engine.ts";
import { capacityOf, checkOptions, seedOf } from "./dataplane/options.ts";
import { createPlane } from "./dataplane/plane.ts";
import * as wasm from "./dataplane/wasm.ts";
import * as model from "./model/model.ts";
import { checkPoolOptions } from "./pool/options.ts";
import { createPool } from "./pool/plane.ts";
import type { DataplanePool, PoolOptions } from "./pool/pool.ts";
import { spawner } from "./pool/thread.ts";
import { createProgramming } from "./programming.ts";

export type { Kind } from "./control/collection.ts";
export { type ObjectSet, parseManifests, parseObjects, type Source } from "./control/kubernetes.ts";
export { ManifestError, type ManifestErrorCode, type Problem } from "./control/problem.ts";
export { createObjectStore, type ObjectStore } from "./control/store.ts";
export type {
  BackendStatistics,
  Counters,
  ServiceStatistics,
  Traffic,
} from "./dataplane/counters.ts";
export type * from "./dataplane/dataplane.ts";
export { type Dump, dump, readDump } from "./dataplane/dump.ts";
export type * from "./dataplane/entries.ts";
export { DataplaneError, type DataplaneErrorCode } from "./dataplane/error.ts";
export type { Action, ConntrackState, PacketEvent, Reason, Verdict } from "./dataplane/event.ts";
export type { Operation, Transaction } from "./dataplane/transaction.ts";
export type { Change } from "./diff/change.ts";
export {
  type Compared,
  createDiff,
  createSides,
  type Diff,
  type Difference,
  type Sides,
} from "./diff/diff.ts";
export type { Outcome, Target } from "./diff/outcome.ts";
export { type Explanation, explain, type FlowSpec } from "./explain.ts";
export type { Answer } from "./health/answer.ts";
export {
  isEligible,
  type ProxierState,
  type ProxyHealth,
  type ProxyState,
  proxyHealth,
} from "./health/proxy.ts";
export {
  type ServiceHealth,
  type ServiceHealthOptions,
  serviceHealth,
} from "./health/service.ts";
export { HookError, type HookErrorCode } from "./hook/error.ts";
export type * from "./hook/hook.ts";
export { MapError, type MapErrorCode } from "./maps/error.ts";
export type * from "./maps/map.ts";
export type * from "./pool/pool.ts";
export type * from "./program/loaded.ts";
export type { CompileOptions, Compiler, ProgramOptions } from "./program/options.ts";
export { type Diagnostic, ProgramError, type ProgramErrorCode } from "./program/program.ts";
export type {
  ReadFile,
  Source as ProgramSource,
  SourceFiles,
  SourceReader,
} from "./program/sources.ts";
export { Program } from "./program/toolchain.ts";
export {
  type BothWays,
  createBothWays,
  type Direction,
  type Returned,
} from "./replay/bothways.ts";
export { type Departure, departures, type Replayed, replay } from "./replay/replay.ts";
export {
  type KeptLink,
  type KeptProgram,
  readSnapshot,
  type SnapshotInfo,
} from "./snapshot.ts";

/**
 * The dataplane whose packet path is WebAssembly. Its memory is sized by the capacities, once.
 * Throws DataplaneError: "bad-option", "capacity", "bad-module" or "abi-mismatch".
 */
export async function createDataplane(options: DataplaneOptions = {}): Promise<Dataplane> {
  checkOptions(options);
  const [capacity, seed] = [capacityOf(options), seedOf(options)];
  const engine = await wasm.createEngine({ capacity, seed, module: options.module });
  return assemble(engine, options);
}

/**
 * The reference: the same interface and the same results in plain TypeScript, written to be read.
 * Throws DataplaneError "bad-option".
 */
export async function createModel(options: DataplaneOptions = {}): Promise<Dataplane> {
  checkOptions(options);
  const [capacity, seed] = [capacityOf(options), seedOf(options)];
  return assemble(model.createEngine({ capacity, seed }), options);
}

function assemble(engine: Engine, options: DataplaneOptions): Dataplane {
  const programming = createProgramming(engine, options);
  return createPlane(engine, createReconciler(options), options, programming);
}

/**
 * A dataplane on several cores: worker threads in Node, workers in a page, a shard of the connections each. Throws
 * DataplaneError as `createDataplane` does, "no-shared-memory" in a page that is not isolated, and "worker-died".
 */
export async function createDataplanePool(options: PoolOptions): Promise<DataplanePool> {
  const shared = checkPoolOptions(options);
  checkOptions(shared);
  const [capacity, seed] = [capacityOf(shared), seedOf(shared)];
  const [controller, spawn] = [createReconciler(shared), spawner(options.worker)];
  return createPool(options, { controller, capacity, seed, spawn });
}
