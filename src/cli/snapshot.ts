/** Snapshots as files: `--snapshot`, `--restore`, and what `maps` and `programs` look into. */
import { createModel, type Dataplane, readSnapshot, type SnapshotInfo } from "../index.ts";
import { InputError } from "./failure.ts";
import { readBytes } from "./files.ts";
import { openOutput } from "./output.ts";

export interface OpenedSnapshot {
  readonly info: SnapshotInfo;
  /** One that is as the snapshot says. */
  readonly dataplane: Dataplane;
}

/** The model holds whatever an engine has written, and needs no more memory than there are entries. */
export async function openSnapshot(path: string): Promise<OpenedSnapshot> {
  const bytes = await readBytes(path);
  const info = from(path, () => readSnapshot(bytes));
  const dataplane = await createRoom(path, info);
  from(path, () => dataplane.restore(bytes));
  return { info, dataplane };
}

/** Nothing goes through it, so it needs no batch. A file may claim more room than there is. */
async function createRoom(path: string, { capacity, seed }: SnapshotInfo): Promise<Dataplane> {
  return createModel({ capacity: { ...capacity, batch: 1 }, seed }).catch((error: Error) => {
    throw new InputError(`${path}: ${error.message}`, { cause: error });
  });
}

/** What is wrong with a snapshot is said with its path. */
export function from<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw new InputError(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Whole or not at all, even when the machine stops in the middle of it. */
export async function writeSnapshot(path: string, dataplane: Dataplane): Promise<void> {
  const output = await openOutput(path, { durable: true });
  try {
    await output.write(dataplane.snapshot());
    await output.finish();
  } finally {
    await output.abandon();
  }
}
