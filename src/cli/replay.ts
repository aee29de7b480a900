/** `waxdp replay`: a capture through a node's dataplane. */
import type { Command } from "commander";
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Link } from "../hook/hook.ts";
import type { Packet } from "../pcap/index.ts";
import { type BothWays, createBothWays, isStrayAnswer } from "../replay/bothways.ts";
import { type Departure, departures, type Replayed, replay } from "../replay/replay.ts";
import { createTally, type Tally } from "../replay/tally.ts";
import { type CaptureSink, type CaptureSource, openCapture, openSink } from "./capture.ts";
import { type EventSink, openEvents } from "./events.ts";
import { type Expectation, openExpectation } from "./expect.ts";
import { EXIT_DIFFERENT, InputError } from "./failure.ts";
import { createSample, measure, type Rates, type Sample } from "./measure.ts";
import { checkOutputs, tryOutput } from "./output.ts";
import { addProgramOptions, standardInputs } from "./programming.ts";
import { type Report, toJson, toText } from "./report.ts";
import { createReturns, type Returns } from "./returns.ts";
import { addSetupOptions, prepare, type Setup, type SetupOptions } from "./setup.ts";
import { writeSnapshot } from "./snapshot.ts";
import { count, painter, progress } from "./terminal.ts";

interface ReplayOptions extends SetupOptions {
  readonly output?: string;
  readonly events?: string;
  readonly json?: boolean;
  readonly expect?: string;
  readonly bothWays?: boolean;
  readonly rate: boolean;
  readonly snapshot?: string;
  readonly restore?: string;
}

const EXAMPLES = `
Examples:
  waxdp replay cluster.pcapng -f manifests/ --node worker-1
  waxdp replay cluster.pcapng -f services.yaml nodes.yaml --node worker-1 -o out.pcapng
  waxdp replay cluster.pcapng -f manifests/ --node worker-1 --events - | jq 'select(.verdict == "DROP")'
  waxdp replay cluster.pcapng -f manifests/ --node worker-1 --expect golden.pcapng
  waxdp replay client.pcap -f manifests/ --node worker-1 --both-ways
  waxdp replay cluster.pcapng -f manifests/ --node worker-1 --program drop.ts --map blocked=list.json
  waxdp replay any.pcapng --program drop.ts --snapshot now.snap
  waxdp replay next.pcapng --program drop.ts --restore now.snap

Without -f there are no Services, and packets go through the programs alone; with --restore, through the Services
of the snapshot, if it has any.

Exit status: 0 fine, 1 a difference was found, 2 wrong usage or bad input.`;

export function register(program: Command): void {
  const command = program
    .command("replay")
    .description(
      "Plays a capture through a node's dataplane, or through programs alone: what became of every packet.",
    )
    .argument("<capture>", "pcap or pcapng file, gzipped or not; - for standard input");
  addProgramOptions(addSetupOptions(command, "optional"))
    .option(
      "-o, --output <file>",
      "write the packets that leave the dataplane (.pcap or .pcapng; - for stdout)",
    )
    .option("--events <file>", "write one JSON object per packet (- for stdout)")
    .option("--json", "print the report as one JSON object")
    .option("--expect <golden>", "compare with this capture what leaves the dataplane")
    .option(
      "--both-ways",
      "take it as captured at the client: answers must come back as they were captured, windows aside",
    )
    .option(
      "--snapshot <file>",
      "write what the dataplane holds at the end: waxdp maps looks into it (- for stdout)",
    )
    .option("--restore <file>", "begin with what a snapshot holds")
    .option("--no-rate", "do not measure the packet path afterwards")
    .addHelpText("after", EXAMPLES)
    .action(run);
}

