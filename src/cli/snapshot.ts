/** Snapshots as files: `--snapshot`, `--restore`, and what `maps` and `programs` look into. */
import { open, stat } from "node:fs/promises";
import { isSnapshot, OPENING_SIZE } from "../dataplane/snapshot/envelope.ts";
import { createModel, type Dataplane, readSnapshot, type SnapshotInfo } from "../index.ts";
import { InputError } from "./failure.ts";
import { readBytes } from "./files.ts";
import { writeOutput } from "./output.ts";

/** What the argument of a command says. */
export const SNAPSHOT = "file that replay --snapshot wrote";

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

/** The model holds whatever an engine has written, and needs no more memory than there are entries. */
export async function openSnapshot(path: string): Promise<OpenedSnapshot> {
  const bytes = await readBytes(path);
  const info = readAt(path, () => readSnapshot(bytes));
  const dataplane = await createRoom(path, info);
  readAt(path, () => dataplane.restore(bytes));
  return { info, dataplane };
}

/** Nothing goes through it, so it needs no batch. A file may claim more room than there is. */
async function createRoom(path: string, { capacity, seed }: SnapshotInfo): Promise<Dataplane> {
  return createModel({ capacity: { ...capacity, batch: 1 }, seed }).catch((error: unknown) => {
    throw inputError(path, error);
  });
}

/** What is wrong with a snapshot is said with its path. */
export function readAt<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw inputError(path, error);
  }
}

function inputError(path: string, error: unknown): InputError {
  return new InputError(`${path}: ${(error as Error).message}`, { cause: error });
}

/** Whole or not at all, even when the machine stops in the middle of it. */
export async function writeSnapshot(path: string, dataplane: Dataplane): Promise<void> {
  await writeOutput(path, dataplane.snapshot(), { durable: true });
}
