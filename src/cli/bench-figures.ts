/** How the tables of the benchmark write numbers. */
import type { Timing } from "../../bench/heats/sample.ts";
import { count } from "./terminal.ts";

export function ratio(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

export function nanoseconds(value: number): string {
  return value >= 1000 ? count(Math.round(value)) : value.toFixed(1);
}

export function spreadText({ p10, p90 }: Timing): string {
  const text = (value: number) => (p90 >= 100 ? count(Math.round(value)) : value.toFixed(1));
  return `${text(p10)}..${text(p90)}`;
}
