/** A pool: workers, the controller that fills their maps, and the words for what they did. */
import { HEADROOM, SHARD_UNKNOWN } from "../../abi/limits.ts";
import type { ObjectSet } from "../control/kubernetes.ts";
import { createClock } from "../dataplane/clock.ts";
import type { Controller, Plan } from "../dataplane/controller.ts";
import type { ApplyOptions, Capacity, FrameOptions } from "../dataplane/dataplane.ts";
import { createDescribers, note } from "../dataplane/describer.ts";
import { DataplaneError } from "../dataplane/error.ts";
import { type Link, linkOf } from "../dataplane/link.ts";
import { checkApply, checkFrame } from "../dataplane/options.ts";
import type { BatchOwner } from "../dataplane/owner.ts";
import { createResolver } from "../dataplane/resolver.ts";
import { Statistics } from "../dataplane/statistics.ts";
import {
  createTransaction,
  type Operation,
  printVip,
  type Transaction,
} from "../dataplane/transaction.ts";
import { createPoolBatch, type PoolBatchOwner } from "./batch.ts";
import { type Crew, createCrew } from "./crew.ts";
import { Fragments } from "./fragments.ts";
import { sharedModule } from "./module.ts";
import { shareOf } from "./options.ts";
import type { DataplanePool, PoolBatch, PoolOptions } from "./pool.ts";
import { Queue } from "./queue.ts";
import { createSteerer, SOLE, type Steerer } from "./steerer.ts";
import { add, Tally } from "./tally.ts";
import type { Spawn } from "./thread.ts";
import { Turns } from "./turns.ts";

/** What a pool is made of that is not its own. */
export interface PoolParts {
  readonly controller: Controller;
  /** Of all workers together. */
  readonly capacity: Capacity;
  readonly seed: number;
  readonly spawn: Spawn;
}

const BATCHES = 2;

/** Programs run in a single dataplane only. */
const WITHOUT_PROGRAMS = { arena: 0, headroom: HEADROOM };

/**
 * `options` have been checked, but for what only their users can tell. Throws DataplaneError "bad-option",
 * "bad-module", "abi-mismatch", "capacity" or "worker-died".
 */
export async function createPool(options: PoolOptions, parts: PoolParts): Promise<DataplanePool> {
  const { workers, steering = "port", linkType = "ethernet" } = options;
  const { capacity, seed, spawn } = parts;
  const module = options.module ?? (await sharedModule());
  const slots = capacity.batch + capacity.fragments;
  const share = shareOf({ ...capacity, batch: BATCHES * slots, ...WITHOUT_PROGRAMS }, workers);
  // Whatever may be refused comes before the workers, which nobody would end.
  const settings = { defaultLink: linkOf(linkType), steering };
  const partition = { shard: 0, shards: workers, steering };
  const steerer = workers === 1 ? SOLE : await createSteerer(module, capacity, seed, partition);
  const crew = await createCrew({ module, capacity: share, seed, workers, steering, spawn });
  const pool = new Pool(parts, crew, steerer, settings);
  return pool.open(workers);
}

interface Settings {
  readonly defaultLink: Link;
  readonly steering: "port" | "address";
}

class Pool {
  readonly #controller: Controller;
  readonly #capacity: Capacity;
  readonly #crew: Crew;
  readonly #steerer: Steerer;
  readonly #settings: Settings;
  readonly #strays = new Tally();
  readonly #fragments: Fragments;
  readonly #statistics: Statistics;
  readonly #turns = new Turns();
  readonly #clock = createClock();
  /** Backend number -> number of its service port. */
  readonly #serviceOf = new Map<number, number>();
  /** Frontends with session affinity. */
  readonly #sticky = new Set<string>();
  readonly #resolve: BatchOwner["resolve"];
  #closing: Promise<void> | undefined;

  constructor(
    { controller, capacity }: PoolParts,
    crew: Crew,
    steerer: Steerer,
    settings: Settings,
  ) {
    this.#controller = controller;
    this.#capacity = capacity;
    this.#crew = crew;
    this.#steerer = steerer;
    this.#settings = settings;
    this.#fragments = new Fragments(capacity, this.#strays);
    this.#statistics = new Statistics(crew);
    this.#resolve = createResolver(settings.defaultLink, (device) => this.#interfaceRow(device));
  }

