/** The chart of a report: an SVG file that looks right on a light page and on a dark one. */
import type { HeatResult, LaneResult } from "./heat.ts";
import { COSTS, DUELS, ENGINES, ESTABLISHED } from "./heats.ts";
import type { Report } from "./report.ts";
import { apart, element, logScale, powersOfTen, rangeOf, type Scale, text } from "./svg.ts";

const WIDTH = 1000;
const MARGIN = 28;
const COUNT = new Intl.NumberFormat("en-US");

/** Colours on a light and on a dark page, and the dashes of what is related. */
const STYLES: Readonly<Record<string, readonly [light: string, dark: string, dashes: string]>> = {
  wasm: ["#654ff0", "#a394ff", ""],
  model: ["#2f9e44", "#69db7c", ""],
  typescript: ["#1971c2", "#4dabf7", ""],
  c: ["#495057", "#ced4da", ""],
  "c staged": ["#495057", "#ced4da", "7 4"],
  "c prefetch": ["#495057", "#ced4da", "2 4"],
  xdp: ["#e8590c", "#ff922b", ""],
  "xdp array": ["#e8590c", "#ff922b", "7 4"],
};

interface Panel {
  readonly height: number;
  readonly markup: string;
}

export function plot(report: Report): string {
  const duels = report.heats.filter(({ heat }) => DUELS.includes(heat));
  const costs = report.heats.filter(({ heat }) => COSTS.includes(heat));
  const panels = [
    heading(),
    lines(duels.filter(({ heat }) => heat.topic === ESTABLISHED)),
    dots(duels.filter(({ heat }) => heat.topic !== ESTABLISHED)),
    bars(costs),
    footer(report),
  ].filter((panel) => panel.height > 0);
  const height = panels.reduce((sum, panel) => sum + panel.height, 0);
  return document(height, stack(panels));
}

function stack(panels: readonly Panel[]): string {
  let top = 0;
  return panels
    .map(({ height, markup }) => {
      const group = element("g", { transform: `translate(0 ${top})` }, markup);
      top += height;
      return group;
    })
    .join("\n");
}

