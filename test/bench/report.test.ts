/** What a report looks like: as a table, and as a chart. */
import { describe, expect, it } from "vitest";
import type { HeatResult } from "../../bench/heats/heat.ts";
import { COSTS, DUELS, PROGRAMS, titleOf } from "../../bench/heats/heats.ts";
import { apart, logScale, powersOfTen, rangeOf } from "../../bench/plot/svg.ts";
import { plot } from "../../bench/plot.ts";
import type { Report } from "../../bench/report.ts";
import { list, print } from "../../src/cli/bench-table.ts";

const ENGINES: readonly [name: string, nanoseconds: number][] = [
  ["wasm", 40],
  ["typescript", 1234.5],
  ["c", 30],
];

/** Every row, with the same times throughout. */
const HEATS: HeatResult[] = [
  ...DUELS.map((heat) => ({
    heat,
    lanes: ENGINES.map(([name, time]) => ({
      lane: heat.lanes.find((lane) => lane.name === name) as (typeof heat.lanes)[number],
      timing: { p10: time * 0.9, median: time, p90: time * 1.5 },
      ratio: { p10: time / 44, median: time / 40, p90: time / 36 },
      noisy: name === "c",
    })),
    failures: [],
  })),
  ...[...COSTS, ...PROGRAMS].map((heat) => ({
    heat,
    lanes: heat.lanes.map((lane, index) => ({
      lane,
      timing: { p10: 38, median: 40 * (index + 1), p90: 400 },
      ratio: { p10: index + 1, median: index + 1, p90: index + 1 },
      noisy: false,
    })),
    failures: [],
  })),
];

function evenly(median: number) {
  return { p10: median * 0.9, median, p90: median * 1.1 };
}

const REPORT: Report = {
  machine: { cpu: 'A <fast> & "good" one', cores: 2, node: "20.0.0", v8: "11.3" },
  rounds: 7,
  heats: HEATS,
  absent: [{ name: "xdp", reason: "only root may load BPF programs" }],
  maps: {
    entries: 16384,
    operations: [
      { map: "array", operation: "lookup", side: "TypeScript", time: evenly(100) },
      { map: "array", operation: "lookup", side: "kernel program", time: evenly(1.25) },
      { map: "hash", operation: "delete", side: "program", time: evenly(25) },
    ],
    xdp: evenly(7.5),
    absent: [{ name: "xdp", reason: "only root may load BPF programs" }],
  },
  workers: undefined,
  netfilter: [
    { name: "iptables legacy", services: 100, plain: 600, established: 200, first: 1600 },
  ],
  startup: {
    module: 60000,
    bundle: 400000,
    node: { p10: 90, median: 100, p90: 110 },
    chromium: { name: "chromium", reason: "there is no /usr/bin/chromium" },
  },
  applications: [
    {
      ...{ scheduler: "maglev", services: 10000, endpoints: 10 },
      first: { p10: 900, median: 1000, p90: 1100 },
      change: { p10: 0.09, median: 0.1, p90: 0.2 },
    },
  ],
  footprints: [{ what: "IPv4 connection", bytes: 140.57 }],
};

