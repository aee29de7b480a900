/** waxdp bench: the Wasm packet path against the model, on the same packets, in one run. */
import { cpus } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import { type Contestant, type Row, runRow, type Timing } from "../../bench/run.ts";
import { objects } from "../../bench/workload.ts";
import { createDataplane, createModel, parseObjects } from "../index.ts";
import { type Column, table } from "./table.ts";
import { count, painter, progress } from "./terminal.ts";

const BATCH = 4096;
/** Batches timed per round: the model is some dozens of times slower and needs fewer for the same time. */
const WASM_BATCHES = 32;
const MODEL_BATCHES = 2;
const ROUNDS = 7;

const ROWS: readonly Row[] = [
  { name: "established", family: "ipv4", flows: 1, kind: "established" },
  { name: "established", family: "ipv4", flows: 1024, kind: "established" },
  { name: "established", family: "ipv4", flows: 65536, kind: "established" },
  { name: "established, IPv6", family: "ipv6", flows: 1024, kind: "established" },
  { name: "reply direction", family: "ipv4", flows: 1024, kind: "reply" },
  { name: "new connection", family: "ipv4", flows: 65536, kind: "new" },
];

export interface BenchResult {
  readonly row: Row;
  readonly wasm: Timing;
  readonly model: Timing;
  /** Model over Wasm, medians. */
  readonly ratio: number;
}

interface BenchOptions {
  readonly json?: boolean;
  readonly rounds: number;
}

export function register(program: Command): void {
  program
    .command("bench")
    .description("Measures the Wasm packet path against the model, on the same packets in one run.")
    .option("--json", "print one JSON object")
    .option("--rounds <number>", "rounds of each row, by turns", parseRounds, ROUNDS)
    .addHelpText("after", "\nExamples:\n  waxdp bench\n  waxdp bench --rounds 3 --json")
    .action(bench);
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= 1000) return rounds;
  throw new InvalidArgumentError("It must be an integer from 1 to 1000.");
}

async function bench({ json = false, rounds }: BenchOptions): Promise<void> {
  const line = progress();
  const results: BenchResult[] = [];
  for (const row of ROWS) {
    const show = (round: number) =>
      line.update(
        () =>
          `row ${results.length + 1} of ${ROWS.length}: ${label(row)}, round ${round} of ${rounds}`,
      );
    show(0);
    results.push(await measure(row, rounds, show));
  }
  line.clear();
  process.stdout.write(
    json ? `${JSON.stringify(report(results, rounds))}\n` : print(results, rounds),
  );
}

/** Each row has dataplanes of its own: same seed, same draws, so that the packets must come out the same. */
async function measure(
  row: Row,
  rounds: number,
  show: (round: number) => void,
): Promise<BenchResult> {
  const options = {
    seed: 1,
    capacity: {
      batch: BATCH,
      frame: row.family === "ipv4" ? 64 : 96,
      connections: 65536,
      connections6: 1024,
    },
  };
  const contestants: Contestant[] = [
    { dataplane: await createDataplane(options), batches: WASM_BATCHES },
    { dataplane: await createModel(options), batches: MODEL_BATCHES },
  ];
  for (const { dataplane } of contestants) dataplane.apply(parseObjects(objects(row.family)));
  const [wasm, model] = (await runRow(row, contestants, rounds, async (round) => {
    show(round);
    await new Promise(setImmediate);
  })) as [Timing, Timing];
  return { row, wasm, model, ratio: model.median / wasm.median };
}

function label({ name, flows }: Row): string {
  return `${name}, ${count(flows)} ${flows === 1 ? "flow" : "flows"}`;
}

function machine(): { cpu: string; node: string; v8: string } {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    node: process.version,
    v8: process.versions.v8,
  };
}

function report(results: readonly BenchResult[], rounds: number): unknown {
  return {
    machine: machine(),
    batch: BATCH,
    rounds,
    unit: "ns per packet",
    rows: results.map(({ row, ...timings }) => ({ ...row, ...timings })),
  };
}

const COLUMNS: readonly Column[] = [
  { title: "ns per packet" },
  { title: "flows", right: true },
  { title: "model / wasm", right: true },
  { title: "wasm", right: true },
  { title: "p10..p90", right: true },
  { title: "Mpps", right: true },
  { title: "model", right: true },
  { title: "p10..p90", right: true },
];

function print(results: readonly BenchResult[], rounds: number): string {
  const paint = painter(process.stdout);
  const rows = results.map(({ row, wasm, model, ratio }) => [
    row.name,
    count(row.flows),
    paint("bold", `${ratio.toFixed(0)}x`),
    paint("green", wasm.median.toFixed(1)),
    spread(wasm, 1),
    (1000 / wasm.median).toFixed(1),
    model.median.toFixed(0),
    spread(model, 0),
  ]);
  const { cpu, node, v8 } = machine();
  return [
    ...table(COLUMNS, rows, (text) => paint("dim", text)),
    "",
    `Medians over ${count(rounds)} rounds, Wasm and model by turns, batches of ${count(BATCH)} TCP frames (64 bytes, IPv6 78)`,
    "that are already in the arena; 1,000 Services with 4 endpoints. Compute only: no device, no copy.",
    `${cpu}, Node ${node.slice(1)}, V8 ${v8}, one thread`,
    "",
  ].join("\n");
}

function spread({ p10, p90 }: Timing, digits: number): string {
  return `${p10.toFixed(digits)}..${p90.toFixed(digits)}`;
}
