/**
 * An engine with programs in its way, and nothing around it: programs are put straight into its table, chains straight
 * into its runtime, so that a suite says of engines alone what they do.
 */
import { readFileSync } from "node:fs";
import { beforeEach, describe } from "vitest";
import { LINK_SLOT_ETHERNET } from "../../../abi/layout.ts";
import { createReconciler } from "../../../src/control/reconcile.ts";
import type { DataplaneOptions } from "../../../src/dataplane/dataplane.ts";
import type { Engine, FrameInput, Outcome, ReleasedFrame } from "../../../src/dataplane/engine.ts";
import { ACTIONS, CONNTRACKS, REASONS, VERDICTS } from "../../../src/dataplane/event.ts";
import { capacityOf, seedOf } from "../../../src/dataplane/options.ts";
import type {
  ByteMap,
  MapShape,
  ProgramOutcome,
  Runtime,
  Step,
} from "../../../src/dataplane/runtime.ts";
import * as wasm from "../../../src/dataplane/wasm.ts";
import { parseObjects } from "../../../src/index.ts";
import * as model from "../../../src/model/model.ts";
import { build, type Frame } from "../frame.ts";
import { NODE, OBJECTS } from "../scene.ts";
import { assemble } from "./wat.ts";

/** Link numbers: service NAT has 1. */
export const NAT: Step = { kind: "service-nat", link: 1 };

/** What became of a frame, by names. */
export interface Fate {
  readonly verdict: string | null;
  readonly action: string | null;
  readonly reason: string | null;
  readonly conntrack: string | null;
  readonly service: number;
  readonly backend: number;
  readonly masquerade: boolean;
  readonly programs: ProgramOutcome | undefined;
  readonly packet: string;
}

export interface Passage extends Fate {
  readonly released: readonly (Fate & { readonly by: number })[];
}

export type Sent = Frame | Uint8Array;
export type Given = Partial<FrameInput>;

export interface Chain {
  readonly ingress?: readonly Step[];
  readonly egress?: readonly Step[];
  readonly trapped?: (link: number, error: unknown) => boolean;
  readonly clock?: () => number;
}

export interface Lab {
  readonly engine: Engine;
  readonly runtime: Runtime;
  /** A step with the program of this text. */
  step(link: number, text: string): Step;
  /** Where in the table it stands. */
  load(text: string): number;
  /** Room in the arena, zeroed. */
  room(size: number): number;
  /** The number at an address. */
  word(at: number): number;
  bytes(at: number, size: number): Uint8Array;
  map(shape: Partial<MapShape> & Pick<MapShape, "type">): ByteMap;
  install(chain: Chain): void;
  /** Milliseconds from now on. */
  at(now: number, cpu?: number): void;
  /** One frame by itself. */
  send(frame: Sent, given?: Given): Passage;
  /** Frames in one batch. */
  sendAll(frames: readonly Sent[], given?: Given): readonly Passage[];
  /** Another one, as this one was at first. */
  twin(): Promise<Lab>;
  /** Numbers of the control plane. */
  backend(address: string, proto?: string): number;
  service(address: string, port?: number, proto?: "tcp" | "udp" | "sctp"): number;
}

const CAPACITY = {
  connections: 1024,
  connections6: 1024,
  affinity: 256,
  batch: 16,
  slots: 65536,
  fragments: 8,
  headroom: 256,
  arena: 1 << 20,
};

type Create = (options: DataplaneOptions) => Promise<Engine>;

let debug: Promise<WebAssembly.Module> | undefined;

async function createWasm(options: DataplaneOptions, module?: WebAssembly.Module): Promise<Engine> {
  return wasm.createEngine({ ...settingsOf(options), module });
}

function settingsOf(options: DataplaneOptions) {
  return { capacity: capacityOf(options), seed: seedOf(options) };
}

/** As test/conformance/dataplanes has them. */
const engines: Readonly<Record<string, Create>> = {
  wasm: (options) => createWasm(options),
  "wasm with assertions": async (options) => {
    debug ??= WebAssembly.compile(readFileSync("generated/dataplane.debug.wasm"));
    return createWasm(options, await debug);
  },
  model: async (options) => model.createEngine(settingsOf(options)),
};

export async function createLab(create: Create, options: DataplaneOptions = {}): Promise<Lab> {
  const given = { node: NODE, seed: 7, ...options, capacity: { ...CAPACITY, ...options.capacity } };
  const engine = await create(given);
  const plan = createReconciler(given).plan(parseObjects([...OBJECTS]), engine);
  engine.commit(plan.transaction);
  return labOf(engine, () => createLab(create, options));
}