describe("the table", () => {
  const text = print(REPORT);

  it("has ratios first, nanoseconds second, rows under their topics", () => {
    const [heading, columns, topic, row] = text.split("\n") as [string, string, string, string];
    expect(heading).toMatch(/^Time per packet, divided by wasm's: /);
    expect(columns.trim().split(/ {2,}/)).toEqual(["typescript", "c", "wasm ns", "wasm Mpps"]);
    expect(topic).toBe("Established, both directions");
    expect(row.trim().split(/ {2,}/)).toEqual(["1 flow", "30.9x", "~0.75x", "40.0", "25.0"]);
    expect(text).toMatch(/^ {2}1 flow +40\.0 +36\.0\.\.60\.0 +1,235 +1,111\.\.1,852 /m);
  });

  it("has no column for who did not compete, and a line that says why", () => {
    expect(text).not.toMatch(/c prefetch/);
    expect(text.match(/^Without xdp: only root may load BPF programs\.$/gm)).toHaveLength(1);
    expect(text).toMatch(/^Without chromium: there is no \/usr\/bin\/chromium\.$/m);
  });

  it("has what costs what, the kernel, start-up and memory", () => {
    expect(text).toMatch(
      /^Frames in a call, 1,024 flows\n {2}4,096 +40\.0 .*\n {2}256 +2\.00x +80\.0 /m,
    );
    expect(text).toMatch(/^ {2}iptables legacy, 100 Services +200\.0 +5\.00x +1,600 +40\.0x$/m);
    expect(text).toMatch(/^ {2}Node +100\.0 ms \(90\.0\.\.110\.0\)$/m);
    expect(text).toMatch(/^ {2}IPv4 connection +140\.6$/m);
  });

  it("has what programs add, by place and size of calls, and operations on maps", () => {
    expect(text).toMatch(/^ +before service NAT +after service NAT +on egress$/m);
    expect(text).toMatch(
      /^4,096 to a call\n {2}no program: all that a packet takes +40\.0 +38\.\.400 .*\n {2}one no-op +40\.0 +40\.0\.\.40\.0 .*\n {2}one no-op, batch form +80\.0 /m,
    );
    expect(text.match(/^ {2}ten no-ops, batch form .*$/gm)).toHaveLength(2);
    expect(text).toMatch(/^array\n {2}lookup +10\.0 +800\nhash\n {2}delete +40\.0\n/m);
    expect(text).toMatch(
      /nothing takes\n {2}7\.5 ns, with what it takes BPF_PROG_TEST_RUN to call it\.$/m,
    );
  });

  it("leaves out places that were not measured, and the kernel where there is none", () => {
    const heats = HEATS.filter(({ heat }) => titleOf(heat).startsWith("Programs on egress"));
    const maps = { ...REPORT.maps!, xdp: undefined };
    const egress = print({ ...REPORT, heats, maps });
    expect(egress).toMatch(/^ {2}one no-op +40\.0 +40\.0\.\.40\.0$/m);
    expect(egress).toMatch(/^ +on egress$/m);
    expect(egress).not.toMatch(/BPF_PROG_TEST_RUN/);
  });

  it("is plain and not wider than 140 columns when it is piped", () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what must not be there
    expect(text).not.toMatch(/\u001b/);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThan(140);
  });

  it("is not wider with every engine, either", () => {
    const heats = DUELS.map((heat) => ({
      heat,
      lanes: heat.lanes.map((lane) => ({
        lane,
        timing: { p10: 12345, median: 23456, p90: 34567 },
        ratio: { p10: 1, median: 903, p90: 1000 },
        noisy: true,
      })),
      failures: [],
    }));
    const wide = print({ ...REPORT, heats });
    expect(Math.max(...wide.split("\n").map((line) => line.length))).toBeLessThan(140);
    expect(wide.match(/12,345\.\.34,567/g)).toHaveLength(
      heats.flatMap(({ lanes }) => lanes).length,
    );
  });

  it("says why an engine is missing from a row, where one is", () => {
    const why = /takes too long to open the connections/;
    expect(text).not.toMatch(why);
    const [first, ...rest] = HEATS as [HeatResult, ...HeatResult[]];
    const lanes = first.lanes.slice(0, 2);
    expect(print({ ...REPORT, heats: [{ ...first, lanes }, ...rest] })).toMatch(why);
  });

  it("does not speak of packets where none were timed, nor of ratios to what was not measured", () => {
    const kernel = print({ ...REPORT, heats: [], rounds: 1 });
    expect(kernel).not.toMatch(/Frames of|rounds|wasm's/);
    expect(kernel).toMatch(/^ {2}iptables legacy, 100 Services +200\.0 +1,600$/m);
    expect(print({ ...REPORT, rounds: 1 })).toMatch(/^Medians of 1 round by turns/m);
  });

  it("names lanes that were given up", () => {
    const [first, ...rest] = HEATS as [HeatResult, ...HeatResult[]];
    const lane = first.heat.lanes[0] as (typeof first.heat.lanes)[number];
    const failures = [{ lane, message: "no memory" }];
    expect(print({ ...REPORT, heats: [{ ...first, failures }, ...rest] })).toMatch(
      /^Given up: wasm in "Established, both directions, 1 flow": no memory\.$/m,
    );
  });
});

it("the list has every title once", () => {
  const all = [...DUELS, ...COSTS, ...PROGRAMS];
  const titles = all.map(titleOf);
  expect(new Set(titles).size).toBe(titles.length);
  for (const title of titles) expect(list(all, ["Extra"])).toContain(title);
});

it("a report survives JSON", () => {
  expect(JSON.parse(JSON.stringify(REPORT))).toEqual({ ...REPORT, workers: undefined });
});

describe("the chart", () => {
  const picture = plot(REPORT);

  it("is well-formed, with what people wrote escaped", () => {
    expect(unclosed(picture)).toEqual([]);
    expect(picture).toContain("A &lt;fast&gt; &amp; &quot;good&quot; one");
    expect(picture).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("has a line for each engine and follows the page into the dark", () => {
    expect([...picture.matchAll(/<polyline/g)].length).toBe(ENGINES.length);
    expect(picture).toContain("prefers-color-scheme:dark");
  });

  it("does with whatever rows there are", () => {
    for (const heats of [[], HEATS.slice(0, 1), HEATS.slice(-1)]) {
      expect(unclosed(plot({ ...REPORT, heats }))).toEqual([]);
    }
  });
});

/** Elements that were opened and not closed, or closed and not opened. */
function unclosed(markup: string): string[] {
  const open: string[] = [];
  for (const [, closing, name = "", own] of markup.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (own) continue;
    if (closing) {
      if (open.pop() !== name) return [name];
    } else open.push(name);
  }
  return open;
}

describe("scales", () => {
  it("end at round numbers and put powers of ten between", () => {
    expect(rangeOf([31, 4800])).toEqual([20, 5000]);
    expect(rangeOf([10, 10])).toEqual([10, 10]);
    expect(powersOfTen([20, 5000])).toEqual([100, 1000]);
    expect(logScale([10, 1000], [0, 200])(100)).toBeCloseTo(100);
  });

  it("keep labels apart", () => {
    const places = apart([100, 101, 300], 20);
    expect((places[1] as number) - (places[0] as number)).toBeGreaterThanOrEqual(19.9);
    expect(places[2]).toBe(300);
  });
});
