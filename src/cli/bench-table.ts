/** What `waxdp bench` prints. */
import type { Absent } from "../../bench/heats/contestant.ts";
import type { Heat, HeatResult, LaneResult } from "../../bench/heats/heat.ts";
import { COSTS, DUELS, ENGINES, PROGRAMS, titleOf } from "../../bench/heats/heats.ts";
import type { Report } from "../../bench/report.ts";
import { lines, printExtras, section } from "./bench-extras.ts";
import { nanoseconds, ratio, spreadText } from "./bench-figures.ts";
import { printMaps, printPrograms } from "./bench-programs.ts";
import { type Column, table } from "./table.ts";
import { type Paint, painter, plural } from "./terminal.ts";

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
  const programs = report.heats.filter(({ heat }) => PROGRAMS.includes(heat));
  return [
    ...printDuels(duels, paint),
    ...printCosts(costs, paint),
    ...printPrograms(programs, paint),
    ...printMaps(report.maps, paint),
    ...printExtras(report, paint),
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
  const all = [...absent, ...(extras.maps?.absent ?? []), ...others];
  return [
    ...legend(heats),
    ...new Set(all.map(absence)),
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