/** One suite for each engine; `lab()` is a fresh one in each test. */
export function eachLab(suite: (lab: () => Lab) => void, options: DataplaneOptions = {}): void {
  for (const [name, create] of Object.entries(engines)) {
    describe(name, () => {
      let lab: Lab;
      beforeEach(async () => {
        lab = await createLab(create, options);
      });
      suite(() => lab);
    });
  }
}

function labOf(engine: Engine, twin: Lab["twin"]): Lab {
  const { runtime, batch } = engine;
  const view = new DataView(runtime.memory.buffer);
  const bytes = new Uint8Array(runtime.memory.buffer);
  let now = 0;

  function load(text: string): number {
    const env = { memory: runtime.memory };
    const { exports } = new WebAssembly.Instance(assemble(text), { env, waxdp: runtime.helpers });
    const place = Math.max(runtime.table.length, 1);
    runtime.table.grow(place + 1 - runtime.table.length);
    runtime.table.set(place, exports.program ?? exports.batch);
    return place;
  }

  function room(size: number): number {
    const at = runtime.arena.take(size, 64);
    if (at === undefined) throw new Error(`no room for ${size} bytes`);
    return at;
  }

  return {
    engine,
    runtime,
    load,
    room,
    twin,
    step(link, text) {
      const form = text.includes('(export "batch")') ? "batch" : "packet";
      return { kind: "program", link, form, entry: load(text) };
    },
    word: (at) => view.getUint32(at, true),
    bytes: (at, size) => bytes.slice(at, at + size),
    map(shape) {
      const map = runtime.createMap({
        keySize: 4,
        valueSize: 4,
        maxEntries: 8,
        flags: 0,
        ...shape,
      });
      if (map === undefined) throw new Error("no room for a map");
      return map;
    },
    install({ ingress = [NAT], egress = [], trapped = () => true, clock }) {
      runtime.install({ ingress, egress, trapped, clock });
    },
    at(time, cpu = 0) {
      now = time;
      runtime.begin(time * 1e6, cpu);
    },
    send(frame, given) {
      const sent = bytesOf(frame);
      const { outcome, packet, released } = engine.process(
        sent,
        inputOf(sent, given),
        Math.floor(now),
      );
      return passageOf(outcome, packet, released);
    },
    sendAll(frames, given) {
      batch.clear();
      for (const frame of frames.map(bytesOf)) {
        batch.memory.set(frame, batch.frameAt(batch.length));
        batch.commit(frame.length, inputOf(frame, given));
      }
      batch.process(Math.floor(now));
      return frames.map((_, index) => {
        const released = batch.released().filter(({ by }) => by === index);
        return passageOf(batch.outcome(index), batch.packet(index), released);
      });
    },
    backend(address, proto = "tcp") {
      const found = [...engine.maps.backends.entries()].find(([, backend]) => {
        return backend.address === address && backend.proto === proto;
      });
      return found?.[0] ?? 0;
    },
    service(address, port = 80, proto = "tcp") {
      const family = address.includes(":") ? "ipv6" : "ipv4";
      return engine.maps.services.lookup({ family, address, port, proto })?.service ?? 0;
    },
  };
}

function bytesOf(frame: Sent): Uint8Array {
  return frame instanceof Uint8Array ? frame : build(frame);
}

function inputOf({ length }: Uint8Array, given: Given = {}): FrameInput {
  return {
    interface: 0,
    local: false,
    link: LINK_SLOT_ETHERNET,
    wireLength: length,
    mark: 0,
    priority: 0,
    backend: 0,
    ...given,
  };
}

function passageOf(
  outcome: Outcome,
  packet: Uint8Array,
  released: readonly ReleasedFrame[],
): Passage {
  const fragments = released.map(({ by, ...each }) => ({
    ...fateOf(each.outcome, each.packet),
    by,
  }));
  return { ...fateOf(outcome, packet), released: fragments };
}

function fateOf(outcome: Outcome, packet: Uint8Array): Fate {
  return {
    verdict: VERDICTS[outcome.verdict] ?? null,
    action: ACTIONS[outcome.action] ?? null,
    reason: REASONS[outcome.reason] ?? null,
    conntrack: CONNTRACKS[outcome.conntrack] ?? null,
    service: outcome.service,
    backend: outcome.backend,
    masquerade: outcome.masquerade,
    programs: outcome.programs,
    packet: hex(packet),
  };
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The bytes of a frame as text, to be held against `packet`. */
export function wire(frame: Sent): string {
  return hex(bytesOf(frame));
}