  open(workers: number): DataplanePool {
    const close = () => this.#close();
    return {
      workers,
      batches: [this.#createBatch(0), this.#createBatch(1)],
      apply: (objects, options) => this.#apply(objects, options),
      shardOf: (frame, options) => this.#shardOf(frame, options),
      counters: () => this.#counters(),
      statistics: () => {
        this.#demandOpen();
        return this.#statistics.read(this.#controller.services());
      },
      flush: () => this.#flush(),
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  #demandOpen(): void {
    if (this.#closing) throw new DataplaneError("closed", "the pool was closed");
    try {
      this.#crew.demandOpen();
    } catch (error) {
      throw new DataplaneError("closed", `the pool is closed: ${(error as Error).message}`);
    }
  }

  async #apply(objects: ObjectSet, options: ApplyOptions = {}): Promise<Transaction> {
    this.#demandOpen();
    const { keepStaleFlows = false } = checkApply(options);
    return this.#turns.alone(async () => {
      this.#crew.demandOpen();
      const plan = this.#controller.plan(objects, this.#crew);
      this.#carryOut(plan);
      await this.#crew.retire(keepStaleFlows ? { ...plan.retired, udp: [] } : plan.retired);
      return this.#withWarning(plan.transaction);
    });
  }

  #carryOut(plan: Plan): void {
    const { operations } = plan.transaction;
    const settle = this.#statistics.prepare(plan.transaction);
    this.#crew.commit(plan.transaction);
    this.#steerer.follow(operations);
    plan.commit();
    settle();
    for (const operation of operations) this.#note(operation);
  }

  #note(operation: Operation): void {
    note(this.#serviceOf, operation);
    if (operation.map === "services") {
      const vip = printVip(operation.key);
      if (operation.op === "update" && operation.value.affinity > 0) this.#sticky.add(vip);
      else this.#sticky.delete(vip);
    } else if (operation.map === "config" && operation.op === "update") {
      this.#fragments.configure(operation.value);
    }
  }

  #withWarning(transaction: Transaction): Transaction {
    if (this.#sticky.size === 0 || this.#settings.steering === "address") return transaction;
    return createTransaction(transaction.operations, [...transaction.warnings, AFFINITY_WARNING]);
  }

  #interfaceRow(name: string): number {
    const plan = this.#controller.planInterface(name);
    // Of all maps it writes the new row alone, which no frame on its way can ask for.
    if (plan) this.#carryOut(plan);
    return this.#controller.interfaceRow(name);
  }

  #shardOf(frame: Uint8Array, options: FrameOptions = {}): number {
    this.#demandOpen();
    checkFrame(frame, this.#capacity.frame);
    const { input, link } = this.#resolve(frame.length, options);
    const steered = this.#steerer.steer(frame, input);
    if (steered < SHARD_UNKNOWN) return steered;
    const first = steered === SHARD_UNKNOWN ? undefined : steered & SHARD_UNKNOWN;
    return this.#fragments.shardOf({ frame, input, linkType: link.type }, first) ?? -1;
  }

  #createBatch(number: number): PoolBatch {
    const { batch, fragments, frame } = this.#capacity;
    const slots = batch + fragments;
    const queues = this.#crew.shards.map(
      ({ instance }) => new Queue(instance, number * slots, slots, frame),
    );
    const room = { capacity: batch, waiting: fragments, frameCapacity: frame };
    return createPoolBatch(queues, room, this.#createOwner(number));
  }

  #createOwner(number: number): PoolBatchOwner {
    const [first] = this.#crew.shards as [Crew["shards"][number]];
    return {
      begin: this.#clock,
      steerer: this.#steerer,
      fragments: this.#fragments,
      resolve: this.#resolve,
      ...createDescribers(first.tables, this.#controller, this.#serviceOf),
      demandOpen: () => this.#demandOpen(),
      run: (queues, now) => {
        this.#fragments.advance(now);
        return this.#turns.share(() => this.#crew.run(number, queues, now));
      },
    };
  }

  #counters() {
    this.#demandOpen();
    return add(this.#crew.counters(), this.#strays.counters());
  }

  async #flush(): Promise<void> {
    this.#demandOpen();
    await this.#turns.alone(async () => {
      this.#fragments.flush();
      await this.#crew.flush();
    });
  }

  #close(): Promise<void> {
    this.#closing ??= this.#turns
      .rest()
      .then(() => this.#crew.end(new DataplaneError("closed", "the pool was closed")));
    return this.#closing;
  }
}

const AFFINITY_WARNING =
  'sessionAffinity: ClientIP holds for each worker by itself: create the pool with steering "address" to keep ' +
  "clients with their endpoints";
