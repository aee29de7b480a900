/** What is timed of an engine's work: its call alone, or what comes with it. */
import type { Arena } from "./arena.ts";

/** Nanoseconds for the frames that lie in the first `count` slots. */
export type Take = (arena: Arena, count: number, bytes: number, now: number) => number;

/** Descriptors lie ready as well: one call, of all frames. */
export const whole: Take = (arena, count, bytes, now) => {
  arena.clear();
  for (let i = 0; i < count; i++) arena.commit(bytes);
  const start = performance.now();
  arena.process(now, false);
  return nanoseconds(start);
};

/**
 * Calls of `batch` frames. A call of one frame is too short for any clock, so many are timed together, with the
 * commits between them, and then the commits alone.
 */
export function inBatches(batch: number): Take {
  const each = (arena: Arena, count: number, bytes: number, now: number, process: boolean) => {
    arena.clear();
    const start = performance.now();
    for (let from = 0; from < count; from += batch) {
      for (let i = 0; i < batch; i++) arena.commit(bytes);
      if (process) arena.process(now, false);
    }
    return nanoseconds(start);
  };
  return (arena, count, bytes, now) =>
    each(arena, count, bytes, now, true) - each(arena, count, bytes, now, false);
}

/** Calls of `batch` frames, each timed by itself without the commits before it: it must be long enough for a clock. */
export function callByCall(batch: number): Take {
  return (arena, count, bytes, now) => {
    arena.clear();
    let sum = 0;
    for (let from = 0; from < count; from += batch) {
      for (let i = 0; i < batch; i++) arena.commit(bytes);
      const start = performance.now();
      arena.process(now, false);
      sum += nanoseconds(start);
    }
    return sum;
  };
}

/** Frames were read into the arena by somebody else; their descriptors are part of it. */
export const committed: Take = (arena, count, bytes, now) => {
  arena.clear();
  const start = performance.now();
  for (let i = 0; i < count; i++) arena.commit(bytes);
  arena.process(now, false);
  return nanoseconds(start);
};

/** Every frame comes in memory of its own and is copied. */
export const pushed: Take = (arena, count, bytes, now) => {
  const frames = Array.from({ length: count }, (_, index) => {
    const at = arena.frameAt(index);
    return arena.memory.slice(at, at + bytes);
  });
  arena.clear();
  const start = performance.now();
  for (const frame of frames) arena.push(frame);
  arena.process(now, false);
  return nanoseconds(start);
};

/** Events are asked for and nobody reads them. */
export const noted: Take = (arena, count, bytes, now) => {
  arena.clear();
  for (let i = 0; i < count; i++) arena.commit(bytes);
  const start = performance.now();
  arena.process(now, true);
  return nanoseconds(start);
};

/** An event is made of every packet. */
export const read: Take = (arena, count, bytes, now) => {
  arena.clear();
  for (let i = 0; i < count; i++) arena.commit(bytes);
  const start = performance.now();
  arena.process(now, true);
  for (let i = 0; i < count; i++) arena.readEvent(i);
  return nanoseconds(start);
};

function nanoseconds(start: number): number {
  return (performance.now() - start) * 1e6;
}
