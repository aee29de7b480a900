/**
 * Files that are complete or not there: written under a temporary name beside their place and renamed when
 * all is in. What is no regular file (a pipe, /dev/null) is written directly.
 */

import { once } from "node:events";
import { rmSync } from "node:fs";
import { type FileHandle, open, realpath, rename, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileError, InputError } from "./failure.ts";

/** Bytes gathered before a write. */
const BLOCK_SIZE = 1 << 18;

export interface Output {
  /** Copies `bytes`. Await the promise, when there is one, before the next write. */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** The file is whole: puts it in its place. */
  finish(): Promise<void>;
  /** The file is of no use: takes it away. Nothing happens when it is finished. */
  abandon(): Promise<void>;
}

/** Temporary files there now. */
const unfinished = new Set<string>();
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Signals are listened to only while there is something to remove: a compiler at work, or a program that does not
 * end, would keep a listener from being called, and Ctrl-C has to end them too.
 */
function noteUnfinished(path: string): void {
  if (unfinished.size === 0) for (const signal of SIGNALS) process.on(signal, interrupt);
  unfinished.add(path);
}

function noteFinished(path: string): void {
  unfinished.delete(path);
  if (unfinished.size === 0) for (const signal of SIGNALS) process.off(signal, interrupt);
}

/** The signal then means what it always does, unless somebody else listens to it. */
function interrupt(signal: NodeJS.Signals): void {
  removeUnfinished();
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

/** Removes what a command leaves behind that does not come to its end. */
export function removeUnfinished(): void {
  for (const path of [...unfinished]) {
    rmSync(path, { force: true });
    noteFinished(path);
  }
}

/** What is `durable` is on the disk before it takes the place of what was there. */
export async function openOutput(path: string, { durable = false } = {}): Promise<Output> {
  if (path === "-") return standardOutput();
  try {
    const target = await realpath(path).catch(() => path);
    if (!(await isRegular(target))) return await openDirect(path);
    return await replaceFile(path, target, durable);
  } catch (error) {
    throw fileError("write", path, error);
  }
}

/** A file, or the standard output for "-", in one piece: whole or not at all. */
export async function writeOutput(
  path: string,
  bytes: Uint8Array,
  options?: { readonly durable?: boolean },
): Promise<void> {
  const output = await openOutput(path, options);
  try {
    await output.write(bytes);
    await output.finish();
  } finally {
    await output.abandon();
  }
}

/** Throws InputError for a file that could not be written, which is left as it is; a pipe is not touched. */
export async function tryOutput(path: string): Promise<void> {
  const isFile = await isRegular(path).catch((error: unknown) => {
    throw fileError("write", path, error);
  });
  if (path !== "-" && isFile) await (await openOutput(path)).abandon();
}

type Path = string | undefined;

/** Throws InputError for an output that would be written over an input, or over the other output. */
export async function checkOutputs(
  outputs: readonly Path[],
  inputs: readonly Path[],
): Promise<void> {
  const taken = new Map<string, string>();
  for (const path of await placesOf(inputs)) taken.set(path.place, "it is read in this run");
  for (const { path, place } of await placesOf(outputs)) {
    const use = taken.get(place);
    if (use) throw new InputError(`cannot write ${path}: ${use}; name another file`);
    taken.set(place, "another output goes there");
  }
}

/** Where the paths lead that are files, or will be; a pipe or /dev/null can serve twice. */
async function placesOf(paths: readonly Path[]): Promise<{ path: string; place: string }[]> {
  const places: { path: string; place: string }[] = [];
  for (const path of paths) {
    if (path === undefined || path === "-") continue;
    const status = await stat(path).catch(() => undefined);
    const place = await realpath(path).catch(() => resolve(path));
    if (status === undefined || status.isFile()) places.push({ path, place });
  }
  return places;
}

async function isRegular(path: string): Promise<boolean> {
  const status = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return undefined;
  });
  if (status?.isDirectory()) throw Object.assign(new Error(path), { code: "EISDIR" });
  return status === undefined || status.isFile();
}

let temporaries = 0;

/** Beside it, and no longer than a name may be where that of the file is as long as it may be. */
function temporaryOf(target: string): string {
  const name = basename(target).slice(0, 50);
  return join(dirname(target), `.${name}.${process.pid}.${++temporaries}.partial`);
}

async function replaceFile(path: string, target: string, durable: boolean): Promise<Output> {
  const temporary = temporaryOf(target);
  noteUnfinished(temporary);
  const file = await open(temporary, "w").catch((error: unknown) => {
    noteFinished(temporary);
    throw error;
  });
  const block = blocks(path, (bytes) => writeAll(file, bytes));
  const remove = (): void => {
    rmSync(temporary, { force: true });
    noteFinished(temporary);
  };
  return {
    write: block.write,
    async finish() {
      await block.flush();
      if (durable) await file.sync();
      await file.close();
      await rename(temporary, target).catch((error: unknown) => {
        throw fileError("write", path, error);
      });
      noteFinished(temporary);
    },
    async abandon() {
      if (!unfinished.has(temporary)) return;
      await file.close().catch(() => undefined);
      remove();
    },
  };
}

async function openDirect(path: string): Promise<Output> {
  const file = await open(path, "w");
  const block = blocks(path, (bytes) => writeAll(file, bytes));
  let closed = false;
  const close = async (): Promise<void> => {
    if (!closed) await file.close();
    closed = true;
  };
  return {
    write: block.write,
    async finish() {
      await block.flush();
      await close();
    },
    abandon: close,
  };
}

function standardOutput(): Output {
  const block = blocks("the standard output", async (bytes) => {
    if (!process.stdout.write(bytes)) await once(process.stdout, "drain");
  });
  return { write: block.write, finish: block.flush, abandon: async () => undefined };
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

interface Blocks {
  write(bytes: Uint8Array): Promise<void> | undefined;
  flush(): Promise<void>;
}

/** Gathers small writes into one block. The promise of a write is awaited before the next one. */
function blocks(path: string, sink: (bytes: Uint8Array) => Promise<void>): Blocks {
  const block = new Uint8Array(BLOCK_SIZE);
  let size = 0;
  async function put(bytes: Uint8Array): Promise<void> {
    await sink(bytes).catch((error: unknown) => {
      throw fileError("write", path, error);
    });
  }
  async function flush(): Promise<void> {
    const length = size;
    size = 0;
    if (length > 0) await put(block.subarray(0, length));
  }
  async function makeRoom(bytes: Uint8Array): Promise<void> {
    await flush();
    if (bytes.length > BLOCK_SIZE) return put(bytes);
    block.set(bytes);
    size = bytes.length;
  }
  return {
    flush,
    write(bytes) {
      if (bytes.length > BLOCK_SIZE - size) return makeRoom(bytes);
      block.set(bytes, size);
      size += bytes.length;
      return undefined;
    },
  };
}
