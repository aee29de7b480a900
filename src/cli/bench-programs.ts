/** What the report tells of programs: what they add to a packet, and what operations on their maps take. */
import type { HeatResult, LaneResult } from "../../bench/heats/heat.ts";
import { LOAD_NAMES, NO_PROGRAM, PLACE_NAMES, type PlaceName } from "../../bench/heats/programs.ts";
import type { Timing } from "../../bench/heats/sample.ts";
import type { MapMeasurement, MapOperation, Side } from "../../bench/measurements/maps.ts";
import { section } from "./bench-extras.ts";
import { nanoseconds, ratio, spreadText } from "./bench-figures.ts";
import { type Column, table } from "./table.ts";
import { count, type Paint } from "./terminal.ts";

export function printPrograms(results: readonly HeatResult[], paint: Paint): string[] {
  if (results.length === 0) return [];
  const places = PLACE_NAMES.filter((place) => results.some((each) => isAt(each, place)));
  const columns: readonly Column[] = [
    { title: "" },
    ...places.flatMap((title) => [{ title, right: true }, { title: "" }]),
  ];
  const sizes = new Set(results.map(({ heat }) => heat.name));
  const rows = [...sizes].flatMap((size) => {
    const own = results.filter(({ heat }) => heat.name === size);
    const heats = places.map((place) => own.find((each) => isAt(each, place)));
    return [[paint("bold", size)], ...programRows(heats, paint)];
  });
  return [
    ...section("Programs, 1,024 flows: nanoseconds that they add to a packet", paint),
    ...table(columns, rows, (text) => paint("dim", text)),
    "  The first program in the way also pays for the walk through the chains, which packets are spared without any.",
    "",
  ];
}

function isAt({ heat }: HeatResult, place: PlaceName): boolean {
  return heat.topic.startsWith(`Programs ${place},`);
}

/** Of one size of calls: a line for each program, a pair of cells for each place. */
function programRows(heats: readonly (HeatResult | undefined)[], paint: Paint): string[][] {
  const present = (name: string) => heats.some((heat) => heat && laneOf(heat, name));
  return [NO_PROGRAM, ...LOAD_NAMES].filter(present).map((name) => [
    `  ${name === NO_PROGRAM ? `${name}: all that a packet takes` : name}`,
    ...heats.flatMap((heat) => {
      const lane = heat && laneOf(heat, name);
      return lane ? laneCells(heat, lane, paint) : ["", ""];
    }),
  ]);
}

function laneOf({ lanes }: HeatResult, name: string): LaneResult | undefined {
  return lanes.find(({ lane }) => lane.name === name);
}

function laneCells({ lanes }: HeatResult, result: LaneResult, paint: Paint): string[] {
  const base = lanes[0] as LaneResult;
  const time = result === base ? base.timing : added(base.timing.median, result.ratio);
  const median = `${result.noisy ? "~" : ""}${nanoseconds(time.median)}`;
  return [result === base ? median : paint("bold", median), paint("dim", spreadText(time))];
}

/** By the ratios of rounds, which noise changes less than it does times. */
function added(base: number, { p10, median, p90 }: Timing): Timing {
  const [low, middle, high] = [p10, median, p90].map((each) => (each - 1) * base);
  return { p10: low as number, median: middle as number, p90: high as number };
}

const SIDES: readonly Side[] = ["TypeScript", "program", "bpf(2)", "kernel program"];

const MAP_COLUMNS: readonly Column[] = [
  { title: "" },
  { title: "from TypeScript", right: true },
  { title: "in a program", right: true },
  { title: "by bpf(2)", right: true },
  { title: "in an XDP program", right: true },
];

export function printMaps(maps: MapMeasurement | undefined, paint: Paint): string[] {
  if (maps === undefined) return [];
  const names = new Set(maps.operations.map(({ map }) => map));
  const rows = [...names].flatMap((name) => {
    const own = maps.operations.filter(({ map }) => map === name);
    return [[paint("bold", name)], ...operationRows(own, paint)];
  });
  const heading = `Maps of ${count(maps.entries)} entries: operations, millions a second`;
  return [
    ...section(heading, paint),
    ...table(MAP_COLUMNS, rows, (text) => paint("dim", text)),
    ...closing(maps.xdp),
    "",
  ];
}

function operationRows(own: readonly MapOperation[], paint: Paint): string[][] {
  const names = new Set(own.map(({ operation }) => operation));
  return [...names].map((name) => [
    `  ${name}`,
    ...SIDES.map((side) => {
      const found = own.find((each) => each.operation === name && each.side === side);
      if (found === undefined) return "";
      const rate = ratio(1000 / found.time.median);
      return side === "TypeScript" || side === "program" ? paint("bold", rate) : rate;
    }),
  ]);
}

function closing(xdp: Timing | undefined): string[] {
  if (xdp === undefined) return ["  In CPU time."];
  return [
    "  In CPU time; an XDP program looks up 512 of the entries. One that does nothing takes",
    `  ${nanoseconds(xdp.median)} ns, with what it takes BPF_PROG_TEST_RUN to call it.`,
  ];
}
