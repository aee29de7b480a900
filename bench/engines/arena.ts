/**
 * A run of an engine in this process: frames are written to its arena by turns with its work on them, and only
 * the work is timed.
 */
import type { Run, Work } from "../heats/contestant.ts";
import { createFeed } from "../rows/feed.ts";
import { ARENA, frameAt } from "../rows/work.ts";
import type { Take } from "./take.ts";

/** Frames in the slots of an arena, and the engine that takes them through. */
export interface Arena {
  readonly memory: Uint8Array;
  frameAt(index: number): number;
  clear(): void;
  commit(bytes: number): void;
  push(frame: Uint8Array): void;
  /** Takes what was committed and has not been through yet. */
  process(now: number, events: boolean): void;
  packet(index: number): Uint8Array;
  /** Makes somebody out of what became of a frame, when it was processed with events. */
  readEvent(index: number): void;
  /** Packets translated so far. */
  translated(): number;
  flush(): void;
}

/** Milliseconds between the packets that open a connection: more than makes a stream of UDP, 2 s. */
const OPENING_STEP = 3000;

export async function createRun(
  work: Work,
  create: () => Promise<Arena>,
  take: Take,
  /** Packets of one sample; a batch at least. */
  least = ARENA,
): Promise<Run> {
  const { batch, kind, name } = work.row;
  const sample = Math.max(least, batch);
  let arena = await create();
  let feed = createFeed(work, arena.memory);
  /** The engine's time is that of the real clock, less this. */
  let origin = 0;
  let latest = 0;
  let sent = 0;

  /** Whole milliseconds, as a device would have them, read before a batch begins. */
  function now(): number {
    latest = Math.floor(performance.now() - origin);
    return latest;
  }

  function open(): void {
    for (const pack of work.opening) {
      const count = pack.bytes.length / pack.size;
      for (let from = 0; from < count; from += ARENA) {
        const length = Math.min(ARENA, count - from);
        arena.clear();
        for (let i = 0; i < length; i++) arena.push(frameAt(pack, from + i));
        arena.process(latest, false);
        sent += length;
      }
      latest += OPENING_STEP;
    }
    demandAll();
    origin = performance.now() - latest;
  }

  /** Connections that are to be open need the draws they were opened with: an engine as at first. */
  async function startAnew(): Promise<void> {
    if (kind === "new") arena.flush();
    else {
      arena = await create();
      sent = 0;
    }
    feed = createFeed(work, arena.memory);
    open();
  }

  async function load(most: number): Promise<number> {
    if (feed.ended) await startAnew();
    let count = 0;
    while (count < most && !feed.ended) feed.write(arena.frameAt(count++));
    sent += count;
    return count;
  }

  /** A benchmark of packets that are dropped is none. */
  function demandAll(): void {
    if (arena.translated() === sent) return;
    throw new Error(`${name}: of ${sent} packets ${arena.translated()} were translated and passed`);
  }

  open();
  return {
    async time(batches) {
      const samples: number[] = [];
      for (let left = batches * batch; left > 0; ) {
        const count = await load(Math.min(sample, left));
        samples.push(take(arena, count, feed.size, now()) / count);
        left -= count;
      }
      demandAll();
      return samples;
    },
    async check() {
      const count = await load(ARENA);
      take(arena, count, feed.size, now());
      demandAll();
      return Array.from({ length: Math.min(batch, count) }, (_, index) =>
        arena.packet(index).slice(),
      );
    },
    async close() {
      arena.clear();
    },
  };
}
