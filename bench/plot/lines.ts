/** Engines over numbers of connections: a line each. */
import type { HeatResult, LaneResult } from "../heats/heat.ts";
import { ENGINES } from "../heats/heats.ts";
import {
  COUNT,
  figure,
  laneOf,
  MARGIN,
  medians,
  NO_PANEL,
  type Panel,
  title,
  WIDTH,
} from "./panel.ts";
import { dashesOf, engineClass } from "./style.ts";
import { apart, element, logScale, powersOfTen, rangeOf, type Scale, text } from "./svg.ts";

interface Point {
  readonly x: number;
  readonly y: number;
  readonly lane: LaneResult;
}

interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  readonly last: Point;
}

/** Edges of what the lines are drawn in. */
const LEFT = MARGIN + 58;
const RIGHT = WIDTH - 150;
const TOP = 44;
const BOTTOM = 430;

export function lines(results: readonly HeatResult[]): Panel {
  if (results.length < 2) return NO_PANEL;
  const range = rangeOf(results.flatMap(medians));
  const flows = results.map(flowsOf);
  const x = logScale([Math.min(...flows), Math.max(...flows)], [LEFT, RIGHT]);
  const y = logScale(range, [BOTTOM, TOP]);
  const series = seriesOf(results, x, y);
  return {
    height: 492,
    markup: [
      title(18, "Established connections, both directions"),
      horizontalGrid(range, y),
      ...flows.map((count) => label(x(count), BOTTOM + 22, COUNT.format(count))),
      label((LEFT + RIGHT) / 2, BOTTOM + 42, "connections"),
      ...series.map(({ name, points }) => curve(name, points)),
      ...endings(series),
    ].join("\n"),
  };
}

/** Of the engines that were there. */
function seriesOf(results: readonly HeatResult[], x: Scale, y: Scale): Series[] {
  return ENGINES.flatMap((name) => {
    const points = results.flatMap((result) => {
      const lane = laneOf(result, name);
      return lane ? [{ x: x(flowsOf(result)), y: y(lane.timing.median), lane }] : [];
    });
    const last = points.at(-1);
    return last ? [{ name, points, last }] : [];
  });
}

function label(x: number, y: number, words: string): string {
  return text(x, y, words, { class: "dim", "text-anchor": "middle" });
}

function curve(name: string, points: readonly Point[]): string {
  const path = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const wasm = name === "wasm";
  const line = element("polyline", {
    class: "line",
    points: path,
    "stroke-width": wasm ? 3.5 : 1.8,
    "stroke-dasharray": dashesOf(name),
    "stroke-linejoin": "round",
    "stroke-linecap": "round",
  });
  const marks = points.map(({ x, y }) =>
    element("circle", { class: "mark", cx: x, cy: y, r: wasm ? 5 : 3 }),
  );
  return element("g", { class: engineClass(name) }, [line, ...marks].join(""));
}

/** Names and last figures, beside where each line ends: not every engine has all the rows. */
function endings(series: readonly Series[]): string[] {
  const columns = [...new Set(series.map(({ last }) => last.x))];
  return columns.flatMap((column) => {
    const here = series.filter(({ last }) => last.x === column);
    const places = apart(
      here.map(({ last }) => last.y),
      17,
    );
    return here.map((each, index) => ending(each, places[index] as number));
  });
}

function ending({ name, last: { x, lane } }: Series, y: number): string {
  return text(x + 12, y + 5, `${name} ${figure(lane.timing.median)}`, {
    class: `name ${engineClass(name)}`,
    "font-weight": name === "wasm" ? 700 : 500,
  });
}

function horizontalGrid(range: readonly [number, number], y: Scale): string {
  return powersOfTen(range)
    .map((value) => {
      const at = y(value);
      const line = element("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: at, y2: at });
      const words = { class: "dim", "text-anchor": "end" };
      return line + text(LEFT - 10, at + 5, figure(value), words);
    })
    .join("");
}

function flowsOf({ heat }: HeatResult): number {
  return heat.lanes[0]?.row.flows ?? 1;
}
