/** A line of dots for each row: engines by colour, from fast to slow. */
import type { HeatResult } from "../heats/heat.ts";
import { ENGINES } from "../heats/heats.ts";
import { figure, laneOf, MARGIN, medians, NO_PANEL, type Panel, WIDTH } from "./panel.ts";
import { engineClass } from "./style.ts";
import { element, logScale, powersOfTen, rangeOf, type Scale, text } from "./svg.ts";

/** Height of a row. */
const DOT_ROW = 30;

export function dots(results: readonly HeatResult[]): Panel {
  if (results.length === 0) return NO_PANEL;
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
