/** The compiled runtime of programs: started beside the packet path, in its memory. */
import { RUNTIME_BASE64 } from "../../../generated/runtime.ts";
import type { Capacity } from "../dataplane.ts";
import { bytesOf, grow, type Instance } from "../module.ts";
import type { MapExports } from "./maps.ts";

/** The exports of assembly/runtime/index.ts that are the host's; addresses are bytes in memory. */
export interface RuntimeExports extends MapExports {
  /** Lays its block out; returns where that ends, 0 when 32 bits do not do. */
  configure(
    start: number,
    batch: number,
    fragments: number,
    backends: number,
    interfaces: number,
    headroom: number,
  ): number;
  /** Where, by slot: contexts of those that walk and of those that have ended; what is noted of them. And the tallies. */
  readonly contexts: WebAssembly.Global;
  readonly parked: WebAssembly.Global;
  readonly notes: WebAssembly.Global;
  readonly tallies: WebAssembly.Global;
  readonly scratch: WebAssembly.Global;
  /** Begins the walk of packets that stand described in their contexts. */
  open(slot: number, count: number, frame: number, stride: number, room: number, now: number): void;
  /** Programs called for each packet, and for all of them. 0 when they have ended none. */
  runEach(entry: number, tally: number): number;
  runAll(entry: number, tally: number): number;
  /** What has trapped. */
  trapOne(tally: number): void;
  trapAll(tally: number): void;
  /** The link's turn is over, and it has ended some. */
  finish(link: number): void;
  /** Service NAT; 1 when the walk is over. */
  translate(tally: number, isLast: number): number;
  /** From ingress to egress. */
  turn(): void;
  /** The end. 1 when contexts have been parked, all of them then. */
  settle(): number;
  setTime(nanoseconds: number): void;
  setCpu(cpu: number): void;
  seedRandom(seed: number): void;
  randomState(): number;
  setRandomState(state: number): void;
  forgetRings(): void;
}

export interface RuntimeInstance {
  readonly exports: RuntimeExports;
  readonly table: WebAssembly.Table;
  /** Where the arena begins, and MAPS_SCRATCH_SIZE bytes of room for keys. */
  readonly arena: number;
  readonly scratch: number;
}

const LINE = 64;

let module: Promise<WebAssembly.Module> | undefined;

/** Starts the runtime behind the tables of the packet path. Throws DataplaneError "capacity". */
export async function loadRuntime(
  { exports: dataplane, memory, end }: Instance,
  capacity: Capacity,
): Promise<RuntimeInstance> {
  module ??= WebAssembly.compile(bytesOf(RUNTIME_BASE64));
  const table = new WebAssembly.Table({ element: "anyfunc", initial: 1 });
  const { exports } = await WebAssembly.instantiate(await module, {
    env: { memory, table },
    dataplane: dataplane as unknown as WebAssembly.ModuleImports,
  });
  const runtime = exports as unknown as RuntimeExports;
  const arena = layOut(runtime, end, capacity);
  grow(memory, arena + capacity.arena);
  return { exports: runtime, table, arena, scratch: runtime.scratch.value >>> 0 };
}

/** Returns where the block ends. */
function layOut(runtime: RuntimeExports, start: number, capacity: Capacity): number {
  const { batch, fragments, backends, interfaces, headroom } = capacity;
  const end = runtime.configure(start, batch, fragments, backends, interfaces, headroom) >>> 0;
  return end === 0 ? Number.POSITIVE_INFINITY : Math.ceil(end / LINE) * LINE;
}
