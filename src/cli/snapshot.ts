/** Snapshots as files: `--snapshot`, `--restore`, and what `maps` and `programs` look into. */
import { open, stat } from "node:fs/promises";
import type { Capacity } from "../dataplane/dataplane.ts";
import { capacityOf } from "../dataplane/options.ts";
import { isSnapshot, OPENING_SIZE } from "../dataplane/snapshot/envelope.ts";
import {
  createModel,
  type Dataplane,
  type DataplaneOptions,
  readSnapshot,
  type SnapshotInfo,
} from "../index.ts";
import { InputError } from "./failure.ts";
import { nameOf, readBytes } from "./files.ts";
import { writeOutput } from "./output.ts";

/** What the argument of a command says. */
export const SNAPSHOT = "file that replay --snapshot wrote";

/** A snapshot that was read. */
export interface Kept {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly info: SnapshotInfo;
}

export interface OpenedSnapshot {
  readonly info: SnapshotInfo;
  /** One that is as the snapshot says. */
  readonly dataplane: Dataplane;
}

/** Whether it is a file that begins as one; never throws. */
export async function isSnapshotFile(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isFile()) return false;
    const file = await open(path);
    const { buffer } = await file.read(new Uint8Array(OPENING_SIZE)).finally(() => file.close());
    return isSnapshot(buffer);
  } catch {
    return false;
  }
}

export async function readKept(path: string): Promise<Kept> {
  const bytes = await readBytes(path);
  return { path, bytes, info: await readAt(path, () => readSnapshot(bytes)) };
}

/** The model holds whatever an engine has written; nothing goes through it, so it needs no batch. */
export async function openSnapshot(path: string): Promise<OpenedSnapshot> {
  const kept = await readKept(path);
  const { capacity, seed } = kept.info;
  const options = { capacity: { ...capacity, batch: 1 }, seed };
  return { info: kept.info, dataplane: await restored(kept, () => createModel(options)) };
}

/** With room for all that the snapshot's had room for; batches are no part of it. */
export async function createRestored(
  kept: Kept,
  create: (options: DataplaneOptions) => Promise<Dataplane>,
  options: DataplaneOptions,
): Promise<Dataplane> {
  const usual = capacityOf(options);
  const names = Object.keys(usual) as (keyof Capacity)[];
  const room = names.map((name) => [name, Math.max(kept.info.capacity[name], usual[name])]);
  const capacity = { ...Object.fromEntries(room), batch: usual.batch };
  return restored(kept, () => create({ ...options, capacity }));
}

/** A file may claim more room than there is. */
async function restored(
  { path, bytes }: Kept,
  create: () => Promise<Dataplane>,
): Promise<Dataplane> {
  const dataplane = await readAt(path, create);
  await readAt(path, () => dataplane.restore(bytes));
  return dataplane;
}

/** What is wrong with a snapshot is said with its path. */
async function readAt<Result>(path: string, read: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    throw new InputError(`${nameOf(path)}: ${(error as Error).message}`, { cause: error });
  }
}

/** Whole or not at all, even when the machine stops in the middle of it. */
export async function writeSnapshot(path: string, dataplane: Dataplane): Promise<void> {
  await writeOutput(path, dataplane.snapshot(), { durable: true });
}
