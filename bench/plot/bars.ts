/** What costs what in Wasm: a bar for each lane, blocks of them in two columns. */
import type { HeatResult, LaneResult } from "../heats/heat.ts";
import { figure, heightOf, MARGIN, NO_PANEL, type Panel, stack, title, WIDTH } from "./panel.ts";
import { engineClass } from "./style.ts";
import { element, text } from "./svg.ts";

/** Height of a bar with the gap below it. */
const BAR = 22;
/** Of the longest bar. */
const WIDTH_MAX = 120;

export function bars(results: readonly HeatResult[]): Panel {
  if (results.length === 0) return NO_PANEL;
  const columns = inColumns(results.map(block));
  const [first, second] = columns.map(stack) as [string, string];
  return {
    height: 44 + Math.max(...columns.map(heightOf)),
    markup: [
      title(18, "What costs more than what, in Wasm: nanoseconds, and times the first"),
      element("g", { transform: "translate(0 36)" }, first),
      element("g", { transform: `translate(${WIDTH / 2 + 4} 36)` }, second),
    ].join("\n"),
  };
}

/** Two columns about as high as each other, read one after the other. */
function inColumns(blocks: readonly Panel[]): [Panel[], Panel[]] {
  const half = heightOf(blocks) / 2;
  const columns: [Panel[], Panel[]] = [[], []];
  let taken = 0;
  for (const each of blocks) {
    columns[taken + each.height / 2 <= half ? 0 : 1].push(each);
    taken += each.height;
  }
  return columns;
}

function block({ heat, lanes }: HeatResult): Panel {
  const longest = Math.max(...lanes.map(({ timing }) => timing.median));
  const heading = text(MARGIN, 16, heat.topic, { "font-weight": 600, "font-size": 14 });
  const rows = lanes.map((lane, index) => bar(lane, index, longest));
  return {
    height: 28 + lanes.length * BAR + 12,
    markup: element("g", { class: engineClass("wasm") }, [heading, ...rows].join("")),
  };
}

function bar({ lane, timing, ratio }: LaneResult, index: number, longest: number): string {
  const [left, y] = [MARGIN + 228, 28 + index * BAR];
  const width = (timing.median / longest) * WIDTH_MAX;
  const times = ` · ${ratio.median.toFixed(ratio.median < 10 ? 2 : 0)}x`;
  const words = figure(timing.median) + (index === 0 ? "" : times);
  const opacity = index === 0 ? 1 : 0.65;
  return [
    text(left - 10, y + 12, lane.name, { "text-anchor": "end", "font-size": 13 }),
    element("rect", { class: "mark", x: left, y, width, height: BAR - 7, rx: 3, opacity }),
    text(left + width + 8, y + 12, words, { class: "dim", "font-size": 13 }),
  ].join("");
}
