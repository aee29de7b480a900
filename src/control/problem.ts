/** What is wrong with manifests: where, why, and what to write instead. */

/** Keys and indexes from an object to one of its fields. */
export type Path = readonly (string | number)[];

export interface Position {
  /** From 1; 0 when the object did not come from a text. */
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong with one object or text. */
export interface Problem extends Position {
  /** "" when the text has no name. */
  readonly file: string;
  /** "Service default/web"; "" when it is not known yet what the text describes. */
  readonly object: string;
  /** "spec.ports[0].port"; "" for the whole object. */
  readonly path: string;
  readonly message: string;
  /** The mend. */
  readonly fix: string;
}

export type ManifestErrorCode = "bad-syntax" | "bad-object" | "too-large";

const PRINTED_MAX = 20;
const QUOTED_MAX = 60;
/** Beyond this many problems nobody reads on. */
const COLLECTED_MAX = 10_000;

/** Everything that is wrong with the manifests of one call. Nothing of them was taken. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
  readonly code: ManifestErrorCode;
  readonly problems: readonly Problem[];
  constructor(code: ManifestErrorCode, problems: readonly Problem[]) {
    super(printProblems(problems));
    this.code = code;
    this.problems = problems;
  }
}

function printProblems(problems: readonly Problem[]): string {
  const lines = problems.slice(0, PRINTED_MAX).map(printProblem);
  const more = problems.length - lines.length;
  if (more > 0) lines.push(`and ${more} more problem${more === 1 ? "" : "s"}`);
  return lines.join("\n");
}

/** "web.yaml:12:11: Service default/web: spec.ports[0].port: must be ...; write ..." */
function printProblem(problem: Problem): string {
  const parts = [printPlace(problem), problem.object, problem.path].filter((part) => part !== "");
  return `${parts.concat(problem.message).join(": ")}; ${problem.fix}`;
}

function printPlace({ file, line, column }: Problem): string {
  if (line === 0) return file;
  return file === "" ? `line ${line}:${column}` : `${file}:${line}:${column}`;
}

export function printPath(path: Path): string {
  return path.map(printStep).join("").replace(/^\./, "");
}

function printStep(step: string | number): string {
  if (typeof step === "number") return `[${step}]`;
  return /^[A-Za-z_][\w-]*$/.test(step) ? `.${step}` : `[${quote(step)}]`;
}

/** A value for a message: on one line, without control characters, not longer than a line. */
export function quote(value: unknown): string {
  const text =
    typeof value === "object" && value !== null ? kindOf(value) : String(JSON.stringify(value));
  return text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}...` : text;
}

function kindOf(value: object): string {
  return Array.isArray(value) ? "a list" : "an object";
}

/** The problems of one call, in the order they were found; the first one names the error. */
export class ProblemList {
  #code: ManifestErrorCode = "bad-object";
  readonly #problems: Problem[] = [];

  add(code: ManifestErrorCode, problem: Problem): void {
    if (this.#problems.length === 0) this.#code = code;
    if (this.#problems.length < COLLECTED_MAX) this.#problems.push(problem);
  }

  throwAny(): void {
    if (this.#problems.length > 0) throw new ManifestError(this.#code, this.#problems);
  }
}
