/** Source -> Program: AssemblyScript with `waxdp/program`, compiled in this process to a module that goes anywhere. */
import type * as AssemblyScript from "assemblyscript";
import { show } from "../dataplane/field.ts";
import { isName } from "../dataplane/name.ts";
import { checkOptions, loadProgram } from "./check.ts";
import {
  attempt,
  type Build,
  type BuildOptions,
  emit,
  openCompiler,
  parse,
  type Toolkit,
} from "./compiler.ts";
import { createDescriber } from "./description.ts";
import { collect, describeHeap, describeImports, failure } from "./diagnostics.ts";
import { checkEntry } from "./entry.ts";
import { expand } from "./expansion.ts";
import { readImage } from "./image.ts";
import type { Layouts } from "./layouts.ts";
import { observe } from "./observation.ts";
import type { CompileOptions } from "./options.ts";
import { BASES, position } from "./position.ts";
import { type Diagnostic, type Program, ProgramError } from "./program.ts";
import { openSources, readerOf, type Source, type SourceReader, type Sources } from "./sources.ts";

interface Described extends Build {
  readonly types: Layouts;
}

const DEFAULT_NAME = "program";

/**
 * Throws ProgramError "compile" with diagnostics, "no-compiler", "bad-option", and "bad-program" for what compiles
 * but no program may do.
 */
export async function compileProgram(
  source: Source,
  options: CompileOptions = {},
): Promise<Program> {
  checkOptions(options, ["compiler", "debug"]);
  if (options.debug !== undefined && typeof options.debug !== "boolean") {
    throw new ProgramError(
      "bad-option",
      `debug is ${show(options.debug)}: it must be true or false`,
    );
  }
  const reader = readerOf(source, options.name ?? DEFAULT_NAME);
  const name = options.name ?? nameOf(reader);
  const toolkit = await openCompiler(options.compiler);
  const sources = await openSources(reader);
  const debug = options.debug ?? false;
  const first = await build(toolkit, sources, { bases: BASES[0], debug });
  const second = await build(toolkit, sources, { bases: BASES[1], debug });
  const bytes = position(first, second, name, first.types);
  if (bytes) return loadProgram(bytes, { name });
  throw new ProgramError(
    "compile",
    "the program cannot stand anywhere in memory: it computes with an address where the compiler needs a number",
  );
}

function nameOf({ entry }: SourceReader): string {
  const name = entry.replace(/^.*[/\\]/, "").replace(/\.ts$/, "");
  return isName(name) ? name : DEFAULT_NAME;
}

async function build(
  toolkit: Toolkit,
  sources: Sources,
  options: BuildOptions,
): Promise<Described> {
  const program = await parse(toolkit, sources, options);
  return attempt(() => translate(toolkit, program, options));
}

function translate(
  toolkit: Toolkit,
  program: AssemblyScript.Program,
  options: BuildOptions,
): Described {
  const { api } = toolkit;
  report(collect(api, program));
  const expansions = expand(api, program);
  program.initialize();
  program.parser.finish();
  const compiler = new api.Compiler(program);
  const describer = createDescriber(program, expansions);
  const observation = observe({ api, compiler, describer });
  const module = compiler.compile();
  try {
    report([
      ...collect(api, program, observation.callers),
      ...describeHeap(observation.heap),
      ...checkEntry(api, program),
    ]);
    const memory = Number(compiler.memoryOffset) - options.bases.memory;
    const bytes = emit(toolkit, module, options);
    report(describeImports(readImage(bytes), observation.imports));
    return { bytes, memory, types: describer.layouts };
  } finally {
    module.dispose();
  }
}

function report(diagnostics: readonly Diagnostic[]): void {
  if (diagnostics.some(({ severity }) => severity === "error")) throw failure(diagnostics);
}