async function run(capture: string, options: ReplayOptions): Promise<void> {
  checkStandardStreams(capture, options);
  const { output, events, expect, network, snapshot, restore } = options;
  const setup = await prepare({ ...options, sysctl: sysctlsOf(options) });
  const read = [capture, expect, network, restore, ...setup.files];
  await checkOutputs([output, events, snapshot], read);
  if (snapshot !== undefined) await tryOutput(snapshot);
  const dataplane = await setup.create(options.engine);
  const source = await openCapture(capture);
  const sinks = await openSinks(options, source);
  const links = linksOf(dataplane);
  try {
    const damage = await play(dataplane, source, sinks);
    if (snapshot !== undefined) await writeSnapshot(snapshot, dataplane);
    await finishSinks(sinks, damage === null);
    const played = { dataplane, links, source, sinks, damage };
    await print(await reportOf(setup, played, options), options);
    if (damage) throw damage;
  } finally {
    await sinks.output?.abandon();
    await sinks.events?.abandon();
    await sinks.expectation?.close();
  }
}

/**
 * `--both-ways` asks for the translation there and back. A capture taken at a client may lack segments, and then
 * windows would refuse those that are there; whoever wants that says so.
 */
function sysctlsOf({ bothWays, sysctl = [] }: ReplayOptions): readonly string[] {
  return bothWays ? ["nf_conntrack_tcp_be_liberal=1", ...sysctl] : sysctl;
}

/** Each of the standard streams can serve one purpose. */
function checkStandardStreams(capture: string, options: ReplayOptions): void {
  const { output, events, snapshot, file, expect, network, restore } = options;
  const outputs = { "-o": output, "--events": events, "--snapshot": snapshot };
  const writers = standardOf(outputs);
  if (writers.length > 1) {
    throw new InputError(
      `${writers.join(" and ")} cannot both write to the standard output; give one of them a file`,
    );
  }
  const inputs = { CAPTURE: capture, "--expect": expect, "--network": network };
  const files = { "-f": file?.find((path) => path === "-"), "--restore": restore };
  const readers = [...standardOf({ ...inputs, ...files }), ...standardInputs(options)];
  if (readers.length > 1) {
    throw new InputError(`only one of ${readers.join(" and ")} can be the standard input`);
  }
}

function standardOf(paths: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(paths).filter((name) => paths[name] === "-");
}

interface Sinks {
  readonly tally: Tally;
  readonly sample: Sample;
  readonly output: CaptureSink | null;
  readonly events: EventSink | null;
  readonly expectation: Expectation | null;
  readonly returns: Returns | null;
  strayAnswers: number;
  tookMs: number;
}

async function openSinks(options: ReplayOptions, source: CaptureSource): Promise<Sinks> {
  const { output, events, expect, bothWays } = options;
  return {
    tally: createTally(),
    sample: createSample(options.rate),
    expectation: expect === undefined ? null : await openExpectation(expect),
    returns: bothWays === true ? createReturns() : null,
    output: output === undefined ? null : await openSink(output, source.reader),
    events: events === undefined ? null : await openEvents(events),
    strayAnswers: 0,
    tookMs: 0,
  };
}

/** Plays what can be read; what cannot be is returned. */
async function play(
  dataplane: Dataplane,
  source: CaptureSource,
  sinks: Sinks,
): Promise<InputError | null> {
  const started = performance.now();
  const line = progress();
  const played = player(dataplane, sinks.returns);
  let n = 0;
  try {
    for await (const packets of source.chunks()) {
      for (const outcome of played(packets, n + 1)) {
        n = outcome.n;
        if (outcome.event !== null && isStrayAnswer(dataplane, outcome.event)) sinks.strayAnswers++;
        const busy = take(sinks, outcome);
        if (busy) await busy;
      }
      line.update(() => progressText(n, source));
    }
    return null;
  } catch (error) {
    if (error instanceof InputError && error.damage) return error;
    throw error;
  } finally {
    line.clear();
    sinks.tookMs = performance.now() - started;
  }
}

/** A packet that was played, or one of the capture that no dataplane should see. */
type Outcome = Replayed | { readonly n: number; readonly captured: Packet; readonly event: null };
type Player = (packets: Iterable<Packet>, first: number) => Iterable<Outcome>;

function player(dataplane: Dataplane, returns: Returns | null): Player {
  if (!returns) return (packets, first) => replay(dataplane, packets, first);
  const bothWays = createBothWays(dataplane);
  return (packets, first) => returnAll(bothWays, packets, first, returns);
}

