/** `waxdp diff`: which flows change between two sets of manifests. */
import { type Command, Option } from "commander";
import { type Compared, createDiff, type Sides } from "../diff/diff.ts";
import {
  compareCaptured,
  createFlowTable,
  type FlowDifference,
  type FlowTable,
} from "../diff/flows.ts";
import { type CaptureSource, openCapture } from "./capture.ts";
import * as flowReport from "./diff-flows.ts";
import * as report from "./diff-report.ts";
import { type DiffOptions, prepareSides } from "./diff-setup.ts";
import { EXIT_DIFFERENT, InputError } from "./failure.ts";
import { count, painter, progress } from "./terminal.ts";

const EXAMPLES = `
Examples:
  waxdp diff old/ new/ -f cluster/ --node worker-1
  waxdp diff before.yaml after.yaml --node worker-1 --json | jq 'select(.new.verdict == "DROP")'
  kubectl kustomize overlays/new | waxdp diff now.yaml - -f nodes.yaml --node worker-1
  waxdp diff old/ new/ -f cluster/ --node worker-1 --capture cluster.pcapng

OLD and NEW are files or folders of manifests, or - for standard input. What -f gives is common to both; an
object of OLD or NEW takes the place of a common one of the same kind, namespace and name. Every frontend of
either side is dialled by everybody whom it may matter to, each flow against fresh state; with --capture, by
whoever did so there. Chance makes no difference: all endpoints that a flow may go to are compared.

Exit status: 0 no difference, 1 there are differences, 2 wrong usage or bad input.`;

export function register(program: Command): void {
  program
    .command("diff")
    .description("Says which flows change between two sets of manifests, before they are applied.")
    .argument("<old>", "manifests as they are: file, folder, or - for standard input")
    .argument("<new>", "manifests as they would be")
    .option(
      "-f, --file <path...>",
      "manifests common to both: Nodes, kube-proxy's configuration ...",
    )
    .requiredOption("--node <name>", "the Node whose view it is")
    .option(
      "--capture <file>",
      "compare the flows of this pcap or pcapng file, and count its packets",
    )
    .addOption(
      new Option("--engine <engine>", "packet path: WebAssembly, or its model in TypeScript")
        .choices(["wasm", "model"])
        .default("wasm"),
    )
    .option(
      "--network <file>",
      'JSON with "addresses" and "routes": what ip -j addr and ip -j route print',
    )
    .option("--json", "print one JSON object per flow that changes, and nothing else")
    .addHelpText("after", EXAMPLES)
    .action(run);
}

async function run(old: string, next: string, options: DiffOptions): Promise<void> {
  checkStandardInput([old, next, ...(options.file ?? []), options.capture, options.network]);
  const source = options.capture === undefined ? undefined : await openCapture(options.capture);
  const sides = await prepareSides(old, next, options);
  const title = { old, next, node: options.node, engine: options.engine };
  const differs = source
    ? await compareFlows(sides, source, title, options)
    : await compareFrontends(sides, title, options);
  if (differs) process.exitCode = EXIT_DIFFERENT;
}

function checkStandardInput(paths: readonly (string | undefined)[]): void {
  if (paths.filter((path) => path === "-").length > 1)
    throw new InputError("only one of OLD, NEW, -f and --capture can be the standard input");
}

async function compareFrontends(
  sides: Sides,
  title: report.Title,
  { json }: DiffOptions,
): Promise<boolean> {
  const { length, compare } = createDiff(sides);
  const found: Compared[] = [];
  const totals = { frontends: length, flows: 0 };
  watch(compare(), (compared, done) => {
    totals.flows += compared.flows;
    if (compared.differences.length > 0) found.push(compared);
    return `${count(done)} of ${count(length)} frontends compared`;
  });
  const sorted = report.sort(found);
  const lines = json
    ? report.toJson(sorted)
    : report.toText(sorted, totals, title, painter(process.stdout));
  await print(lines);
  return found.length > 0;
}

/** More flows than this are not told apart: they would not fit in memory. */
const FLOWS_MAX = 1_000_000;

async function compareFlows(
  sides: Sides,
  source: CaptureSource,
  title: report.Title,
  { json }: DiffOptions,
): Promise<boolean> {
  const flows = createFlowTable(sides, FLOWS_MAX);
  await readFlows(source, flows);
  const found: FlowDifference[] = [];
  watch(flows.flows(), (captured, done) => {
    const difference = compareCaptured(sides, captured);
    if (difference) found.push(difference);
    return `${count(done)} of ${count(flows.length)} flows compared`;
  });
  const totals = {
    capture: source.name,
    flows: flows.length,
    packets: flows.packets,
    others: flows.others,
  };
  const lines = json
    ? flowReport.toJson(found)
    : flowReport.toText(found, totals, title, painter(process.stdout));
  await print(lines);
  return found.length > 0;
}

async function readFlows(source: CaptureSource, flows: FlowTable): Promise<void> {
  const line = progress();
  try {
    for await (const packets of source.chunks()) {
      for (const packet of packets) if (!flows.add(packet)) throw tooManyFlows(source);
      line.update(() => `${count(flows.packets)} packets of ${source.name}`);
    }
  } finally {
    line.clear();
  }
}

function tooManyFlows({ name }: CaptureSource): InputError {
  return new InputError(
    `${name}: more than ${count(FLOWS_MAX)} flows; cut it into parts, with editcap for one`,
  );
}

/** Goes through `items` with a progress line. */
function watch<T>(items: Iterable<T>, take: (item: T, done: number) => string): void {
  const line = progress();
  let done = 0;
  for (const item of items) {
    const text = take(item, ++done);
    line.update(() => text);
  }
  line.clear();
}

/** Line by line, waiting for a reader that is slow. */
async function print(lines: Iterable<string>): Promise<void> {
  for (const line of lines) {
    if (process.stdout.write(`${line}\n`)) continue;
    await new Promise((resolve) => process.stdout.once("drain", resolve));
  }
}
