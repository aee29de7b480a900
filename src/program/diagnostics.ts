/** What the compiler has to say, at places in the program's own files. */
import type * as AssemblyScript from "assemblyscript";
import type { Api } from "./compiler.ts";
import type { Image } from "./image.ts";
import { refusalOf } from "./imports.ts";
import { type Diagnostic, ProgramError } from "./program.ts";
import { LIBRARY } from "./sources.ts";

type Message = AssemblyScript.DiagnosticMessage;
type Range = AssemblyScript.Range;

/** AS235, that an exported class is none of the module's exports: it is meant for the files beside it. */
const EXPORTED_CLASS = 235;
/** AS204 and TS6054: "Type '{0}' cannot be nullable." and "File '{0}' not found.". */
const NOT_NULLABLE = 204;
const NOT_FOUND = 6054;
/** The package itself, or another door of it than the SDK's. */
const PACKAGE = /^~lib\/waxdp(\.ts$|\/)/;
const RECORDS_ONLY =
  "and lookup, lookupOrInit, match and reserve are for records: numbers are read by get(key, otherwise), counted by " +
  "add(key, amount) and found by findMatch; a ringbuf takes a class with one field";
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
  const refused = new Set<Range>();
  for (let each = api.nextDiagnostic(program); each !== null; each = api.nextDiagnostic(program)) {
    if (!api.isError(each) && !isWarning(api, each)) continue;
    const caller = isForeign(each) ? callers?.get(each) : undefined;
    // What else a library says of a call that it cannot take follows from the first.
    if (caller && api.isError(each)) {
      if (refused.has(caller)) continue;
      refused.add(caller);
    }
    if (found.length < DIAGNOSTICS_MAX) found.push(describe(api, each, caller));
  }
  return found;
}

function isForeign({ range }: Message): boolean {
  return range?.source.normalizedPath.startsWith(LIBRARY) ?? false;
}

function isWarning(api: Api, each: Message): boolean {
  return api.isWarning(each) && each.code !== EXPORTED_CLASS;
}

function describe(api: Api, each: Message, caller: Range | undefined): Diagnostic {
  const severity = api.isError(each) ? "error" : "warning";
  const inside = caller ? ` (in ${placeOf(each.range!)})` : "";
  const message = `${wordsOf(each, caller !== undefined)}${inside}`;
  return { severity, message, ...locate(caller ?? each.range) };
}

/** The compiler's, and where they would not help others. */
function wordsOf({ code, message }: Message, isCall: boolean): string {
  const [, name = ""] = /'(.+)'/.exec(message) ?? [];
  if (code === NOT_FOUND && PACKAGE.test(name)) {
    return 'programs import from "waxdp/program": the rest of waxdp is for those who load them';
  }
  if (code === NOT_NULLABLE && isCall) return `${name} is a number, ${RECORDS_ONLY}`;
  return message.replace(/\.$/, "");
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

/** What no dataplane gives, of imports that are left when everything is optimized. */
export function describeImports(
  { imports }: Image,
  places: ReadonlyMap<string, Range>,
): Diagnostic[] {
  return imports.flatMap((each) => {
    const place = places.get(`${each.module}.${each.name}`);
    const refusal = place && refusalOf(each);
    return refusal ? [errorAt(place, refusal)] : [];
  });
}

export function errorAt(range: Range | null, message: string): Diagnostic {
  return { severity: "error", message, ...locate(range) };
}
