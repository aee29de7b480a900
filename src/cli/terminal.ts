/** Colours, numbers, and the progress line. */
import { styleText } from "node:util";
import type { Verdict } from "../dataplane/event.ts";

type Style = Parameters<typeof styleText>[0];

export type Paint = (style: Style, text: string) => string;

export const VERDICT_STYLES: Readonly<Record<Verdict, Style>> = {
  ABORTED: "red",
  DROP: "red",
  PASS: "green",
  TX: "yellow",
  REDIRECT: "green",
};

/** Paints for `stream`: as it stands when the stream is no terminal or NO_COLOR is set. */
export function painter(stream: NodeJS.WriteStream): Paint {
  const on =
    stream.isTTY === true && (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb";
  return (style, text) =>
    on && text !== "" ? styleText(style, text, { validateStream: false }) : text;
}

const COUNT = new Intl.NumberFormat("en-US");

/** 1234567 -> "1,234,567". */
export function count(value: number | bigint): string {
  return COUNT.format(value);
}

/** "1 packet", "2,000 packets". */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** 12345678 per second -> "12.3 M". */
export function rate(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(perSecond >= 1e8 ? 0 : 1)} M`;
  if (perSecond >= 1e4) return `${(perSecond / 1e3).toFixed(0)} k`;
  return count(Math.round(perSecond));
}

/** Seconds for people: "0.25 s", "42 s", "1 h 3 min". */
export function duration(seconds: number): string {
  if (seconds < 10) return `${Number(seconds.toPrecision(3))} s`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Text from a file, fit for a terminal: no control characters. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}

const FIRST_AFTER_MS = 1000;
const EVERY_MS = 100;

export interface Progress {
  /** Shows `text()` when it is time to. */
  update(text: () => string): void;
  clear(): void;
}

/** A line on stderr that appears after a second, on a terminal only. */
export function progress(): Progress {
  const started = performance.now();
  let next = process.stderr.isTTY === true ? started + FIRST_AFTER_MS : Number.POSITIVE_INFINITY;
  let shown = false;
  return {
    update(text) {
      if (performance.now() < next) return;
      next = performance.now() + EVERY_MS;
      shown = true;
      process.stderr.write(`\r\u001b[2K${text().slice(0, (process.stderr.columns || 80) - 1)}`);
    },
    clear() {
      if (shown) process.stderr.write("\r\u001b[2K");
      shown = false;
    },
  };
}
