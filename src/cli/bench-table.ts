/** What `waxdp bench` prints. */
import type { Absent } from "../../bench/heats/contestant.ts";
import type { Heat, HeatResult, LaneResult } from "../../bench/heats/heat.ts";
import { COSTS, DUELS, ENGINES, ESTABLISHED, titleOf } from "../../bench/heats/heats.ts";
import type { Timing } from "../../bench/heats/sample.ts";
import { EXTRAS } from "../../bench/measurements/extras.ts";
import type { NetfilterRow } from "../../bench/measurements/netfilter.ts";
import type { Startup } from "../../bench/measurements/startup.ts";
import type { Report } from "../../bench/report.ts";
import { type Column, table } from "./table.ts";
import { count, type Paint, painter, plural } from "./terminal.ts";

/** Titles of rows, with who competes in them. */
export function list(heats: readonly Heat[], extras: readonly string[]): string {
  const rows = [
    ...heats.map((heat) => [titleOf(heat), heat.lanes.map(({ name }) => name).join(" | ")]),
    ...extras.map((title) => [title]),
  ];
  return `${table([{ title: "ROW" }, { title: "COMPARED" }], rows).join("\n")}\n`;
}

export function print(report: Report): string {
  const paint = painter(process.stdout);
  const duels = report.heats.filter(({ heat }) => DUELS.includes(heat));
  const costs = report.heats.filter(({ heat }) => COSTS.includes(heat));
  return [
    ...printDuels(duels, paint),
    ...printCosts(costs, paint),
    ...printNetfilter(report, paint),
    ...printWorkers(report.workers, paint),
    ...printStartup(report.startup, paint),
    ...printFootprints(report, paint),
    ...failures(report, paint),
    ...notes(report),
    "",
  ].join("\n");
}

function present(results: readonly HeatResult[]): readonly string[] {
  return ENGINES.filter((name) =>
    results.some(({ lanes }) => lanes.some(({ lane }) => lane.name === name)),
  );
}

function laneOf({ lanes }: HeatResult, name: string): LaneResult | undefined {
  return lanes.find(({ lane }) => lane.name === name);
}

/** Ratios, and then the nanoseconds they are of. */
function printDuels(results: readonly HeatResult[], paint: Paint): string[] {
  if (results.length === 0) return [];
  const engines = present(results);
  return [
    ...section(
      "Time per packet, divided by wasm's: 2.00x takes twice as long, 0.50x half as long",
      paint,
    ),
    ...printRatios(results, engines.slice(1), paint),
    "",
    ...section("Nanoseconds per packet: median, and p10..p90 of all batches", paint),
    ...bands(engines).flatMap((band) => [...printTimes(results, band, paint), ""]),
  ];
}

function printRatios(
  results: readonly HeatResult[],
  engines: readonly string[],
  paint: Paint,
): string[] {
  const columns: Column[] = [
    { title: "" },
    ...engines.map((title) => ({ title, right: true })),
    { title: "wasm ns", right: true },
    { title: "wasm Mpps", right: true },
  ];
  const rows = grouped(results, paint, (result) => {
    const wasm = (result.lanes[0] as LaneResult).timing.median;
    const ratios = engines.map((name) => ratioText(laneOf(result, name), paint));
    return [...ratios, paint("bold", nanoseconds(wasm)), (1000 / wasm).toFixed(1)];
  });
  return table(columns, rows, (text) => paint("dim", text));
}

/** Engines whose times stand side by side: with all of them lines would be too long for any window. */
const ABREAST = 4;

function bands(engines: readonly string[]): (readonly string[])[] {
  const length = Math.ceil(engines.length / ABREAST);
  return Array.from({ length }, (_, index) =>
    engines.slice(index * ABREAST, (index + 1) * ABREAST),
  );
}

function printTimes(
  results: readonly HeatResult[],
  engines: readonly string[],
  paint: Paint,
): string[] {
  const columns: Column[] = [
    { title: "" },
    ...engines.flatMap((title) => [{ title, right: true }, { title: "" }]),
  ];
  const rows = grouped(results, paint, (result) =>
    engines.flatMap((name) => {
      const timing = laneOf(result, name)?.timing;
      return timing ? [nanoseconds(timing.median), paint("dim", spreadText(timing))] : ["", ""];
    }),
  );
  return table(columns, rows, (text) => paint("dim", text));
}

/** Rows under the names of their topics. */
function grouped(
  results: readonly HeatResult[],
  paint: Paint,
  cells: (result: HeatResult) => string[],
): string[][] {
  return results.flatMap((result, index) => {
    const { heat } = result;
    const heading =
      heat.topic === results[index - 1]?.heat.topic ? [] : [[paint("bold", heat.topic)]];
    return [...heading, [`  ${heat.name}`, ...cells(result)]];
  });
}

