/** The chart of a report: an SVG file that looks right on a light page and on a dark one. */
import { COSTS, DUELS, ESTABLISHED } from "./heats/heats.ts";
import { bars } from "./plot/bars.ts";
import { dots } from "./plot/dots.ts";
import { lines } from "./plot/lines.ts";
import { heightOf, MARGIN, type Panel, stack, WIDTH } from "./plot/panel.ts";
import { style } from "./plot/style.ts";
import { element, text } from "./plot/svg.ts";
import type { Report } from "./report.ts";

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
  return document(heightOf(panels), stack(panels));
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