function document(height: number, content: string): string {
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${WIDTH} ${height}`,
    "font-family": "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif",
    "font-size": 14,
    role: "img",
    "aria-label": "Nanoseconds per packet of Wasm and other engines",
  };
  const page = element("rect", { class: "page", width: WIDTH, height, rx: 10 });
  return `${element("svg", attributes, `\n${style()}\n${page}\n${content}\n`)}\n`;
}

function style(): string {
  const rules = (mode: 0 | 1) =>
    Object.entries(STYLES).map(([name, colours]) => `${classOf(name)}{--c:${colours[mode]}}`);
  const light = ".page{fill:#fff}text{fill:#1f2328}.dim{fill:#656d76}.grid{stroke:#d8dee4}";
  const dark = ".page{fill:#0d1117}text{fill:#e6edf3}.dim{fill:#8d96a0}.grid{stroke:#30363d}";
  const shared = ".line{stroke:var(--c);fill:none}.mark{fill:var(--c)}text.name{fill:var(--c)}";
  return element(
    "style",
    {},
    `${light}${rules(0).join("")}${shared}@media(prefers-color-scheme:dark){${dark}${rules(1).join("")}}`,
  );
}

function classOf(name: string): string {
  return `.e-${name.replaceAll(" ", "-")}`;
}

function engineClass(name: string): string {
  return classOf(name).slice(1);
}

function heading(): Panel {
  return {
    height: 62,
    markup: [
      text(MARGIN, 36, "Nanoseconds per packet", { "font-size": 22, "font-weight": 650 }),
      text(WIDTH - MARGIN, 36, "less is better; logarithmic scales", {
        class: "dim",
        "text-anchor": "end",
      }),
    ].join(""),
  };
}

function title(y: number, words: string): string {
  return text(MARGIN, y, words, { "font-size": 16, "font-weight": 600 });
}

/** Engines over numbers of connections. */
function lines(results: readonly HeatResult[]): Panel {
  if (results.length < 2) return { height: 0, markup: "" };
  const [left, right, top, bottom] = [MARGIN + 58, WIDTH - 150, 44, 430];
  const range = rangeOf(results.flatMap(medians));
  const y = logScale(range, [bottom, top]);
  const flows = results.map(flowsOf);
  const x = logScale([Math.min(...flows), Math.max(...flows)], [left, right]);
  const series = ENGINES.flatMap((name) => {
    const points = results.flatMap((result) => {
      const lane = laneOf(result, name);
      return lane ? [{ x: x(flowsOf(result)), y: y(lane.timing.median), lane }] : [];
    });
    return points.length > 0 ? [{ name, points }] : [];
  });
  return {
    height: 492,
    markup: [
      title(18, "Established connections, both directions"),
      horizontalGrid(range, y, left, right),
      ...flows.map((count) =>
        text(x(count), bottom + 22, COUNT.format(count), { class: "dim", "text-anchor": "middle" }),
      ),
      text((left + right) / 2, bottom + 42, "connections", {
        class: "dim",
        "text-anchor": "middle",
      }),
      ...series.map(({ name, points }) => curve(name, points)),
      ...endings(series),
    ].join("\n"),
  };
}

interface Point {
  readonly x: number;
  readonly y: number;
  readonly lane: LaneResult;
}

interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

function curve(name: string, points: readonly Point[]): string {
  const path = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const wasm = name === "wasm";
  const line = element("polyline", {
    class: "line",
    points: path,
    "stroke-width": wasm ? 3.5 : 1.8,
    "stroke-dasharray": STYLES[name]?.[2] ?? "",
    "stroke-linejoin": "round",
    "stroke-linecap": "round",
  });
  const marks = points.map(({ x, y }) =>
    element("circle", { class: "mark", cx: x, cy: y, r: wasm ? 5 : 3 }),
  );
  return element("g", { class: engineClass(name) }, [line, ...marks].join(""));
}

/** Names and last figures, beside where each line ends. */
function endings(series: readonly Series[]): string[] {
  const last = series.map(({ points }) => points[points.length - 1] as Point);
  const columns = [...new Set(last.map(({ x }) => x))];
  return columns.flatMap((column) => {
    const here = series.filter((_, index) => last[index]?.x === column);
    const places = apart(
      here.map(({ points }) => (points[points.length - 1] as Point).y),
      17,
    );
    return here.map(({ name, points }, index) => {
      const { x, lane } = points[points.length - 1] as Point;
      return text(x + 12, (places[index] as number) + 5, `${name} ${figure(lane.timing.median)}`, {
        class: `name ${engineClass(name)}`,
        "font-weight": name === "wasm" ? 700 : 500,
      });
    });
  });
}

function horizontalGrid(
  range: readonly [number, number],
  y: Scale,
  left: number,
  right: number,
): string {
  return powersOfTen(range)
    .map((value) => {
      const line = element("line", {
        class: "grid",
        x1: left,
        x2: right,
        y1: y(value),
        y2: y(value),
      });
      const label = text(left - 10, y(value) + 5, figure(value), {
        class: "dim",
        "text-anchor": "end",
      });
      return line + label;
    })
    .join("");
}

const DOT_ROW = 30;

/** A line of dots for each row: engines by colour, from fast to slow. */
function dots(results: readonly HeatResult[]): Panel {
  if (results.length === 0) return { height: 0, markup: "" };
  const [left, right] = [MARGIN + 260, WIDTH - MARGIN - 20];
  const range = rangeOf(results.flatMap(medians));
  const x = logScale(range, [left, right]);
  const rows = withHeadings(results);
  const bottom = 44 + rows.length * DOT_ROW;
  return {
    height: bottom + 46,
    markup: [
      legend(results),
      ...powersOfTen(range).map(
        (value) =>
          element("line", { class: "grid", x1: x(value), x2: x(value), y1: 40, y2: bottom }) +
          text(x(value), bottom + 20, figure(value), { class: "dim", "text-anchor": "middle" }),
      ),
      ...rows.map((row, index) => dotRow(row, 44 + (index + 0.5) * DOT_ROW, x)),
    ].join("\n"),
  };
}

function withHeadings(results: readonly HeatResult[]): (HeatResult | string)[] {
  return results.flatMap((result, index) =>
    result.heat.topic === results[index - 1]?.heat.topic ? [result] : [result.heat.topic, result],
  );
}

function dotRow(row: HeatResult | string, y: number, x: Scale): string {
  if (typeof row === "string") return text(MARGIN, y + 5, row, { "font-weight": 600 });
  const places = row.lanes.map(({ timing }) => x(timing.median));
  const span = element("line", {
    class: "grid",
    x1: Math.min(...places),
    x2: Math.max(...places),
    y1: y,
    y2: y,
    "stroke-width": 2,
  });
  const marks = ENGINES.toReversed().flatMap((name) => {
    const lane = laneOf(row, name);
    return lane
      ? [element("g", { class: engineClass(name) }, dot(name, x(lane.timing.median), y))]
      : [];
  });
  return text(MARGIN + 16, y + 5, row.heat.name) + span + marks.join("");
}

/** C is a diamond; related engines are hollow. */
function dot(name: string, x: number, y: number): string {
  const wasm = name === "wasm";
  if (name === "xdp array")
    return element("circle", { class: "line", cx: x, cy: y, r: 5, "stroke-width": 1.8 });
  if (!name.startsWith("c"))
    return element("circle", { class: "mark", cx: x, cy: y, r: wasm ? 7 : 5 });
  const r = 6;
  return element("path", {
    class: name === "c" ? "mark" : "line",
    d: `M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}Z`,
    "stroke-width": 1.8,
    "stroke-dasharray": name === "c prefetch" ? "2 2" : "",
  });
}

function legend(results: readonly HeatResult[]): string {
  const names = ENGINES.filter((name) => results.some((result) => laneOf(result, name)));
  let x = MARGIN + 4;
  return names
    .map((name) => {
      const entry =
        element("g", { class: engineClass(name) }, dot(name, x + 6, 14)) +
        text(x + 20, 19, name, { class: `name ${engineClass(name)}`, "font-weight": 500 });
      x += 48 + name.length * 7.6;
      return entry;
    })
    .join("");
}

const BAR = 22;

/** What costs what in Wasm, in two columns. */
function bars(results: readonly HeatResult[]): Panel {
  if (results.length === 0) return { height: 0, markup: "" };
  const blocks = results.map(block);
  const half = blocks.reduce((sum, { height }) => sum + height, 0) / 2;
  let taken = 0;
  const columns: [Panel[], Panel[]] = [[], []];
  for (const each of blocks) {
    columns[taken + each.height / 2 <= half ? 0 : 1].push(each);
    taken += each.height;
  }
  const heights = columns.map((column) => column.reduce((sum, { height }) => sum + height, 0));
  const [first, second] = columns.map(stack) as [string, string];
  return {
    height: 44 + Math.max(...heights),
    markup: [
      title(18, "What costs more than what, in Wasm: nanoseconds, and times the first"),
      element("g", { transform: "translate(0 36)" }, first),
      element("g", { transform: `translate(${WIDTH / 2 + 4} 36)` }, second),
    ].join("\n"),
  };
}

function block({ heat, lanes }: HeatResult): Panel {
  const longest = Math.max(...lanes.map(({ timing }) => timing.median));
  const [left, width] = [MARGIN + 228, 120];
  const rows = lanes.map(({ lane, timing, ratio }, index) => {
    const y = 28 + index * BAR;
    const length = (timing.median / longest) * width;
    const figures =
      index === 0
        ? figure(timing.median)
        : `${figure(timing.median)} · ${ratio.median.toFixed(ratio.median < 10 ? 2 : 0)}x`;
    return [
      text(left - 10, y + 12, lane.name, { "text-anchor": "end", "font-size": 13 }),
      element("rect", {
        class: "mark",
        x: left,
        y,
        width: length,
        height: BAR - 7,
        rx: 3,
        opacity: index === 0 ? 1 : 0.65,
      }),
      text(left + length + 8, y + 12, figures, { class: "dim", "font-size": 13 }),
    ].join("");
  });
  return {
    height: 28 + lanes.length * BAR + 12,
    markup: element(
      "g",
      { class: "e-wasm" },
      [text(MARGIN, 16, heat.topic, { "font-weight": 600, "font-size": 14 }), ...rows].join(""),
    ),
  };
}

function footer({ machine, rounds }: Report): Panel {
  const words = [
    `Medians of ${rounds} rounds by turns in one run of waxdp bench. Frames of 64 bytes (IPv6 84), in memory already; compute only.`,
    `${machine.cpu}, Node ${machine.node}, V8 ${machine.v8}, one thread.`,
  ];
  return {
    height: 62,
    markup: words
      .map((line, index) =>
        text(MARGIN, 22 + index * 18, line, { class: "dim", "font-size": 12.5 }),
      )
      .join(""),
  };
}

function laneOf({ lanes }: HeatResult, name: string): LaneResult | undefined {
  return lanes.find(({ lane }) => lane.name === name);
}

function medians({ lanes }: HeatResult): number[] {
  return lanes.map(({ timing }) => timing.median);
}

function flowsOf({ heat }: HeatResult): number {
  return heat.lanes[0]?.row.flows ?? 1;
}

function figure(nanoseconds: number): string {
  return nanoseconds < 10 ? nanoseconds.toFixed(1) : COUNT.format(Math.round(nanoseconds));
}
