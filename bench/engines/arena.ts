/**
 * A run of an engine in this process: frames are written to its arena by turns with its work on them, and only
 * the work is timed.
 */
import type { Pack, Run, Work } from "../heats/contestant.ts";
import { createFeed, type Feed } from "../rows/feed.ts";
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

/** `least` is how many packets one sample has; a batch at least. */
export async function createRun(
  work: Work,
  create: () => Promise<Arena>,
  take: Take,
  least = ARENA,
): Promise<Run> {
  const course = new Course(work, create, await create());
  const { batch } = work.row;
  const sample = Math.max(least, batch);
  return {
    async time(batches) {
      const samples: number[] = [];
      for (let left = batches * batch; left > 0; ) {
        const count = await course.load(Math.min(sample, left));
        samples.push(course.take(take, count) / count);
        left -= count;
      }
      course.demandAll();
      return samples;
    },
    async check() {
      const count = await course.load(ARENA);
      course.take(take, count);
      course.demandAll();
      return course.packets(Math.min(batch, count));
    },
    async close() {
      course.clear();
    },
  };
}

/** A row's packets on their way through an engine, from its opening to its end and anew. */
class Course {
  readonly #work: Work;
  readonly #create: () => Promise<Arena>;
  #arena: Arena;
  #feed: Feed;
  /** The engine's time is that of the real clock, less this. */
  #origin = 0;
  #latest = 0;
  #sent = 0;

  constructor(work: Work, create: () => Promise<Arena>, arena: Arena) {
    this.#work = work;
    this.#create = create;
    this.#arena = arena;
    this.#feed = createFeed(work, arena.memory);
    this.#open();
  }

  /** Writes the next packets to the first slots; returns how many there are. */
  async load(most: number): Promise<number> {
    if (this.#feed.ended) await this.#startAnew();
    const [feed, arena] = [this.#feed, this.#arena];
    let count = 0;
    while (count < most && !feed.ended) feed.write(arena.frameAt(count++));
    this.#sent += count;
    return count;
  }

  take(take: Take, count: number): number {
    return take(this.#arena, count, this.#feed.size, this.#now());
  }

  packets(count: number): Uint8Array[] {
    return Array.from({ length: count }, (_, index) => this.#arena.packet(index).slice());
  }

  /** A benchmark of packets that are dropped is none. */
  demandAll(): void {
    const [sent, translated] = [this.#sent, this.#arena.translated()];
    if (translated === sent) return;
    const { name } = this.#work.row;
    throw new Error(`${name}: of ${sent} packets ${translated} were translated and passed`);
  }

  clear(): void {
    this.#arena.clear();
  }

  /** Whole milliseconds, as a device would have them, read before a batch begins. */
  #now(): number {
    this.#latest = Math.floor(performance.now() - this.#origin);
    return this.#latest;
  }

  #open(): void {
    for (const pack of this.#work.opening) {
      const count = pack.bytes.length / pack.size;
      for (let from = 0; from < count; from += ARENA) {
        this.#pass(pack, from, Math.min(ARENA, count - from));
      }
      this.#latest += OPENING_STEP;
    }
    this.demandAll();
    this.#origin = performance.now() - this.#latest;
  }

  #pass(pack: Pack, from: number, length: number): void {
    const arena = this.#arena;
    arena.clear();
    for (let i = 0; i < length; i++) arena.push(frameAt(pack, from + i));
    arena.process(this.#latest, false);
    this.#sent += length;
  }

  /** Connections that are to be open need the draws they were opened with: an engine as at first. */
  async #startAnew(): Promise<void> {
    if (this.#work.row.kind === "new") this.#arena.flush();
    else {
      this.#arena = await this.#create();
      this.#sent = 0;
    }
    this.#feed = createFeed(this.#work, this.#arena.memory);
    this.#open();
  }
}
