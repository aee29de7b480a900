/** What the compiler has to say, at places in the program's own files. */
import type * as AssemblyScript from "assemblyscript";
import type { Api } from "./compiler.ts";
import { type Diagnostic, ProgramError } from "./program.ts";
import { LIBRARY } from "./sources.ts";

type Message = AssemblyScript.DiagnosticMessage;
type Range = AssemblyScript.Range;

/** AS235, that an exported class is none of the module's exports: it is meant for the files beside it. */
const EXPORTED_CLASS = 235;
/** More than these nobody reads. */
const DIAGNOSTICS_MAX = 100;

/** Where in the program's own files the compiler was, by what it said then about a library's. */
export type Callers = ReadonlyMap<Message, Range>;

export function collect(
  api: Api,
  program: AssemblyScript.Program,
  callers?: Callers,
): Diagnostic[] {
  const found: Diagnostic[] = [];
  for (let each = api.nextDiagnostic(program); each !== null; each = api.nextDiagnostic(program)) {
    if (!api.isError(each) && !isWarning(api, each)) continue;
    if (found.length < DIAGNOSTICS_MAX) found.push(describe(api, each, callers?.get(each)));
  }
  return found;
}

function isWarning(api: Api, each: Message): boolean {
  return api.isWarning(each) && each.code !== EXPORTED_CLASS;
}

function describe(api: Api, each: Message, caller: Range | undefined): Diagnostic {
  const severity = api.isError(each) ? "error" : "warning";
  const isForeign = each.range?.source.normalizedPath.startsWith(LIBRARY) ?? false;
  const range = isForeign ? (caller ?? each.range) : each.range;
  const inside = isForeign && caller ? ` (in ${placeOf(each.range!)})` : "";
  return { severity, message: `${each.message.replace(/\.$/, "")}${inside}`, ...locate(range) };
}

/** File, line, column and the line itself. */
export function locate(
  range: Range | null,
): Pick<Diagnostic, "file" | "line" | "column" | "source"> {
  if (!range) return { file: "", line: 1, column: 1, source: "" };
  const { source } = range;
  const line = source.lineAt(range.start);
  const column = source.columnAt();
  return {
    ...{ file: source.normalizedPath, line, column },
    source: source.text.split("\n")[line - 1]?.replace(/\r$/, "") ?? "",
  };
}

function placeOf(range: Range): string {
  return `${range.source.normalizedPath.slice(LIBRARY.length)}:${range.source.lineAt(range.start)}`;
}

/** An error that says the first of them, and has all. */
export function failure(diagnostics: readonly Diagnostic[]): ProgramError {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const { file, line, column, message } = errors[0]!;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return new ProgramError("compile", `${file}:${line}:${column}: ${message}${more}`, diagnostics);
}

const HEAP =
  "programs have no heap, and this takes memory from one: keep it in a map, in a record<T>() or in memory.data. " +
  "Strings that are put together, arrays and `new` of a class that is not @unmanaged do so";

export function describeHeap(places: readonly Range[]): Diagnostic[] {
  const lines = new Map(
    places.map((range) => [`${range.source.normalizedPath}:${range.start}`, range]),
  );
  return [...lines.values()].map((range) => errorAt(range, HEAP));
}

export function errorAt(range: Range | null, message: string): Diagnostic {
  return { severity: "error", message, ...locate(range) };
}
