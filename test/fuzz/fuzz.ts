/**
 * `npm run fuzz -- [--packets 1e7] [--seed N] [--minutes M] [--lockstep N]`: mutated packets through the Wasm
 * engine. The search runs in a worker, so that a packet that takes for ever is noticed, and Ctrl-C too.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type Case, encode } from "./corpus.ts";
import { collect, type Found, kindOf, type Progress, search, type Wanted } from "./search.ts";

const FOLDER = "test/fuzz/corpus";
/** Milliseconds without an answer after which a packet counts as one that hangs. */
const HANG = 60_000;
const TICK = 500;

type Order =
  | { readonly kind: "search"; readonly wanted: Wanted; readonly stop: SharedArrayBuffer }
  | { readonly kind: "collect"; readonly wanted: Wanted; readonly progress: Progress };
type Answer =
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "found"; readonly found: Found }
  | { readonly kind: "collected"; readonly case: Case };

async function work(order: Order): Promise<void> {
  const answer = (message: Answer) => parentPort?.postMessage(message);
  if (order.kind === "collect") return answer(await collected(order));
  const stop = new Int32Array(order.stop);
  const found = await search(order.wanted, (progress) => {
    answer({ kind: "progress", progress });
    return Atomics.load(stop, 0) === 0;
  });
  answer({ kind: "found", found });
}

async function collected({ wanted, progress }: Extract<Order, { kind: "collect" }>) {
  const kind = kindOf(progress.episode, wanted.lockstep);
  return {
    kind: "collected",
    case: await collect(progress.episode, progress.batch, kind),
  } as const;
}

function start(order: Order): Worker {
  return new Worker(fileURLToPath(import.meta.url), { workerData: order });
}

/** The worker's last word; undefined when it does not come any more. */
function answerOf(worker: Worker, note: (progress: Progress) => void): Promise<Answer | undefined> {
  return new Promise((resolve, reject) => {
    let heard = Date.now();
    const watch = setInterval(() => {
      if (Date.now() - heard > HANG) settle(() => resolve(undefined));
    }, TICK);
    const settle = (end: () => void) => {
      clearInterval(watch);
      void worker.terminate().then(end);
    };
    worker.on("error", (error) => settle(() => reject(error)));
    worker.on("message", (answer: Answer) => {
      heard = Date.now();
      if (answer.kind === "progress") note(answer.progress);
      else settle(() => resolve(answer));
    });
  });
}

async function main(): Promise<number> {
  const { wanted, minutes } = read(process.argv.slice(2));
  console.log(`seed ${wanted.seed}, ${wanted.packets} packets`);
  const stop = new SharedArrayBuffer(4);
  const end = () => Atomics.store(new Int32Array(stop), 0, 1);
  process.once("SIGINT", end);
  const limit = setTimeout(end, minutes * 60_000);
  const begun = Date.now();
  let last: Progress = { packets: 0, episode: wanted.seed, batch: 0 };
  const show = createMeter(wanted.packets, begun);
  const answer = await answerOf(start({ kind: "search", wanted, stop }), (progress) => {
    last = progress;
    show(progress);
  });
  clearTimeout(limit);
  process.removeListener("SIGINT", end);
  if (answer?.kind === "found") return close(answer.found, wanted, begun);
  return closeHung(wanted, last);
}

function read(args: string[]): { wanted: Wanted; minutes: number } {
  const { values } = parseArgs({
    args,
    options: {
      packets: { type: "string", default: "1e6" },
      seed: { type: "string", default: String(Date.now() % 2 ** 32) },
      minutes: { type: "string", default: "600" },
      lockstep: { type: "string", default: "50" },
    },
  });
  const [packets, seed, minutes, lockstep] = [
    number("packets", values.packets),
    number("seed", values.seed) >>> 0,
    number("minutes", values.minutes),
    number("lockstep", values.lockstep),
  ];
  return { wanted: { packets, seed, lockstep }, minutes };
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= (name === "lockstep" ? 1 : 0)) {
    return value;
  }
  console.error(`--${name} ${text}: it must be a number`);
  process.exit(2);
}

/** One line that is written over, on a terminal alone. */
function createMeter(wanted: number, begun: number): (progress: Progress) => void {
  let shown = 0;
  return ({ packets, episode }) => {
    if (!process.stdout.isTTY || Date.now() - shown < TICK) return;
    shown = Date.now();
    const share = ((100 * packets) / wanted).toFixed(1);
    process.stdout.write(
      `\r${share} %, ${packets} packets, ${rate(packets, begun)}, episode ${episode} `,
    );
  };
}

function rate(packets: number, begun: number): string {
  const seconds = Math.max(0.001, (Date.now() - begun) / 1000);
  return `${seconds.toFixed(1)} s, ${Math.round(packets / seconds)} packets/s`;
}

function close({ packets, episode, failure }: Found, { seed }: Wanted, begun: number): number {
  if (process.stdout.isTTY) process.stdout.write("\r\x1b[K");
  const outcome = failure ? "1 failure" : "no failure";
  console.log(`${packets} packets, ${rate(packets, begun)}, seed ${seed}: ${outcome}`);
  if (!failure) return 0;
  const file = save(failure.case, `found-${episode}`);
  console.log(`episode ${episode} of seed ${seed}: ${failure.message}\nkept as ${file}`);
  return 1;
}

async function closeHung(wanted: Wanted, progress: Progress): Promise<number> {
  const { episode, batch } = progress;
  console.log(
    `episode ${episode} of seed ${wanted.seed}, batch ${batch}: no answer for ${HANG} ms`,
  );
  const answer = await answerOf(start({ kind: "collect", wanted, progress }), () => undefined);
  if (answer?.kind === "collected") console.log(`kept as ${save(answer.case, `hang-${episode}`)}`);
  return 1;
}

function save(found: Case, name: string): string {
  mkdirSync(FOLDER, { recursive: true });
  const file = join(FOLDER, `${name}.bin`);
  writeFileSync(file, encode({ ...found, name }));
  return file;
}

if (isMainThread) process.exitCode = await main();
else await work(workerData as Order);
