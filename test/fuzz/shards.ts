/** Several engines that share connections, each a Wasm one with the model beside it, and who steers to them. */
import { readFileSync } from "node:fs";
import { createReconciler } from "../../src/control/reconcile.ts";
import type { Capacity, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import type { Engine, FrameInput, Partition } from "../../src/dataplane/engine.ts";
import type { Connection, Tuple } from "../../src/dataplane/entries.ts";
import { linkOf } from "../../src/dataplane/link.ts";
import { createPlane } from "../../src/dataplane/plane.ts";
import * as wasm from "../../src/dataplane/wasm.ts";
import { parseObjects } from "../../src/index.ts";
import * as model from "../../src/model/model.ts";
import { createProgramming } from "../../src/programming.ts";
import type { Packet } from "./packets.ts";
import { apply, Disagreement, describe, type Pair } from "./pair.ts";

export type Steering = Partition["steering"];

export interface Shards {
  readonly pairs: readonly Pair[];
  /** The shard that all steerers name: both builds and the model. Throws Disagreement where they name two. */
  steer(packet: Packet): number;
  /** The same for all of them. */
  apply(objects: readonly object[]): void;
  flush(): void;
}

type Made = DataplaneOptions & { readonly capacity: Capacity; readonly seed: number };

const debug = WebAssembly.compile(readFileSync("generated/dataplane.debug.wasm"));

/** Both builds of the module take part: the one that checks its assertions for every other shard. */
export async function createShards(
  shards: number,
  steering: Steering,
  options: Made,
): Promise<Shards> {
  const { capacity, seed } = options;
  const given = (shard: number) => ({ capacity, seed, partition: { shard, shards, steering } });
  const made = async (shard: number) => {
    const module = shard % 2 === 0 ? await debug : undefined;
    const engine = await wasm.createEngine({ ...given(shard), module });
    return { wasm: engine, model: model.createEngine(given(shard)) };
  };
  const steerers = await Promise.all([
    wasm.createEngine({ ...given(0), module: await debug }),
    wasm.createEngine(given(0)),
    model.createEngine(given(0)),
  ]);
  const indexes = Array.from({ length: shards }, (_, shard) => shard);
  const engines = await Promise.all(indexes.map(made));
  const plane = (engine: Engine) =>
    createPlane(engine, createReconciler(options), options, createProgramming(engine, options));
  const pairs = engines.map((pair) => ({ wasm: plane(pair.wasm), model: plane(pair.model) }));
  const guides = steerers.map((engine) => plane(deaf(engine)));
  return {
    pairs,
    steer: (packet) => agreed(steerers, packet),
    apply: (objects) => {
      for (const pair of pairs) apply(pair, objects);
      for (const guide of guides) guide.apply(parseObjects([...objects]));
    },
    flush: () => {
      for (const pair of pairs) for (const each of [pair.wasm, pair.model]) each.flush();
    },
  };
}

/** What once answered goes on doing so for who steers: connections to it may live. */
function deaf(engine: Engine): Engine {
  const isKept = ({ op, map }: { op: string; map: string }) =>
    op === "update" || !["services", "endpoints", "addresses"].includes(map);
  return {
    ...engine,
    commit: (transaction) =>
      engine.commit({ ...transaction, operations: transaction.operations.filter(isKept) }),
  };
}

function agreed(steerers: readonly Engine[], packet: Packet): number {
  const input = inputOf(packet);
  const found = steerers.map((engine) => engine.shardOf(packet.bytes, input));
  if (new Set(found).size === 1) return found[0]!;
  throw new Disagreement(`${describe(packet)}\nshard: checked, wasm, model say ${found}`);
}

function inputOf({ bytes, options }: Packet): FrameInput {
  return {
    interface: 0,
    local: options.local === true,
    wireLength: options.wireLength ?? bytes.length,
    link: linkOf(options.linkType ?? "ethernet").slot,
    mark: 0,
    priority: 0,
    backend: 0,
  };
}

/** Every tuple that packets of a shard come with. */
export function* tuplesOf({ model: { maps } }: Pair): Iterable<Tuple> {
  for (const [orig, { reply }] of maps.conntrack.entries() as Iterable<[Tuple, Connection]>) {
    yield orig;
    yield reply;
  }
}
