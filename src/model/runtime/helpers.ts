/** The functions that programs call: import module "waxdp". Numbers come in signed, as Wasm hands them over. */
import {
  CONNECTION_SIZE,
  CTX_OUTCOME,
  CTX_REDIRECT,
  CTX_TAIL,
  EINVAL,
  SERVICE_INFO_SIZE,
  TUPLE_SIZE,
} from "../../../abi/program.ts";
import { VERDICT_ABORTED, VERDICT_REDIRECT } from "../../../abi/verdict.ts";
import { xorshift32 } from "../random.ts";
import type { Store } from "../store.ts";
import * as adjust from "./adjust.ts";
import { Context } from "./context.ts";
import * as csum from "./csum.ts";
import * as lookups from "./lookups.ts";
import type { ByteMaps } from "./maps/maps.ts";
import type { ProgramMemory } from "./maps/memory.ts";
import type { Moment } from "./moment.ts";
import type { Rooms } from "./rooms.ts";

/** What they work on. */
export interface Surroundings {
  readonly memory: ProgramMemory;
  readonly moment: Moment;
  readonly maps: ByteMaps;
  readonly store: Store;
  readonly rooms: Rooms;
}

export function createHelpers(around: Surroundings): WebAssembly.ModuleImports {
  return {
    ...around.maps.helpers,
    ...momentHelpers(around.moment),
    ...frameHelpers(around),
    ...lookupHelpers(around),
    ...steeringHelpers(around),
  };
}

function momentHelpers(moment: Moment): WebAssembly.ModuleImports {
  return {
    time: () => BigInt(moment.time),
    cpu: () => moment.cpu,
    random() {
      moment.random = xorshift32(moment.random);
      return moment.random;
    },
  };
}

function frameHelpers({ memory, rooms }: Surroundings): WebAssembly.ModuleImports {
  // A pointer to nothing may be any number.
  const bytes = (at: number, size: number) => memory.bytes(size === 0 ? 0 : at, size);
  const checksum = (from: number, fromSize: number, to: number, toSize: number, seed: number) =>
    csum.difference(bytes(from, fromSize), bytes(to, toSize), seed >>> 0);
  const adjusting = (move: typeof adjust.head) => (at: number, delta: number) => {
    const context = new Context(memory, at);
    return move(memory, context, rooms.of(context), delta);
  };
  return {
    csum_diff: checksum,
    adjust_head: adjusting(adjust.head),
    adjust_tail: adjusting(adjust.tail),
  };
}

function lookupHelpers({ memory, store }: Surroundings): WebAssembly.ModuleImports {
  return {
    tuple: (at: number, out: number) =>
      lookups.tupleOf(new Context(memory, at), memory.bytes(out, TUPLE_SIZE)),
    conntrack: (asked: number, out: number) =>
      lookups.connectionOf(
        store,
        memory.bytes(asked, TUPLE_SIZE),
        memory.bytes(out, CONNECTION_SIZE),
      ),
    service: (asked: number, out: number) =>
      lookups.serviceOf(
        store,
        memory.bytes(asked, TUPLE_SIZE),
        memory.bytes(out, SERVICE_INFO_SIZE),
      ),
  };
}

/** Where a packet goes: to which program, interface or backend. */
function steeringHelpers({ memory, moment, maps, store }: Surroundings) {
  const redirect = (at: number, row: number) => {
    const known = row >= 1 && row <= store.capacity.interfaces;
    if (!known) return VERDICT_ABORTED;
    new Context(memory, at).write(CTX_REDIRECT, row);
    return VERDICT_REDIRECT;
  };
  const tailCall = (at: number, map: number, index: number) => {
    const place = maps.programAt(map, index) - 1;
    if (place < 0 || moment.tailCalls === 0) return 0;
    new Context(memory, at).write(CTX_TAIL, place);
    return 1;
  };
  const setBackend = (at: number, backend: number) => {
    const context = new Context(memory, at);
    const isPastNat = context.read(CTX_OUTCOME) !== 0;
    const isKnown = store.control.backends.lookup(backend >>> 0) !== undefined;
    if (isPastNat || !isKnown) return -EINVAL;
    context.want(backend);
    return 0;
  };
  return { redirect, tail_call: tailCall, set_backend: setBackend };
}
