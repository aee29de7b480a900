/** The files a program is compiled from: its own, and the SDK that comes with the package. */
import { SDK_SOURCES } from "../../generated/sdk.ts";
import { ProgramError } from "./program.ts";

/** Text of a file, by its path as imports lead to it; null when there is none. */
export type ReadFile = (path: string) => string | null | Promise<string | null>;

export interface SourceFiles {
  /** Texts by path; imports between them are relative. */
  readonly files: Readonly<Record<string, string>>;
  /** Which of them is the program. Default: the only one, or "program.ts". */
  readonly entry?: string;
}

export interface SourceReader {
  readonly entry: string;
  readonly readFile: ReadFile;
}

/** The text of the program, or where it and what it imports is found. */
export type Source = string | SourceFiles | SourceReader;

/** Where the compiler looks for what does not begin with a dot. */
export const LIBRARY = "~lib/";
/** `waxdp/program` stands in a folder of that name, so that what it imports relatively lies beside it. */
const SDK_ROOTS: readonly (readonly [library: string, folder: string])[] = [
  [`${LIBRARY}waxdp/program/`, "assembly/sdk/"],
  [`${LIBRARY}waxdp/wire/`, "assembly/wire/"],
  [`${LIBRARY}abi/`, "abi/"],
];
export const SDK_ENTRY = `${LIBRARY}waxdp/program/version`;
const EXTENSION = ".ts";

/** A program is a page or a few. What imports files without end is stopped. */
const FILES_MAX = 256;
const SIZE_MAX = 2 ** 20;

export interface Text {
  readonly path: string;
  readonly text: string;
}

/** What the compiler asks for by path without extension; remembered, because everything is compiled twice. */
export interface Sources {
  readonly entry: Text;
  find(path: string): Promise<Text | undefined>;
}

export async function openSources({ entry, readFile }: SourceReader): Promise<Sources> {
  const found = new Map<string, Promise<Text | undefined>>();
  const own = limit(readFile);
  const text = await own(entry);
  if (text === undefined) throw new ProgramError("bad-option", `there is no file ${entry}`);
  const find = (path: string) => {
    const known = found.get(path) ?? search(path, own);
    found.set(path, known);
    return known;
  };
  return { entry: { path: entry, text }, find };
}

/** Where its files are read; a text alone is one of the name. Throws ProgramError "bad-option" for what is no source. */
export function readerOf(source: Source, name: string): SourceReader {
  if (typeof source === "string") return fixed({ [`${name}${EXTENSION}`]: source }, undefined);
  if (typeof source === "object" && source !== null) {
    if ("files" in source) return fixed(source.files, source.entry);
    if (typeof source.readFile === "function" && typeof source.entry === "string") return source;
  }
  throw new ProgramError(
    "bad-option",
    "a program is compiled from its text, from { files, entry? } or from { entry, readFile }",
  );
}

function fixed(files: Readonly<Record<string, string>>, entry: unknown): SourceReader {
  const names = Object.keys(files ?? {});
  const first = names.length === 1 ? names[0] : `program${EXTENSION}`;
  const path = entry ?? first;
  if (typeof path !== "string" || !names.includes(path)) {
    throw new ProgramError(
      "bad-option",
      `files: there is no ${String(path)}, the program, among them`,
    );
  }
  return { entry: path, readFile: (name) => (Object.hasOwn(files, name) ? files[name]! : null) };
}

function limit(readFile: ReadFile): (path: string) => Promise<string | undefined> {
  let files = 0;
  let size = 0;
  return async (path) => {
    if (++files > 2 * FILES_MAX) throw tooMuch(`more than ${FILES_MAX} files`);
    const text = await readFile(path);
    if (text === null || text === undefined) return undefined;
    if (typeof text !== "string")
      throw new ProgramError("bad-option", `${path} is read as no text`);
    size += text.length;
    if (size > SIZE_MAX) throw tooMuch(`more than ${SIZE_MAX} characters`);
    return text;
  };
}

function tooMuch(what: string): ProgramError {
  return new ProgramError("compile", `the program is ${what}; programs are a page or a few`);
}

async function search(
  path: string,
  own: (path: string) => Promise<string | undefined>,
): Promise<Text | undefined> {
  for (const candidate of [`${path}${EXTENSION}`, `${path}/index${EXTENSION}`]) {
    const text = path.startsWith(LIBRARY) ? sdkText(candidate) : await own(candidate);
    if (text !== undefined) return { path: candidate, text };
  }
  return undefined;
}

function sdkText(path: string): string | undefined {
  for (const [library, folder] of SDK_ROOTS) {
    if (path.startsWith(library)) return SDK_SOURCES[`${folder}${path.slice(library.length)}`];
  }
  return undefined;
}
