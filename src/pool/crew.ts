/** The workers together: what all of them are told, and the sums of what they have counted. */
import { SWEEP_INTERVAL } from "../../abi/limits.ts";
import { commit } from "../dataplane/commit.ts";
import { addTraffic, type Counters } from "../dataplane/counters.ts";
import type { Capacity } from "../dataplane/dataplane.ts";
import type { Engine, Partition, ReleasedFrame, Retirement } from "../dataplane/engine.ts";
import { DataplaneError } from "../dataplane/error.ts";
import { mark, unmark } from "../dataplane/retire.ts";
import type { Transaction } from "../dataplane/transaction.ts";
import type { Queue } from "./queue.ts";
import * as ring from "./ring.ts";
import { createShard, type Shard } from "./shard.ts";
import * as tally from "./tally.ts";
import type { Spawn } from "./thread.ts";

export interface CrewOptions {
  readonly module: WebAssembly.Module;
  /** Of each worker. */
  readonly capacity: Capacity;
  readonly seed: number;
  readonly workers: number;
  readonly steering: Partition["steering"];
  readonly spawn: Spawn;
}

export interface Crew extends Pick<Engine, "connections" | "traffic"> {
  readonly shards: readonly Shard[];
  /** As `Engine.commit`; the workers must be at rest. */
  commit(transaction: Transaction): void;
  retire(retirement: Retirement): Promise<void>;
  flush(): Promise<void>;
  /** Takes what is fresh in one batch's queues through the workers; `by` of what is let go is an index of it. */
  run(batch: number, queues: readonly Queue[], now: number): Promise<readonly ReleasedFrame[]>;
  counters(): Counters;
  /** Ends the workers; those that wait for one are told the reason, which is why the crew has failed if it has. */
  end(reason: Error): Promise<void>;
  /** Throws what the crew was ended for. */
  demandOpen(): void;
}

/** Throws DataplaneError "worker-died" or what loading the module does; no thread is left then. */
export async function createCrew(options: CrewOptions): Promise<Crew> {
  const muster = new Muster();
  await muster.fill(options);
  const { shards } = muster;
  return {
    shards,
    commit: (transaction) => {
      // Their maps are the same: what does not fit into one, the first refuses before anything is changed.
      for (const { tables, capacity } of shards) commit(transaction, tables, capacity);
    },
    connections: (backend) => sum(shards, (each) => each.connections(backend)),
    traffic: {
      backend: (number) => shards.map(({ traffic }) => traffic.backend(number)).reduce(addTraffic),
      service: (number) => shards.map(({ traffic }) => traffic.service(number)).reduce(tally.add),
    },
    retire: (retirement) => retire(shards, retirement),
    flush: () => command(shards, ring.COMMAND_FLUSH),
    run: createRunner(shards),
    counters: () => shards.map((each) => each.counters()).reduce(tally.add),
    end: (reason) => muster.end(reason),
    demandOpen: () => muster.demandOpen(),
  };
}

/** The workers from the first that is started to the end of all. */
class Muster {
  readonly #shards: Shard[] = [];
  #ended: Error | undefined;

  get shards(): readonly Shard[] {
    return this.#shards;
  }

  async fill(options: CrewOptions): Promise<void> {
    try {
      for (let shard = 0; shard < options.workers; shard++) {
        this.#shards.push(await this.#start(shard, options));
        this.demandOpen();
      }
      await Promise.all(this.#shards.map((each) => each.started));
    } catch (error) {
      await this.end(error as Error);
      throw this.#ended;
    }
  }

  async end(reason: Error): Promise<void> {
    this.#ended ??= reason;
    await Promise.all(this.#shards.map((each) => each.end(reason)));
  }

  demandOpen(): void {
    if (this.#ended) throw this.#ended;
  }

  #start(shard: number, options: CrewOptions): Promise<Shard> {
    const { workers, steering } = options;
    const partition = { shard, shards: workers, steering };
    return createShard({ ...options, partition }, (why) => {
      const message = `worker ${shard + 1} of ${workers} has died: ${why}`;
      this.end(new DataplaneError("worker-died", message));
    });
  }
}

function sum(shards: readonly Shard[], figure: (shard: Shard) => number): number {
  return shards.reduce((total, each) => total + figure(each), 0);
}

async function command(shards: readonly Shard[], kind: number): Promise<void> {
  const number = { kind, first: 0, length: 0, batch: 0, now: 0 };
  await Promise.all(shards.map((each) => each.reach(each.send(number))));
}

async function retire(shards: readonly Shard[], retirement: Retirement): Promise<void> {
  const marked = shards.map(({ tables: { access } }) => mark(access, retirement));
  if (marked[0]?.length === 0) return;
  await command(shards, ring.COMMAND_RETIRE);
  shards.forEach(({ tables: { access } }, index) => {
    unmark(access, marked[index] as number[]);
  });
}

function createRunner(shards: readonly Shard[]): Crew["run"] {
  /** The last time each has been told. */
  const told = shards.map(() => Number.NEGATIVE_INFINITY);

  /** A worker without frames is told the time when it has a sweep to do, as an engine without workers would. */
  function start(batch: number, queue: Queue, index: number, now: number) {
    const { first, length } = queue.fresh;
    if (length === 0 && now - (told[index] as number) < SWEEP_INTERVAL) return undefined;
    told[index] = now;
    queue.settle();
    const kind = ring.COMMAND_PROCESS;
    const number = shards[index]?.send({ kind, first: queue.base + first, length, batch, now });
    return { number: number as number, first };
  }

  return async (batch, queues, now) => {
    const started = queues.map((queue, index) => start(batch, queue, index, now));
    await Promise.all(started.map((each, index) => each && shards[index]?.reach(each.number)));
    return started.flatMap((each, index) => {
      const shard = shards[index] as Shard;
      const length = each ? shard.releasedLength(batch) : 0;
      if (!each || length === 0) return [];
      return shard.readReleased(batch, length, each.first).map((frame) => ({
        ...frame,
        by: (queues[index] as Queue).indexOf(frame.by),
      }));
    });
  };
}
