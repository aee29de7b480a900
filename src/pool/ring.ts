/**
 * Commands from the pool to one worker, in memory both see: written by the pool, taken by the worker, in order.
 *
 *  words  0      16     17         18         19, 20     32                96
 *         | sent | done | connect4 | connect6 | released | eight commands: kind first length batch now |
 *
 * `sent` and `done` count commands and wrap at 2^32; each has a cache line of its own, for each has one writer.
 */
const SENT = 0;
const DONE = 16;
const CONNECTIONS4 = 17;
const CONNECTIONS6 = 18;
/** One for each of the two batches. */
const RELEASED = 19;
const COMMANDS = 32;
const COMMAND_WORDS = 8;
/** A power of two. There are never more than one of each batch and one of another kind under way. */
const COMMANDS_MAX = 8;
const RING_SIZE = (COMMANDS + COMMANDS_MAX * COMMAND_WORDS) * 4;

const FIRST = 1;
const LENGTH = 2;
const BATCH = 3;
/** A float of 64 bits. */
const NOW = 4;

export const COMMAND_PROCESS = 1;
export const COMMAND_RETIRE = 2;
export const COMMAND_FLUSH = 3;

/** `first`, `length`, `batch` and `now` are those of COMMAND_PROCESS, 0 for the others. */
export interface Command {
  /** COMMAND_. */
  readonly kind: number;
  /** Slots of the worker's frames, from `first` on. */
  readonly first: number;
  readonly length: number;
  /** 0 or 1: where what is released is put. */
  readonly batch: number;
  readonly now: number;
}

/** The same memory as integers and as floats. */
export interface Ring {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly times: Float64Array<SharedArrayBuffer>;
}

export function createRing(buffer = new SharedArrayBuffer(RING_SIZE)): Ring {
  return { words: new Int32Array(buffer), times: new Float64Array(buffer) };
}

/** Hands a command over and returns its number; the worker's memory must be as the command wants it by now. */
export function send({ words, times }: Ring, command: Command): number {
  const number = (Atomics.load(words, SENT) + 1) | 0;
  const at = commandAt(number);
  words[at] = command.kind;
  words[at + FIRST] = command.first;
  words[at + LENGTH] = command.length;
  words[at + BATCH] = command.batch;
  times[(at + NOW) >>> 1] = command.now;
  Atomics.store(words, SENT, number);
  Atomics.notify(words, SENT);
  return number;
}

export function read({ words, times }: Ring, number: number): Command {
  const at = commandAt(number);
  return {
    kind: words[at] as number,
    first: words[at + FIRST] as number,
    length: words[at + LENGTH] as number,
    batch: words[at + BATCH] as number,
    now: times[(at + NOW) >>> 1] as number,
  };
}

function commandAt(number: number): number {
  return COMMANDS + (number & (COMMANDS_MAX - 1)) * COMMAND_WORDS;
}

/**
 * Looks so often, some 2 us, before it sleeps. More gain nothing: with none at all a batch of 256 was back in 22 us,
 * with 8,192 in 25, and in 75 where another process wanted the core.
 */
const LOOKS = 256;

/** Blocks the worker until there are commands behind `taken`; returns the number of the last one. */
export function waitForCommand({ words }: Ring, taken: number): number {
  for (let i = 0; i < LOOKS; i++) {
    const sent = Atomics.load(words, SENT);
    if (sent !== taken) return sent;
  }
  Atomics.wait(words, SENT, taken);
  return Atomics.load(words, SENT);
}

/** Says that the command is carried out, and all before it. */
export function finish({ words }: Ring, number: number): void {
  Atomics.store(words, DONE, number);
  Atomics.notify(words, DONE);
}

export function isDone({ words }: Ring, number: number): boolean {
  return ((Atomics.load(words, DONE) - number) | 0) >= 0;
}

/** Wakes who waits for the worker, though nothing may be done. */
export function alarm({ words }: Ring): void {
  Atomics.notify(words, DONE);
}

/** Commands done so far: to be read before `isDone` is asked, so that what happens meanwhile ends the wait. */
export function progress({ words }: Ring): number {
  return Atomics.load(words, DONE);
}

/** Whether a thread that must not block can wait for a worker without being told by a message. */
export function canWait(): boolean {
  return typeof (Atomics as Partial<AsyncAtomics>).waitAsync === "function";
}

/** Resolves when the progress is another than `seen`, or at an alarm. */
export async function waitForProgress({ words }: Ring, seen: number): Promise<void> {
  await (Atomics as unknown as AsyncAtomics).waitAsync(words, DONE, seen).value;
}

/** Not yet in the compiler's library. */
interface AsyncAtomics {
  waitAsync(words: Int32Array, index: number, value: number): { value: Promise<string> | string };
}

export interface Report {
  readonly connections: number;
  readonly connections6: number;
}

/** What the worker says of itself with every command. */
export function writeReport({ words }: Ring, { connections, connections6 }: Report): void {
  words[CONNECTIONS4] = connections;
  words[CONNECTIONS6] = connections6;
}

export function readReport({ words }: Ring): Report {
  return {
    connections: words[CONNECTIONS4] as number,
    connections6: words[CONNECTIONS6] as number,
  };
}

/** Fragments that the last command of a batch has let go. */
export function writeReleased({ words }: Ring, batch: number, length: number): void {
  words[RELEASED + batch] = length;
}

export function readReleased({ words }: Ring, batch: number): number {
  return words[RELEASED + batch] as number;
}
