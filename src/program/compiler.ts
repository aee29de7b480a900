/** AssemblyScript's compiler in this process, and what it is told. */
import type * as AssemblyScript from "assemblyscript";
import type { Compiler } from "./options.ts";
import { ProgramError } from "./program.ts";
import { LIBRARY, SDK_ENTRY, type Sources, type Text } from "./sources.ts";

export type Api = typeof AssemblyScript;

/** The version the SDK is written for; others of its minor version may do. */
const PACKAGE = "assemblyscript@0.28";

export interface Toolkit {
  readonly api: Api;
  /** Texts of the language's own library by name. */
  readonly library: Readonly<Record<string, string>>;
}

/** Numbers of the package's enums, which its declarations only give to those who compile with it. */
interface Kinds {
  readonly NodeKind: Readonly<
    Record<
      "Import" | "ClassDeclaration" | "NamespaceDeclaration" | "FieldDeclaration" | "NamedType",
      number
    >
  >;
  readonly ElementKind: Readonly<Record<"FunctionPrototype", number>>;
  readonly SourceKind: Readonly<Record<"UserEntry", number>>;
}

export function kindsOf(api: Api): Kinds {
  return api as unknown as Kinds;
}

/** Where the two builds put what they own; what differs between them is where it is. */
export interface Bases {
  readonly memory: number;
  readonly table: number;
}

/** What one build gives. */
export interface Build {
  readonly bytes: Uint8Array;
  /** Bytes of static data behind the base. */
  readonly memory: number;
}

export interface BuildOptions {
  readonly bases: Bases;
  /** Keeps names of functions and leaves everything as it is written. */
  readonly debug: boolean;
}

const RUNTIME = "rt/index-stub";
const OPTIMIZE_LEVEL = 3;
const SHRINK_LEVEL = 1;

export async function openCompiler(compiler: Compiler | undefined): Promise<Toolkit> {
  const { assemblyscript, asc } = compiler ?? (await importCompiler());
  const api = assemblyscript as Api | undefined;
  const library = (asc as { libraryFiles?: Toolkit["library"] } | undefined)?.libraryFiles;
  if (typeof api?.newProgram === "function" && library?.[RUNTIME] !== undefined)
    return { api, library };
  throw new ProgramError(
    "no-compiler",
    'compiler: { assemblyscript: import * of "assemblyscript", asc: import * of "assemblyscript/asc" } is wanted, ' +
      `of ${PACKAGE}`,
  );
}

/** Not followed by bundlers: the compiler is ten times as large as all else, and few pages compile. */
const MODULES = ["assemblyscript", "assemblyscript/asc"] as const;

async function importCompiler(): Promise<Compiler> {
  try {
    const [assemblyscript, asc] = await Promise.all(
      MODULES.map((name) => import(/* @vite-ignore */ /* webpackIgnore: true */ name)),
    );
    return { assemblyscript, asc };
  } catch (error) {
    throw new ProgramError(
      "no-compiler",
      `programs are compiled by the package ${PACKAGE}, which is not there (${(error as Error).message}): ` +
        "`npm install assemblyscript@0.28.20`, in a browser an import map that names assemblyscript and " +
        "assemblyscript/asc, or the option `compiler`",
    );
  }
}

/** A program that is parsed whole: with everything it imports. */
export async function parse(
  { api, library }: Toolkit,
  sources: Sources,
  options: BuildOptions,
): Promise<AssemblyScript.Program> {
  const program = api.newProgram(compilerOptions(api, options));
  const add = (file: Text, isEntry: boolean) =>
    attempt(() => api.parse(program, file.text, file.path, isEntry));
  for (const [name, text] of Object.entries(library)) {
    if (!name.includes("/")) add({ text, path: `${LIBRARY}${name}.ts` }, false);
  }
  add({ text: library[RUNTIME]!, path: `${LIBRARY}${RUNTIME}.ts` }, true);
  add(sources.entry, true);
  add((await sources.find(SDK_ENTRY))!, true);
  for (let path = api.nextFile(program); path !== null; path = api.nextFile(program)) {
    const file = libraryFile(library, path) ?? (await sources.find(path));
    if (file) add(file, false);
    else api.parse(program, null, `${path}.ts`, false);
  }
  return program;
}

/** The compiler has no limits of its own: what nests too deeply for it ends in an error of the engine. */
export function attempt<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (error instanceof ProgramError) throw error;
    throw new ProgramError("compile", `the compiler gives up: ${String(error)}`);
  }
}

function libraryFile(library: Toolkit["library"], path: string): Text | undefined {
  const name = path.startsWith(LIBRARY) ? path.slice(LIBRARY.length) : "";
  for (const candidate of [name, `${name}/index`]) {
    if (Object.hasOwn(library, candidate)) {
      return { path: `${LIBRARY}${candidate}.ts`, text: library[candidate]! };
    }
  }
  return undefined;
}

function compilerOptions(api: Api, { bases, debug }: BuildOptions): AssemblyScript.Options {
  const options = api.newOptions();
  api.setTarget(options, api.Target.Wasm32);
  api.setRuntime(options, api.Runtime.Stub);
  api.setImportMemory(options, true);
  api.setExportMemory(options, false);
  api.setImportTable(options, true);
  api.setMemoryBase(options, bases.memory);
  api.setTableBase(options, bases.table);
  api.setDebugInfo(options, debug);
  api.setFeature(options, api.FEATURE_SIMD, true);
  api.setOptimizeLevelHints(options, debug ? 0 : OPTIMIZE_LEVEL, debug ? 0 : SHRINK_LEVEL);
  return options;
}

/** Bytes of what was compiled without an error. */
export function emit(
  { api }: Toolkit,
  module: AssemblyScript.Module,
  { debug }: BuildOptions,
): Uint8Array {
  api.optimize(module, debug ? 0 : OPTIMIZE_LEVEL, debug ? 0 : SHRINK_LEVEL, debug, true);
  return module.toBinary(null).output;
}
