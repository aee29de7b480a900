/**
 * One worker as the pool sees it. The pool has an instance of the packet path over the same memory, and keeps
 * the maps of the control plane there while the worker is at rest; packets, and what is kept for them outside
 * the memory, are the worker's alone.
 */
import * as layout from "../../abi/layout.ts";
import type { Counters } from "../dataplane/counters.ts";
import type { Capacity } from "../dataplane/dataplane.ts";
import type { EngineTraffic, Partition } from "../dataplane/engine.ts";
import { rowAt } from "../dataplane/maps/access.ts";
import { type Instance, sizesOf } from "../dataplane/module.ts";
import { createTables, type Tables } from "../dataplane/tables.ts";
import { readCounters } from "../dataplane/totals.ts";
import { createTraffic } from "../dataplane/traffic.ts";
import { loadShared } from "./module.ts";
import * as released from "./released.ts";
import * as ring from "./ring.ts";
import type { Listener, Spawn, Thread } from "./thread.ts";
import type { Notice, Start } from "./worker.ts";

export interface ShardOptions {
  readonly module: WebAssembly.Module;
  readonly capacity: Capacity;
  readonly seed: number;
  readonly partition: Partition;
  readonly spawn: Spawn;
}

export interface Shard {
  readonly capacity: Capacity;
  readonly instance: Instance;
  readonly tables: Tables;
  readonly traffic: EngineTraffic;
  /** Resolves when the worker has started; rejects when it dies before. */
  readonly started: Promise<void>;
  /** Hands a command over and returns its number. */
  send(command: ring.Command): number;
  /** Resolves when a command is done. Throws what the worker died of. */
  reach(command: number): Promise<void>;
  readonly readReleased: ReturnType<typeof released.createReader>;
  /** How many fragments the last command of a batch has let go. */
  releasedLength(batch: number): number;
  connections(backend: number): number;
  counters(): Counters;
  /** Ends the thread; `reason` is what those that wait are told. */
  end(reason: Error): Promise<void>;
}

/** `died` is called when the worker ends before it is told to. */
export async function createShard(
  options: ShardOptions,
  died: (why: string) => void,
): Promise<Shard> {
  const { module, capacity, seed, partition } = options;
  const instance = await loadShared(module, capacity, seed, partition);
  const tables = createTables(instance, capacity, () => 0);
  const room = { places: capacity.fragments, frame: capacity.frame };
  const buffer = released.createBuffer(room);
  const commands = ring.createRing();
  const watch = new Watch(commands, died);
  const shared = { memory: instance.memory, ring: commands.words.buffer, released: buffer, room };
  const thread = await startThread(options, shared, watch.listener);
  const started = watch.started.then(() => thread.hold(false));
  // Nobody may come to wait for it, when another worker has died.
  started.catch(() => {});
  return {
    capacity,
    instance,
    tables,
    traffic: createTraffic(tables.access),
    started,
    ...createLine(commands, watch, thread),
    readReleased: released.createReader(buffer, room),
    releasedLength: (batch) => ring.readReleased(commands, batch),
    connections: (backend) => readConnections(tables, backend),
    counters: () => readOwnCounters(instance, commands),
    end(reason) {
      watch.end(reason);
      return thread.end();
    },
  };
}

type Shared = Pick<Start, "memory" | "ring" | "released" | "room">;

/** The process lives on for the thread until it is told otherwise. */
async function startThread(
  { module, capacity, seed, partition, spawn }: ShardOptions,
  shared: Shared,
  listener: Listener,
): Promise<Thread> {
  const thread = spawn(`waxdp ${partition.shard + 1}/${partition.shards}`, listener);
  thread.hold(true);
  const sizes = sizesOf(capacity, seed);
  try {
    thread.start({ ...shared, module, sizes, seed, partition, tells: !ring.canWait() });
    return thread;
  } catch (error) {
    await thread.end();
    throw error;
  }
}

function readConnections({ access }: Tables, backend: number): number {
  const row = rowAt(access, layout.MAP_BACKENDS, backend);
  return row === 0 ? 0 : access.memory.view.getUint32(row + layout.BACKEND_CONNECTIONS, true);
}

/** How many connections there are only the worker can tell. */
function readOwnCounters(instance: Instance, commands: ring.Ring): Counters {
  const { connections, ...counters } = readCounters(instance);
  const report = ring.readReport(commands);
  return {
    ...counters,
    connections: { ...connections, ipv4: report.connections, ipv6: report.connections6 },
  };
}

/** Sends commands and waits for them; the process lives on while there are any. */
function createLine(commands: ring.Ring, watch: Watch, thread: Thread) {
  let waiting = 0;

  async function reach(command: number): Promise<void> {
    if (waiting++ === 0) thread.hold(true);
    try {
      for (;;) {
        const seen = ring.progress(commands);
        if (ring.isDone(commands, command)) return;
        watch.demandAlive();
        await watch.progress(seen);
      }
    } finally {
      if (--waiting === 0) thread.hold(false);
    }
  }

  return { send: (command: ring.Command) => ring.send(commands, command), reach };
}

/** What is heard of a thread. */
class Watch {
  /** Resolves when the worker has started; rejects when it ends before. */
  readonly started: Promise<void>;
  readonly listener: Listener;
  readonly #commands: ring.Ring;
  readonly #died: (why: string) => void;
  #start = { resolve() {}, reject(_: Error) {} };
  #wake: (() => void)[] = [];
  #ended: Error | undefined;

  constructor(commands: ring.Ring, died: (why: string) => void) {
    this.#commands = commands;
    this.#died = died;
    this.started = new Promise<void>((resolve, reject) => {
      this.#start = { resolve, reject };
    });
    this.listener = {
      notice: (notice) => this.#hear(notice),
      died: (why) => this.#die(why),
    };
  }

  end(reason: Error): void {
    this.#ended ??= reason;
    this.#start.reject(this.#ended);
    this.#wakeAll();
  }

  demandAlive(): void {
    if (this.#ended) throw this.#ended;
  }

  progress(seen: number): Promise<void> {
    if (ring.canWait()) return ring.waitForProgress(this.#commands, seen);
    return new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  #hear(notice: Notice): void {
    if (notice === "started") this.#start.resolve();
    else if (notice === "done") this.#wakeAll();
    else this.#die(notice.error);
  }

  #die(why: string): void {
    if (this.#ended === undefined) this.#died(why);
  }

  #wakeAll(): void {
    const sleepers = this.#wake;
    this.#wake = [];
    for (const each of sleepers) each();
    ring.alarm(this.#commands);
  }
}
