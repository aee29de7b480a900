/** The files a command reads: manifests, the network, whole texts. */
import { createReadStream, type Stats } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Readable } from "node:stream";
import type { Network } from "../dataplane/dataplane.ts";
import { fileError, InputError } from "./failure.ts";
import { count } from "./terminal.ts";

/** A text and the name its errors are told under. */
export interface TextFile {
  readonly name: string;
  readonly text: string;
}

const MANIFEST_EXTENSIONS: ReadonlySet<string> = new Set([".yaml", ".yml", ".json"]);

/**
 * The manifests under `paths`, in the order given; folders are walked down with their names sorted. Hidden
 * entries of a folder are left out (a mounted ConfigMap keeps copies there), files met twice are read once.
 */
export async function readManifests(paths: readonly string[]): Promise<TextFile[]> {
  const seen = new Set<string>();
  const files: TextFile[] = [];
  for (const path of paths) {
    for (const file of path === "-" ? [path] : await listManifests(path)) {
      const place = file === "-" ? file : await placeOf(file);
      if (!seen.has(place)) files.push(await readText(file));
      seen.add(place);
    }
  }
  return files;
}

async function listManifests(path: string): Promise<string[]> {
  if (!(await statusOf(path)).isDirectory()) return [path];
  const files = await walk(path, new Set());
  if (files.length === 0) throw new InputError(`${path} holds no .yaml, .yml or .json file`);
  return files;
}

/** `seen` holds the folders met, so that a link to a parent does not loop. */
async function walk(folder: string, seen: Set<string>): Promise<string[]> {
  const place = await placeOf(folder);
  if (seen.has(place)) return [];
  seen.add(place);
  const entries = await readdir(folder).catch((error: unknown) => {
    throw fileError("read", folder, error);
  });
  const files: string[] = [];
  for (const name of entries.sort()) {
    if (!name.startsWith(".")) files.push(...(await visit(join(folder, name), seen)));
  }
  return files;
}

async function visit(path: string, seen: Set<string>): Promise<string[]> {
  const status = await statusOf(path);
  if (status.isDirectory()) return walk(path, seen);
  const wanted = status.isFile() && MANIFEST_EXTENSIONS.has(extname(path).toLowerCase());
  return wanted ? [path] : [];
}

async function statusOf(path: string): Promise<Stats> {
  return stat(path).catch((error: unknown) => {
    throw fileError("read", path, error);
  });
}

/** Where a path leads, all links followed. */
async function placeOf(path: string): Promise<string> {
  return realpath(path).catch((error: unknown) => {
    throw fileError("read", path, error);
  });
}

/** Half of what a JavaScript string can be, and what manifests may have. */
const TEXT_BYTES_MAX = 2 ** 28;

/** The text of a file, or of the standard input for "-". */
async function readText(path: string): Promise<TextFile> {
  const { buffer } = await readBytes(path, TEXT_BYTES_MAX);
  return { name: nameOf(path), text: Buffer.from(buffer).toString("utf8") };
}

/** What a file is called in messages. */
export function nameOf(path: string): string {
  return path === "-" ? "standard input" : path;
}

/** Devices have no size before they are read: `most` stops them. */
async function readAll(stream: Readable, most: number, refuse: () => Error): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > most) throw refuse();
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** What a Uint8Array of any platform holds. */
const BYTES_MAX = 2 ** 31 - 1;

/** The bytes of a file, or of the standard input for "-"; at most `most` of them. */
export async function readBytes(path: string, most = BYTES_MAX): Promise<Uint8Array<ArrayBuffer>> {
  try {
    if (path !== "-" && (await stat(path)).size > most) throw tooLarge(path, most);
    const stream = path === "-" ? process.stdin : createReadStream(path);
    return new Uint8Array(await readAll(stream, most, () => tooLarge(path, most)));
  } catch (error) {
    throw error instanceof InputError ? error : fileError("read", nameOf(path), error);
  }
}

function tooLarge(path: string, most: number): InputError {
  return new InputError(`${nameOf(path)} has more than ${count(most)} bytes`);
}

export async function readJson(path: string): Promise<unknown> {
  const { name, text } = await readText(path);
  return parseJson(name, text);
}

/** The `--network` file: what `ip -j addr` and `ip -j route` print, under "addresses" and "routes". */
export async function readNetwork(path: string): Promise<Network> {
  const value = await readJson(path);
  const name = nameOf(path);
  if (!isRecord(value))
    throw new InputError(`${name}: not an object with "addresses" and "routes"`);
  return { addresses: arrayOf(name, value, "addresses"), routes: arrayOf(name, value, "routes") };
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new InputError(`${name}: not JSON: ${(error as Error).message}`);
  }
}

function arrayOf(name: string, value: Record<string, unknown>, key: string): readonly unknown[] {
  const list = value[key];
  if (Array.isArray(list)) return list;
  throw new InputError(`${name}: "${key}" must be an array, as ip -j ${key.slice(0, 5)} prints it`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
