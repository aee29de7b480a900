/** Runs one row of the benchmark on several dataplanes by turns, so that a noisy moment hits all of them. */
import type { Dataplane } from "../src/dataplane/dataplane.ts";
import { parseEndpoint } from "../src/packet/address.ts";
import { answer, type Family, type Flow, flow, request, visited } from "./workload.ts";

export interface Row {
  readonly name: string;
  readonly family: Family;
  /** A power of two. */
  readonly flows: number;
  readonly kind: "established" | "reply" | "new";
}

/** Nanoseconds per packet. */
export interface Timing {
  readonly p10: number;
  readonly median: number;
  readonly p90: number;
  readonly batches: number;
}

export interface Contestant {
  readonly dataplane: Dataplane;
  /** Batches timed in each round. */
  readonly batches: number;
}

/** `pause` is called between rounds: progress, and room for the event loop. */
export async function runRow(
  row: Row,
  contestants: readonly Contestant[],
  rounds: number,
  pause: (round: number) => Promise<void>,
): Promise<Timing[]> {
  const runs = contestants.map((each) => prepare(row, each));
  agree(runs.map((run) => run.check()));
  for (const run of runs) run.time(0);
  for (let round = 0; round < rounds; round++) {
    for (const run of runs) run.time(round + 1);
    await pause(round + 1);
  }
  return runs.map((run) => summary(run.samples));
}

interface Run {
  /** Nanoseconds per packet, a number per batch; the first round warms up and is not in it. */
  readonly samples: number[];
  time(round: number): void;
  /** The bytes of a batch after translation. */
  check(): Uint8Array;
}

function prepare(row: Row, { dataplane, batches }: Contestant): Run {
  const { batch } = dataplane;
  const flows = Array.from({ length: row.flows }, (_, id) => flow(row.family, id));
  dataplane.flush();
  const frames = pack(
    row.kind === "new" ? flows.map((each) => request(each, "S")) : open(dataplane, row, flows),
  );
  const samples: number[] = [];
  let step = 0;

  function load(): void {
    batch.clear();
    for (let i = 0; i < batch.capacity; i++, step++) {
      batch.memory.set(frames.at(visited(step, row.flows)), batch.frameAt(i));
      batch.commit(frames.size);
    }
    if (row.kind === "new" && step % row.flows < batch.capacity) dataplane.flush();
  }

  return {
    samples,
    time(round) {
      for (let i = 0; i < batches; i++) {
        load();
        const start = performance.now();
        batch.process(0);
        const end = performance.now();
        if (round > 0) samples.push(((end - start) * 1e6) / batch.length);
      }
    },
    check() {
      step = 0;
      load();
      batch.process(0);
      return outcome(dataplane, row);
    },
  };
}

/** Frames of one size back to back: tens of thousands of small arrays would push the tables out of the caches. */
function pack(frames: readonly Uint8Array[]): { size: number; at(index: number): Uint8Array } {
  const size = (frames[0] as Uint8Array).length;
  const bytes = new Uint8Array(size * frames.length);
  frames.forEach((frame, index) => {
    bytes.set(frame, index * size);
  });
  return { size, at: (index) => bytes.subarray(index * size, (index + 1) * size) };
}

/** Opens every flow by a handshake and returns a frame of each, of the direction the row is about. */
function open(dataplane: Dataplane, row: Row, flows: readonly Flow[]): Uint8Array[] {
  const { batch } = dataplane;
  const frames: Uint8Array[] = [];
  for (let from = 0; from < flows.length; from += batch.capacity) {
    const part = flows.slice(from, from + batch.capacity);
    send(
      dataplane,
      part.map((each) => request(each, "S")),
      true,
    );
    const endpoints = part.map((_, index) => parseEndpoint(batch.event(index).backend ?? ""));
    send(
      dataplane,
      part.map((each, index) => answer(each, endpoints[index] as never, "SA")),
    );
    send(
      dataplane,
      part.map((each) => request(each, "A")),
    );
    frames.push(
      ...part.map((each, index) =>
        row.kind === "reply" ? answer(each, endpoints[index] as never, "A") : request(each, "A"),
      ),
    );
  }
  return frames;
}

function send({ batch }: Dataplane, frames: readonly Uint8Array[], events = false): void {
  batch.clear();
  for (const frame of frames) batch.push(frame);
  batch.process(0, { events });
}

/** Every packet must have passed, translated; a benchmark of packets that are dropped is none. */
function outcome({ batch }: Dataplane, row: Row): Uint8Array {
  const packets = Array.from({ length: batch.length }, (_, index) => {
    if (batch.verdict(index) === "PASS") return batch.packet(index).slice();
    throw new Error(`${row.name}: packet ${index} was not passed but ${batch.verdict(index)}`);
  });
  const bytes = new Uint8Array(packets.reduce((sum, each) => sum + each.length, 0));
  packets.reduce((at, each) => {
    bytes.set(each, at);
    return at + each.length;
  }, 0);
  return bytes;
}

function agree([first, ...others]: readonly Uint8Array[]): void {
  for (const other of others) {
    if (first?.length === other.length && first.every((byte, at) => byte === other[at])) continue;
    throw new Error("the engines translated the same packets to different bytes");
  }
}

function summary(samples: number[]): Timing {
  const ascending = samples.toSorted((a, b) => a - b);
  const at = (share: number) => ascending[Math.floor((ascending.length - 1) * share)] as number;
  return { p10: at(0.1), median: at(0.5), p90: at(0.9), batches: ascending.length };
}