function* returnAll(
  bothWays: BothWays,
  packets: Iterable<Packet>,
  first: number,
  returns: Returns,
): Generator<Outcome> {
  let n = first;
  for (const captured of packets) {
    const returned = bothWays.take(captured, n);
    returns.add(returned);
    yield returned.replayed ?? { n, captured, event: null };
    n++;
  }
}

/** A promise only where somebody has to wait. */
function take(sinks: Sinks, outcome: Outcome): Promise<unknown> | undefined {
  sinks.sample.add(outcome.captured);
  if (outcome.event === null) {
    sinks.tally.addUnplayed(outcome.captured);
    return undefined;
  }
  sinks.tally.add(outcome);
  const event = sinks.events?.write(outcome);
  const [departure, ...late] = departures(outcome);
  const leaving = departure && send(sinks, departure);
  if (late.length === 0)
    return event && leaving ? Promise.all([event, leaving]) : (event ?? leaving);
  return sendAll(sinks, [event, leaving], late);
}

async function sendAll(
  sinks: Sinks,
  waits: readonly (Promise<unknown> | undefined)[],
  late: readonly Departure[],
): Promise<void> {
  await Promise.all(waits);
  for (const departure of late) await send(sinks, departure);
}

function send({ output, expectation }: Sinks, departure: Departure): Promise<unknown> | undefined {
  const waits = [output?.write(departure), expectation?.check(departure)];
  return waits.some((wait) => wait !== undefined) ? Promise.all(waits) : undefined;
}

function progressText(n: number, { name, progress: { read, size } }: CaptureSource): string {
  const part = size === undefined || size === 0 ? "" : `, ${Math.floor((read / size) * 100)}%`;
  return `${count(n)} packets of ${name}${part}`;
}

async function finishSinks(sinks: Sinks, whole: boolean): Promise<void> {
  if (whole) await sinks.expectation?.end();
  await sinks.output?.finish();
  await sinks.events?.finish();
}

interface Played {
  readonly dataplane: Dataplane;
  readonly links: readonly Link[];
  readonly source: CaptureSource;
  readonly sinks: Sinks;
  readonly damage: InputError | null;
}

async function reportOf(
  setup: Setup,
  { dataplane, links, source, sinks, damage }: Played,
  { engine, seed }: ReplayOptions,
): Promise<Report> {
  const { output, expectation, returns } = sinks;
  return {
    capture: source.name,
    node: setup.node,
    engine,
    seed,
    summary: sinks.tally.summary(),
    counters: dataplane.counters(),
    links: links.map((link) => link.info()),
    strayAnswers: sinks.strayAnswers,
    tookMs: sinks.tookMs,
    rates: await ratesOf(setup, engine, sinks.sample),
    output: output && { path: output.path, packets: output.length },
    expect: expectation?.report() ?? null,
    bothWays: returns?.report() ?? null,
    damage: damage?.message ?? null,
  };
}

/** In the order packets meet them, those that traps detach on the way too; none where service NAT is alone. */
function linksOf({ hooks }: Dataplane): readonly Link[] {
  return hooks.active ? [...hooks.ingress.links(), ...hooks.egress.links()] : [];
}

/** The engine of the replay; the default one is shown beside the model. */
async function ratesOf(
  setup: Setup,
  engine: Dataplane["engine"],
  { packets }: Sample,
): Promise<Rates | null> {
  if (packets.length === 0) return null;
  const dataplanes = [await setup.create(engine)];
  if (engine === "wasm") dataplanes.push(await setup.create("model"));
  return measure(dataplanes, packets);
}

/** Where packets, events or a snapshot take the standard output, the report goes to stderr. */
async function print(report: Report, options: ReplayOptions): Promise<void> {
  const { output, events, snapshot, json } = options;
  const stream = [output, events, snapshot].includes("-") ? process.stderr : process.stdout;
  stream.write(json ? toJson(report) : toText(report, painter(stream)));
  if (report.expect?.differs || report.bothWays?.differs) process.exitCode = EXIT_DIFFERENT;
}
