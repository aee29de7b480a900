/** `--program` and `--map`: the programs a command puts into its dataplanes, and what their maps hold. */
import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { Command } from "commander";
import { NAME_SIZE_MAX } from "../../abi/program.ts";
import type { Dataplane } from "../dataplane/dataplane.ts";
import { isSnapshot } from "../dataplane/snapshot/envelope.ts";
import type { HookName } from "../hook/hook.ts";
import { type Diagnostic, Program, ProgramError } from "../index.ts";
import { fromJson } from "../maps/json.ts";
import { InputError } from "./failure.ts";
import { nameOf, readBytes, readJson } from "./files.ts";

export interface ProgramOptions {
  readonly program?: readonly string[];
  readonly map?: readonly string[];
}

interface Request {
  readonly path: string;
  readonly hook: HookName;
}

/** What the options name, read and compiled: any number of dataplanes can take it in. */
export interface Programming {
  /** The files read. */
  readonly files: readonly string[];
  install(dataplane: Dataplane): Promise<void>;
}

export function addProgramOptions(command: Command): Command {
  const collect = (text: string, former: readonly string[] = []) => [...former, text];
  return command
    .option(
      "--program <file[@hook]>",
      "a program, .wasm or its source .ts, @ingress (before service NAT, the default) or @egress; may be repeated",
      collect,
    )
    .option(
      "--map <name=file>",
      "what a map of the programs holds: a JSON array of [key, value] pairs; may be repeated",
      collect,
    );
}

export async function readProgramming({
  program = [],
  map = [],
}: ProgramOptions): Promise<Programming> {
  const requests = program.map(requestOf);
  const files = new Set(requests.map(({ path }) => path));
  const programs = await Promise.all(requests.map(({ path }) => readProgram(path, files)));
  const contents = await Promise.all(map.map(readContents));
  return {
    files: [...files, ...contents.map(({ path }) => path)],
    async install(dataplane) {
      for (const [index, { path, hook }] of requests.entries()) {
        await attach(dataplane, programs[index] as Program, hook).catch((error: unknown) => {
          throw refusal(path, error);
        });
      }
      for (const each of contents) fill(dataplane, each);
    },
  };
}

function requestOf(text: string): Request {
  const [, path = "", hook = "ingress"] = /^(.*?)(?:@([^@/.]*))?$/s.exec(text) ?? [];
  if (path === "")
    throw new InputError(`--program ${text}: it must be FILE, FILE@ingress or FILE@egress`);
  if (hook === "ingress" || hook === "egress") return { path, hook };
  throw new InputError(`--program ${text}: there is no hook "${hook}": take @ingress or @egress`);
}

/** A module has a megabyte at most, and so has a source. */
const PROGRAM_BYTES_MAX = 2 ** 20;

/** A module as it is; a source compiled. `files` is told of what it is compiled from. */
export async function readProgram(path: string, files = new Set<string>()): Promise<Program> {
  try {
    const bytes = await readBytes(path, PROGRAM_BYTES_MAX);
    if (isSnapshot(bytes)) throw new InputError(`${nameOf(path)} is a snapshot and no program`);
    if (path === "-") return Program.load(bytes);
    const name = programName(path, extname(path));
    if (extname(path) !== ".ts") return Program.load(bytes, { name });
    const readFile = (file: string) => find(file, files);
    return await Program.compile({ entry: path, readFile }, { name });
  } catch (error) {
    throw refusal(path, error);
  }
}

/** What a file may be called and a program may not. */
function programName(path: string, extension: string): string {
  const name = basename(path, extension).replace(/[^A-Za-z0-9_.-]/g, "_");
  return name.slice(0, NAME_SIZE_MAX) || "program";
}

async function find(path: string, files: Set<string>): Promise<string | null> {
  const text = await readFile(path, "utf8").catch(() => null);
  if (text !== null) files.add(path);
  return text;
}

/** Like a compiler's: place, message, and the line with a mark under what is wrong. Errors without a code are ours. */
function refusal(path: string, error: unknown): unknown {
  if (!(error instanceof Error && "code" in error)) return error;
  const diagnostics = error instanceof ProgramError ? error.diagnostics : [];
  const found = diagnostics.filter(({ severity }) => severity === "error").map(diagnosis);
  const text = found.length === 0 ? `${nameOf(path)}: ${error.message}` : found.join("\n");
  return new InputError(text, { cause: error });
}

function diagnosis({ file, line, column, message, source }: Diagnostic): string {
  const text = `${file}:${line}:${column}: ${message}`;
  if (source === "") return text;
  const mark = source.slice(0, column - 1).replace(/[^\t]/g, " ");
  return `${text}\n  ${source}\n  ${mark}^`;
}

/** Before service NAT where that stands, in the order given. */
async function attach(dataplane: Dataplane, program: Program, hook: HookName): Promise<void> {
  const { programs, hooks } = dataplane;
  const loaded = await programs.load(program, { name: freeName(dataplane, program.name) });
  const services = hooks[hook].links().find((link) => link.name === "service-nat");
  hooks[hook].attach(loaded, services ? { before: services } : { last: true });
}

/** A program that is named twice stands there twice. */
function freeName({ programs }: Dataplane, name: string): string {
  for (let n = 1; ; n++) {
    const number = n === 1 ? "" : `-${n}`;
    const wanted = `${name.slice(0, NAME_SIZE_MAX - number.length)}${number}`;
    if (programs.get(wanted) === undefined) return wanted;
  }
}

/** The standard input's uses, as they were written. */
export function standardInputs({ program = [], map = [] }: ProgramOptions): string[] {
  return [
    ...program.filter((text) => requestOf(text).path === "-").map((text) => `--program ${text}`),
    ...map.filter((text) => text.endsWith("=-")).map((text) => `--map ${text}`),
  ];
}

interface Contents {
  readonly map: string;
  readonly path: string;
  readonly pairs: readonly (readonly [unknown, unknown])[];
}

async function readContents(text: string): Promise<Contents> {
  const at = text.indexOf("=");
  const [map, path] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || path === "") throw new InputError(`--map ${text}: it must be NAME=FILE`);
  const pairs = await readJson(path);
  if (Array.isArray(pairs) && pairs.every(isPair)) return { map, path, pairs };
  throw new InputError(`${nameOf(path)}: it must hold a JSON array of [key, value] pairs`);
}

function isPair(value: unknown): value is [unknown, unknown] {
  return Array.isArray(value) && value.length === 2;
}

function fill({ maps }: Dataplane, { map: name, path, pairs }: Contents): void {
  const map = maps.get(name);
  if (map === undefined)
    throw new InputError(`--map ${name}=${path}: ${missing(name, maps.list())}`);
  const { key: keyLayout, value: valueLayout } = map.info();
  for (const [index, [key, value]] of pairs.entries()) {
    try {
      map.update(fromJson(keyLayout, key), fromJson(valueLayout, value));
    } catch (error) {
      const hint = isRounded([key, value]) ? "; numbers beyond 2^53 stand in quotes" : "";
      const text = `entry ${index + 1}: ${(error as Error).message}${hint}`;
      throw new InputError(`${nameOf(path)}: ${text}`, { cause: error });
    }
  }
}

/** A number that JSON has rounded is none that the file's author has written. */
function isRounded(value: unknown): boolean {
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value);
  return typeof value === "object" && value !== null && Object.values(value).some(isRounded);
}

function missing(name: string, maps: readonly { readonly name: string }[]): string {
  const names = maps.map((map) => map.name).join(", ");
  return `no program has a map "${name}": ${names === "" ? "there are none" : `there are ${names}`}`;
}
