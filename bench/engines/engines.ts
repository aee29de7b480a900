/** The contestants that run in this process. */
import { parseObjects } from "../../src/control/kubernetes.ts";
import type { Dataplane, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { createDataplane, createModel } from "../../src/index.ts";
import type { Contestant, Row, Work } from "../heats/contestant.ts";
import { ARENA } from "../rows/work.ts";
import { type Arena, createRun } from "./arena.ts";
import { inBatches, type Take, whole } from "./take.ts";
import { ServiceProxy } from "./typescript.ts";

/** Batches of each round: slower engines get fewer for the same time. */
const WASM_BATCHES = 32;
const MODEL_BATCHES = 1 / 8;
const TYPESCRIPT_BATCHES = 1;
/** Packets of a sample, so that slow engines have some in every round as well. */
const MODEL_SAMPLE = 64;
const TYPESCRIPT_SAMPLE = 512;
/** Open connections above which opening them takes longer than all the rest of the benchmark. */
const MODEL_FLOWS_MAX = 1024;
const TYPESCRIPT_FLOWS_MAX = 65536;
/** Services above which applying them takes the model longer than its rows are worth. */
const MODEL_SERVICES_MAX = 1000;

export function wasm(name = "wasm", take?: Take): Contestant {
  return dataplane({ name, batches: WASM_BATCHES, create: createDataplane, take });
}

export function model(): Contestant {
  return dataplane({
    name: "model",
    batches: MODEL_BATCHES,
    create: createModel,
    sample: MODEL_SAMPLE,
    runs: ({ kind, flows, services }) =>
      (kind === "new" || flows <= MODEL_FLOWS_MAX) && services <= MODEL_SERVICES_MAX,
  });
}

export function typescript(): Contestant {
  return {
    name: "typescript",
    batches: TYPESCRIPT_BATCHES,
    async prepare(work) {
      if (work.row.kind !== "new" && work.row.flows > TYPESCRIPT_FLOWS_MAX) return undefined;
      return createRun(
        work,
        async () => typescriptArena(work),
        takeOf(work.row),
        TYPESCRIPT_SAMPLE,
      );
    },
    async close() {},
  };
}

interface Entry {
  readonly name: string;
  readonly batches: number;
  create(options: DataplaneOptions): Promise<Dataplane>;
  runs?(row: Row): boolean;
  readonly take?: Take | undefined;
  readonly sample?: number;
}

function dataplane(entry: Entry): Contestant {
  const { name, batches, create, runs = () => true, take, sample } = entry;
  return {
    name,
    batches,
    async prepare(work) {
      if (!runs(work.row)) return undefined;
      const arena = async () => dataplaneArena(await create(work.options), work);
      return createRun(work, arena, take ?? takeOf(work.row), sample);
    },
    async close() {},
  };
}

function takeOf({ batch }: Row): Take {
  return batch === ARENA ? whole : inBatches(batch);
}

/** A dataplane with the row's objects. */
export function dataplaneArena(dataplane: Dataplane, { objects }: Work): Arena {
  const { batch } = dataplane;
  const verdictSeen = { events: 0 };
  dataplane.apply(parseObjects(objects));
  return {
    memory: batch.memory,
    frameAt: (index) => batch.frameAt(index),
    clear: () => batch.clear(),
    commit: (bytes) => void batch.commit(bytes),
    push: (frame) => void batch.push(frame),
    process: (now, events) => batch.process(now, { events }),
    packet: (index) => batch.packet(index),
    readEvent(index) {
      if (batch.event(index).after !== null) verdictSeen.events++;
    },
    translated() {
      const { actions, verdicts } = dataplane.counters();
      return Math.min(verdicts.PASS, actions.dnat + actions.reply);
    },
    flush: () => dataplane.flush(),
  };
}

/** Frames as far apart as in the dataplane's arena: an odd number of cache lines. */
function strideOf(frame: number): number {
  return (Math.ceil((64 + frame) / 64) | 1) * 64;
}

function proxyOf({ row, objects, options }: Work): ServiceProxy {
  const { connections = 1, connections6 = 1 } = options.capacity ?? {};
  const proxy = new ServiceProxy({
    seed: options.seed ?? 0,
    capacity: Math.max(connections, connections6),
    windows: row.windows,
  });
  proxy.apply(objects);
  return proxy;
}

function typescriptArena(work: Work): Arena {
  const proxy = proxyOf(work);
  const { packet, taken, ...slots } = createSlots(work.forward.size);
  let processed = 0;
  let translated = 0;
  return {
    ...slots,
    packet,
    clear() {
      slots.clear();
      processed = 0;
    },
    process(now) {
      for (const length = taken(); processed < length; processed++) {
        if (proxy.process(packet(processed), now)) translated++;
      }
    },
    readEvent() {},
    translated: () => translated,
    flush: () => proxy.flush(),
  };
}

/** Slots of frames of up to `size` bytes; `taken` says how many hold one. */
function createSlots(size: number) {
  const stride = strideOf(size);
  const memory = new Uint8Array(ARENA * stride);
  const sizes = new Uint32Array(ARENA);
  let length = 0;
  return {
    memory,
    taken: () => length,
    frameAt: (index: number) => index * stride,
    packet: (index: number) =>
      memory.subarray(index * stride, index * stride + (sizes[index] as number)),
    commit(bytes: number) {
      sizes[length++] = bytes;
    },
    push(frame: Uint8Array) {
      memory.set(frame, length * stride);
      sizes[length++] = frame.length;
    },
    clear() {
      length = 0;
    },
  };
}
