/**
 * Takes a program into a dataplane's memory and table. What takes time comes first and is done aside; from the
 * moment the program runs, everything happens in one go, and all of it or nothing remains. (Chromium lets a page
 * instantiate modules of up to 8 MiB at once; programs have at most one.)
 */
import { PROGRAM_ABI_VERSION } from "../../abi/program.ts";
import type { Runtime } from "../dataplane/runtime.ts";
import { MapError } from "../maps/error.ts";
import type { UserMap } from "../maps/map.ts";
import { Declarations, type MapDesk } from "./declarations.ts";
import { environmentOf } from "./environment.ts";
import type { Places } from "./places.ts";
import { type Program, ProgramError } from "./program.ts";
import { type Ranges, releaseRanges, takeRanges } from "./ranges.ts";
import type { Reasons } from "./reasons.ts";
import { relocate } from "./relocation.ts";
import { createStack, type Stack } from "./stack.ts";

/** What a program is linked to. */
export interface Premises {
  readonly runtime: Runtime;
  readonly places: Places;
  readonly maps: MapDesk;
  readonly reasons: Reasons;
}

/** A program that is to be linked, what it is to be called, and the maps it gets instead of its own. */
export interface Request {
  readonly program: Program;
  readonly name: string;
  readonly replacements: Readonly<Record<string, unknown>>;
}

export interface Linked {
  readonly ranges: Ranges;
  /** Where its function stands in the table. */
  readonly entry: number;
  /** By the names that the program has for them, in the order it has declared them. */
  readonly maps: ReadonlyMap<string, UserMap>;
  readonly stack: Pick<Stack, "rewind">;
}

type Exports = Record<string, (() => unknown) | undefined>;

/** Throws ProgramError, and MapError for a map that cannot be made; then nothing is left of it. */
export async function link(premises: Premises, request: Request): Promise<Linked> {
  const { runtime, places } = premises;
  const { program } = request;
  const ranges = takeRanges(runtime.arena, places, program);
  try {
    const module = await WebAssembly.compile(relocate(program, ranges.memory, ranges.first));
    const stack = createStack(ranges);
    const maps = start(premises, request, module, { ranges, stack });
    return { ranges, entry: entryOf(ranges), maps, stack };
  } catch (error) {
    releaseRanges(runtime.arena, places, ranges);
    throw failureOf(error, request);
  }
}

/** Its memory, its places and the maps it has used are others' to have. */
export function unlink({ runtime, places, maps }: Premises, name: string, linked: Linked): void {
  releaseRanges(runtime.arena, places, linked.ranges);
  for (const map of [...linked.maps.values()].reverse()) maps.release(map, name);
}

function entryOf({ first, count }: Ranges): number {
  return first + count - 1;
}

/** Runs what the program does when it is loaded, and puts its function in the table. */
function start(
  { runtime, maps, reasons }: Premises,
  request: Request,
  module: WebAssembly.Module,
  { ranges, stack }: Pick<Linked, "ranges"> & { readonly stack: Stack },
): ReadonlyMap<string, UserMap> {
  const { memory, table, helpers } = runtime;
  const declarations = new Declarations({ ...request, memory, maps, reasons });
  try {
    const { exports } = new WebAssembly.Instance(module, {
      env: environmentOf(runtime, ranges, stack),
      waxdp: { ...helpers, ...declarations.helpers },
    });
    initialize(exports as Exports);
    stack.keep();
    const linked = declarations.close();
    table.set(entryOf(ranges), exports[request.program.form === "packet" ? "program" : "batch"]);
    return linked;
  } catch (error) {
    declarations.undo();
    throw error;
  }
}

/** In this order: DynamicLinking.md, "Relocations" and "Start section". */
function initialize(exports: Exports): void {
  exports.__wasm_apply_data_relocs?.();
  exports.__wasm_call_ctors?.();
  const version = exports.waxdp_abi_version?.();
  if (version === PROGRAM_ABI_VERSION) return;
  throw new ProgramError(
    "abi-mismatch",
    `the program was built for ABI ${version}, this dataplane has ABI ${PROGRAM_ABI_VERSION}: build it anew`,
  );
}

function failureOf(error: unknown, { name }: Request): Error {
  if (error instanceof ProgramError || error instanceof MapError) return error;
  const isMisfit =
    error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError;
  const message = error instanceof Error ? error.message : String(error);
  return isMisfit
    ? new ProgramError("bad-program", `${name} does not fit a dataplane: ${message}`)
    : new ProgramError("load", `${name} has thrown while it was loaded: ${message}`);
}
