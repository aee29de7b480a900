/** Both engines, equipped alike: the same programs, maps and chains in each, at addresses of its own. */
import { createReconciler } from "../../../src/control/reconcile.ts";
import type { Dataplane, DataplaneOptions } from "../../../src/dataplane/dataplane.ts";
import type { Engine } from "../../../src/dataplane/engine.ts";
import { capacityOf, seedOf } from "../../../src/dataplane/options.ts";
import { createPlane } from "../../../src/dataplane/plane.ts";
import type { ByteMap, MapShape, Step } from "../../../src/dataplane/runtime.ts";
import * as wasm from "../../../src/dataplane/wasm.ts";
import * as model from "../../../src/model/model.ts";
import { createProgramming } from "../../../src/programming.ts";
import { assemble } from "../../conformance/programs/wat.ts";
import {
  type Equipment,
  MAPS,
  type MapName,
  PROGRAMS,
  type ProgramPlan,
  RING,
  SCRATCH_SIZE,
  textOf,
} from "./instructions.ts";

/** A program at a hook, by its number among those there are; service NAT is -1. */
export type Stand = number;
export const NAT: Stand = -1;
const NAT_LINK = 1;
/** Link of the first program; each has one per hook. */
const FIRST_LINK = 10;

export interface ChainPlan {
  readonly ingress: readonly Stand[];
  readonly egress: readonly Stand[];
}

export interface Side {
  readonly dataplane: Dataplane;
  /** Takes the chains for the packets to come. */
  install(plan: ChainPlan): void;
  /** All that programs have left: maps, tallies, what has trapped. */
  memory(): object;
  /** Entries now. */
  lengths(): Readonly<Record<MapName, number>>;
  /** Records that nobody has read yet. */
  drain(): readonly string[];
}

export interface Bench {
  readonly wasm: Side;
  readonly model: Side;
}

export async function createBench(
  options: DataplaneOptions,
  programs: readonly ProgramPlan[],
  module?: WebAssembly.Module,
): Promise<Bench> {
  const given = { capacity: capacityOf(options), seed: seedOf(options) };
  const engines = [await wasm.createEngine({ ...given, module }), model.createEngine(given)];
  const [one, other] = engines.map((engine) => equip(engine, options, programs));
  return { wasm: one!, model: other! };
}

function equip(engine: Engine, options: DataplaneOptions, programs: readonly ProgramPlan[]): Side {
  const { runtime } = engine;
  const maps = Object.fromEntries(
    Object.entries(MAPS).map(([name, shape]) => [name, make(engine, shape)]),
  ) as Record<MapName, ByteMap>;
  const [ring, array] = [make(engine, RING), make(engine, PROGRAMS)];
  const handles = Object.fromEntries(
    Object.entries(maps).map(([name, { handle }]) => [name, handle]),
  ) as Record<MapName, number>;
  const scratch = demand(runtime.arena.take(SCRATCH_SIZE, 64));
  const equipment = { maps: handles, ring: ring.handle, programs: array.handle, scratch };
  const entries = programs.map((program) => load(engine, program, equipment));
  callable(programs, entries, array);
  const trapped: number[] = [];
  let traps = 0;
  let links: readonly number[] = [];

  function stepOf(stand: Stand, first: number): Step {
    if (stand === NAT) return { kind: "service-nat", link: NAT_LINK };
    const { form } = programs[stand]!;
    return { kind: "program", link: first + stand, form, entry: entries[stand]! };
  }

  return {
    dataplane: planeOf(engine, options),
    install({ ingress, egress }) {
      const chains = {
        ingress: ingress.map((stand) => stepOf(stand, FIRST_LINK)),
        egress: egress.map((stand) => stepOf(stand, FIRST_LINK + programs.length)),
      };
      links = [...chains.ingress, ...chains.egress].map(({ link }) => link);
      runtime.install({
        ...chains,
        trapped(link) {
          trapped.push(link);
          traps++;
          return traps % 3 !== 0;
        },
      });
    },
    memory: () => ({
      maps: Object.fromEntries(
        Object.entries(maps).map(([name, map]) => [name, [map.length, contentOf(map)]]),
      ),
      ring: [ring.length, ring.lost],
      tallies: links.map((link) => [link, runtime.tally(link)]),
      trapped: trapped.slice(),
      random: runtime.random >>> 0,
      scratch: new Uint8Array(runtime.memory.buffer, scratch, SCRATCH_SIZE).slice(),
    }),
    lengths: () =>
      Object.fromEntries(
        Object.entries(maps).map(([name, { length }]) => [name, length]),
      ) as Record<MapName, number>,
    drain: () => ring.consume(Number.POSITIVE_INFINITY).map(hex),
  };
}

/** As one that people have, but that names links and reasons by their numbers. */
function planeOf(engine: Engine, options: DataplaneOptions): Dataplane {
  const name = (number: number) => (number === 0 ? undefined : String(number));
  const programming = createProgramming(engine, options);
  return createPlane(engine, createReconciler(options), options, {
    ...programming,
    names: { link: name, reason: name },
    begin(now, nanoseconds, cpu) {
      programming.begin(now, nanoseconds, cpu);
      engine.runtime.begin(nanoseconds, cpu);
    },
  });
}

function load(engine: Engine, program: ProgramPlan, equipment: Equipment): number {
  const { memory, table, helpers } = engine.runtime;
  const module = assemble(textOf(program, equipment));
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, waxdp: helpers });
  const place = Math.max(table.length, 1);
  table.grow(place + 1 - table.length);
  table.set(place, exports.program ?? exports.batch);
  return place;
}

/** The programs in packet form can be called by others. */
function callable(programs: readonly ProgramPlan[], entries: readonly number[], array: ByteMap) {
  const packets = entries.filter((_, index) => programs[index]!.form === "packet");
  for (const [index, place] of packets.slice(0, PROGRAMS.maxEntries).entries()) {
    array.update(word(index), word(place + 1), 0);
  }
}

function make({ runtime }: Engine, shape: MapShape): ByteMap {
  return demand(runtime.createMap(shape));
}

function demand<T>(made: T | undefined): T {
  if (made === undefined) throw new Error("the arena is too small");
  return made;
}

/** In an order that both share. */
function contentOf(map: ByteMap): string[] {
  return [...map.entries()].map(([key, value]) => `${hex(key)} ${hex(value)}`).sort();
}

function word(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