/** What is faster than Wasm stands out, as does what is much slower. */
function ratioText(result: LaneResult | undefined, paint: Paint): string {
  if (result === undefined) return "";
  const {
    ratio: { median },
    noisy,
  } = result;
  return paint(median < 1 ? "yellow" : "green", `${noisy ? "~" : ""}${ratio(median)}x`);
}

function ratio(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

function nanoseconds(value: number): string {
  return value >= 1000 ? count(Math.round(value)) : value.toFixed(1);
}

function spreadText({ p10, p90 }: Timing): string {
  const text = (value: number) => (p90 >= 100 ? count(Math.round(value)) : value.toFixed(1));
  return `${text(p10)}..${text(p90)}`;
}

const COST_COLUMNS: readonly Column[] = [
  { title: "" },
  { title: "ratio", right: true },
  { title: "ns", right: true },
  { title: "p10..p90", right: true },
];

function printCosts(results: readonly HeatResult[], paint: Paint): string[] {
  if (results.length === 0) return [];
  const rows = results.flatMap(({ heat, lanes }) => [
    [paint("bold", heat.topic)],
    ...lanes.map(({ lane, ratio: proportion, timing, noisy }, index) => [
      `  ${lane.name}`,
      index === 0 ? "" : paint("bold", `${noisy ? "~" : ""}${ratio(proportion.median)}x`),
      nanoseconds(timing.median),
      paint("dim", spreadText(timing)),
    ]),
  ]);
  return [
    ...section("What costs wasm more: time per packet, divided by that of the first line", paint),
    ...table(COST_COLUMNS, rows, (text) => paint("dim", text)),
    "",
  ];
}

/** Rows of the Wasm engine that stand nearest to what is sent there. */
const NETFILTER_OPEN = `${ESTABLISHED}, 1,024 flows`;
const NETFILTER_FIRST = "Other traffic, 65,536 flows, new connections only";

/** What kube-proxy's rules take in the kernel, beside what this run found of the Wasm engine. */
function printNetfilter({ netfilter = [], heats }: Report, paint: Paint): string[] {
  const measured = netfilter.filter((each): each is NetfilterRow => !("reason" in each));
  if (measured.length === 0) return [];
  const [open, fresh] = [NETFILTER_OPEN, NETFILTER_FIRST].map((title) => wasmTime(heats, title));
  const cells = (time: number, wasm: number | undefined) =>
    wasm === undefined
      ? [nanoseconds(time)]
      : [nanoseconds(time), paint("bold", `${ratio(time / wasm)}x`)];
  const heading = (title: string, wasm: number | undefined): Column[] => [
    { title, right: true },
    ...(wasm === undefined ? [] : [{ title: "/ wasm's", right: true }]),
  ];
  const columns = [
    { title: "" },
    ...heading("ns, open flow", open),
    ...heading("ns, first packet", fresh),
  ];
  const rows = measured.map(({ name, services, established, first }) => [
    `  ${name}, ${plural(services, "Service")}`,
    ...cells(established, open),
    ...cells(first, fresh),
  ]);
  return [
    ...section(`${EXTRAS.netfilter}, the last Service dialled`, paint),
    ...table(columns, rows, (text) => paint("dim", text)),
    "  CPU time between network namespaces, less that of plain forwarding there; 1,024 open flows.",
    "",
  ];
}

function wasmTime(heats: readonly HeatResult[], title: string): number | undefined {
  return heats.find(({ heat }) => titleOf(heat) === title)?.lanes[0]?.timing.median;
}

const WORKER_COLUMNS: readonly Column[] = [
  { title: "" },
  { title: "rate", right: true },
  { title: "Mpps", right: true },
  { title: "p10..p90", right: true },
  { title: "ns to steer and copy a frame", right: true },
];

function printWorkers(workers: Report["workers"], paint: Paint): string[] {
  if (workers === undefined || "reason" in workers) return [];
  const { one, two, ratio: gain } = workers;
  const rows = [one, two].map(({ workers: number, mpps, push }) => [
    `  ${plural(number, "worker")}`,
    number === 1 ? "" : paint("bold", `${ratio(gain.median)}x`),
    mpps.median.toFixed(1),
    paint("dim", spreadText(mpps)),
    nanoseconds(push.median),
  ]);
  return [
    ...section(EXTRAS.workers, paint),
    ...table(WORKER_COLUMNS, rows, (text) => paint("dim", text)),
    "",
  ];
}

function printStartup(startup: Startup | undefined, paint: Paint): string[] {
  if (startup === undefined) return [];
  const rows = [
    ["  Node", milliseconds(startup.node)],
    ["  Chromium", "reason" in startup.chromium ? "absent" : milliseconds(startup.chromium)],
    ["  dataplane.wasm", `${count(startup.module)} bytes`],
    ["  waxdp.js, all that a page loads", `${count(startup.bundle)} bytes`],
  ];
  return [...section(EXTRAS.startup, paint), ...lines(rows), ""];
}

function milliseconds({ p10, median, p90 }: Timing): string {
  return `${median.toFixed(1)} ms (${p10.toFixed(1)}..${p90.toFixed(1)})`;
}

function printFootprints({ footprints }: Report, paint: Paint): string[] {
  if (footprints === undefined) return [];
  const rows = footprints.map(({ what, bytes }) => [`  ${what}`, bytes.toFixed(1)]);
  return [...section(`${EXTRAS.footprints} for each`, paint), ...lines(rows), ""];
}

/** A table without a heading. */
function lines(rows: readonly (readonly string[])[], right = true): string[] {
  return table([{ title: "" }, { title: "", right }], rows).slice(1);
}

function section(title: string, paint: Paint): string[] {
  return [paint(["bold", "underline"], title)];
}

const LEGEND: Readonly<Record<string, string>> = {
  wasm: "the dataplane of this package",
  model: "the same in TypeScript for its clarity, what the Wasm engine is tested against",
  typescript:
    "the job as one writes it with Maps, objects and a DataView when nobody asks for speed",
  c: "the algorithm and layouts of the Wasm engine in C, compiled for this machine, packet after packet",
  "c staged": "that in groups that load what they will need, as the Wasm engine does",
  "c prefetch": "that in groups with the prefetch instruction, which Wasm lacks",
  xdp: "a program in the kernel for the job, with LRU maps, run by BPF_PROG_TEST_RUN, less what running costs",
  "xdp array": "that with a hash table of its own in an array map",
};

function legend(heats: readonly HeatResult[]): string[] {
  const duels = heats.filter(({ heat }) => DUELS.includes(heat));
  return lines(
    present(duels).map((name) => [`  ${name}`, LEGEND[name] ?? ""]),
    false,
  );
}

function notes({ machine, rounds, heats, absent, ...extras }: Report): string[] {
  const others = [extras.workers, ...(extras.netfilter ?? []), extras.startup?.chromium].filter(
    (each): each is Absent => each !== undefined && "reason" in each,
  );
  return [
    ...legend(heats),
    ...[...absent, ...others].map(absence),
    ...(heats.length === 0 ? [] : conditions(heats, rounds)),
    `${machine.cpu}, Node ${machine.node}, V8 ${machine.v8}, one thread.`,
  ];
}

/** What the rows were measured under, and what their marks mean. */
function conditions(heats: readonly HeatResult[], rounds: number): string[] {
  const noisy = heats.some(({ lanes }) => lanes.some((each) => each.noisy));
  return [
    ...(noisy
      ? ["~ Its rounds differed by more than a fifth: a busy machine, read with care."]
      : []),
    ...(hasGaps(heats)
      ? ["An engine that takes too long to open the connections of a row is left out of it."]
      : []),
    `Medians of ${plural(rounds, "round")} by turns, in changing order, after a warm-up until two agree within 3 % (8 at most).`,
    "Frames of 64 bytes (IPv6 84) lie in memory when the clock starts, 4,096 to a call, in slots 192 bytes apart:",
    "Ethernet, IP, TCP or UDP, 10 bytes of payload (of UDP 22), checksums verified; 1,000 Services with 4 endpoints,",
    "unless the row says otherwise. Mpps: million packets per second. ns: nanoseconds per packet, and p10..p90 are",
    "what a tenth and nine tenths of the batches took at most.",
    "Compute only: no device, no copy. All engines made the same bytes of the first 4,096 packets (but xdp, of new",
    "connections, whose endpoints it draws itself); all packets of wasm, model and typescript came out translated.",
  ];
}

/** Whether an engine that competes elsewhere is missing from a row, other than by failing. */
function hasGaps(heats: readonly HeatResult[]): boolean {
  const duels = heats.filter(({ heat }) => DUELS.includes(heat));
  const most = present(duels).length;
  return duels.some(({ lanes, failures }) => lanes.length + failures.length < most);
}

function failures({ heats }: Report, paint: Paint): string[] {
  return heats.flatMap(({ heat, failures }) =>
    failures.map(({ lane, message }) =>
      paint("red", `Given up: ${lane.name} in "${titleOf(heat)}": ${message}.`),
    ),
  );
}

function absence({ name, reason }: Absent): string {
  return `Without ${name}: ${reason}.`;
}
