/** Tables and bars for a terminal; without colours when the output is none. */
import { stripVTControlCharacters, styleText } from "node:util";

const isColoured = process.stdout.isTTY === true && !process.env.NO_COLOR;

/** Paints `text` as styleText does, on a terminal only. */
export function paint(style, text) {
  return isColoured ? styleText(style, text, { validateStream: false }) : text;
}

/** 1234567 -> "1,234,567". */
export function count(value) {
  return value.toLocaleString("en-US");
}

/** A row of cells per line; a cell that is a number or a bigint stands right. */
export function table(titles, rows) {
  const isRight = titles.map((_, at) => rows.some((row) => typeof row[at] !== "string"));
  const lines = [titles, ...rows].map((row) => row.map(textOf));
  const widths = titles.map((_, at) => Math.max(...lines.map((line) => widthOf(line[at]))));
  return lines.map((line, at) => {
    const cells = line.map((cell, column) => {
      const space = " ".repeat(widths[column] - widthOf(cell));
      return isRight[column] ? space + cell : cell + space;
    });
    const text = cells.join("  ").trimEnd();
    return at === 0 ? paint("bold", text) : text;
  });
}

function textOf(cell) {
  return typeof cell === "string" ? cell : count(cell);
}

function widthOf(text) {
  return stripVTControlCharacters(text).length;
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const LEVELS = "▁▂▃▄▅▆▇█";

/** A bar of up to `width` columns for a value from 0 to `most`. */
export function bar(value, most, width) {
  const eighths = most === 0 ? 0 : Math.round((value / most) * width * 8);
  return "█".repeat(eighths >> 3) + EIGHTHS[eighths & 7];
}

/** A column for each value: as high as the value, up to `most`; a space for 0. */
export function sparkline(values, most = Math.max(...values)) {
  const levelOf = (value) => Math.ceil((Math.min(value, most) / most) * LEVELS.length);
  return values.map((value) => (value > 0 ? LEVELS[levelOf(value) - 1] : " ")).join("");
}

export function print(...lines) {
  console.log(lines.flat().join("\n"));
}
