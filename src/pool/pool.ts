/// <reference lib="esnext.disposable" preserve="true" />
/** The interface of a pool: one dataplane, its connections shared out to workers. */
import type { ObjectSet } from "../control/kubernetes.ts";
import type { Counters, ServiceStatistics } from "../dataplane/counters.ts";
import type {
  ApplyOptions,
  DataplaneOptions,
  FrameOptions,
  Released,
} from "../dataplane/dataplane.ts";
import type { PacketEvent, Verdict } from "../dataplane/event.ts";
import type { Transaction } from "../dataplane/transaction.ts";

/**
 * What `createDataplanePool` takes. Of the capacities, connections, connections6 and affinity are shared out to the
 * workers, rounded up; batch is for each of them.
 */
export interface PoolOptions extends DataplaneOptions {
  /** 1..64. */
  readonly workers: number;
  /**
   * What a client's worker is chosen by. By "port", the default, every worker gets its part whoever the clients
   * are; by "address" a client has one worker, which session affinity needs to be what it is with one engine.
   */
  readonly steering?: "port" | "address";
  /**
   * Address of waxdp/worker.js, for pages whose content security policy lets no worker in that comes from
   * a blob. Without it workers are started from a script inside this package.
   */
  readonly worker?: string | URL;
}

/** As a Dataplane, with packets handled by workers and answers that therefore come later. */
export interface DataplanePool extends AsyncDisposable {
  /** How many there are. */
  readonly workers: number;
  /**
   * As `Dataplane.apply`, for all workers: resolves when each has it, after the batches that were on their way and
   * before those processed afterwards. Rejects with DataplaneError "capacity", and then nothing has changed.
   */
  apply(objects: ObjectSet, options?: ApplyOptions): Promise<Transaction>;
  /** The worker that a frame belongs to, from 0; -1 for a fragment while the first of its datagram has not come. */
  shardOf(frame: Uint8Array, options?: FrameOptions): number;
  /** Two, so that one can be filled while the other is with the workers. */
  readonly batches: readonly [PoolBatch, PoolBatch];
  /** Sums over all workers, as far as they have come. */
  counters(): Counters;
  statistics(): readonly ServiceStatistics[];
  /** Forgets every connection and every remembered client, in turn with batches and applies. */
  flush(): Promise<void>;
  /**
   * Ends the workers when what is on its way is done; everything else throws DataplaneError "closed" from then on.
   * A pool that is not closed does not keep a Node process alive, unless something is on its way.
   */
  close(): Promise<void>;
}

/** As a Batch. Frames keep the order of their flow, and are numbered in the order they came, whatever their worker. */
export interface PoolBatch {
  /** Most frames. One worker takes `capacity / workers` of them. */
  readonly capacity: number;
  readonly frameCapacity: number;
  readonly length: number;
  /** One for each worker, for devices that fill a queue for each, steered as `shardOf` says. */
  readonly shards: readonly WorkerQueue[];
  /**
   * Copies a frame into the memory of the worker it belongs to, and returns its index. Throws DataplaneError
   * "batch-full" when that worker's part is full, "frame-too-large", or "in-flight" while the batch is processed.
   */
  push(frame: Uint8Array, options?: FrameOptions): number;
  /**
   * As `Batch.process`; resolves when all workers are done. Rejects with DataplaneError "worker-died" when one
   * ends before its time; the pool is then closed.
   */
  process(now: number, options?: { readonly events?: boolean }): Promise<void>;
  verdict(index: number): Verdict;
  /** A view of shared memory, which lasts until the slot is used again. */
  packet(index: number): Uint8Array;
  event(index: number): PacketEvent;
  released(): readonly (Released & { readonly by: number })[];
  clear(): void;
}

/** The part of a batch that one worker takes. */
export interface WorkerQueue {
  /** Slots taken. */
  readonly length: number;
  /** The worker's slots. */
  readonly memory: Uint8Array;
  /** Where a slot takes its frame, as an offset in `memory`. */
  frameAt(slot: number): number;
  /**
   * Takes slot `length` for a frame of `bytes` bytes that stands there and belongs to the worker, and returns its
   * index in the batch. Throws as `push` does. A fragment goes where its datagram goes: that is the caller's care.
   */
  commit(bytes: number, options?: FrameOptions): number;
}
