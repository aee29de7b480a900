/** Panels, which stand one below the other across the chart, and what they have in common. */
import type { HeatResult, LaneResult } from "../heats/heat.ts";
import { element, text } from "./svg.ts";

export const WIDTH = 1000;
export const MARGIN = 28;
export const COUNT = new Intl.NumberFormat("en-US");

export interface Panel {
  readonly height: number;
  readonly markup: string;
}

/** Of what the report does not have. */
export const NO_PANEL: Panel = { height: 0, markup: "" };

export function stack(panels: readonly Panel[]): string {
  let top = 0;
  return panels
    .map(({ height, markup }) => {
      const group = element("g", { transform: `translate(0 ${top})` }, markup);
      top += height;
      return group;
    })
    .join("\n");
}

export function heightOf(panels: readonly Panel[]): number {
  return panels.reduce((sum, { height }) => sum + height, 0);
}

export function title(y: number, words: string): string {
  return text(MARGIN, y, words, { "font-size": 16, "font-weight": 600 });
}

export function laneOf({ lanes }: HeatResult, name: string): LaneResult | undefined {
  return lanes.find(({ lane }) => lane.name === name);
}

export function medians({ lanes }: HeatResult): number[] {
  return lanes.map(({ timing }) => timing.median);
}

export function figure(nanoseconds: number): string {
  return nanoseconds < 10 ? nanoseconds.toFixed(1) : COUNT.format(Math.round(nanoseconds));
}
