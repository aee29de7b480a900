/** Aligned tables: coloured on a terminal, plain when piped. */
import { stripVTControlCharacters } from "node:util";

export interface Column {
  readonly title: string;
  /** Numbers stand right. */
  readonly right?: boolean;
}

/**
 * Lines of a table, two spaces between columns. A column is as wide as its widest cell, so that no address
 * is ever cut. The last column is not padded. `heading` paints the first line.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  heading: (text: string) => string = (text) => text,
): string[] {
  const widths = columns.map((column, at) =>
    rows.reduce((most, row) => Math.max(most, width(row[at] ?? "")), column.title.length),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, at) => pad(cells[at] ?? "", widths[at] ?? 0, column.right === true))
      .join("  ")
      .trimEnd();
  return [heading(line(columns.map((column) => column.title))), ...rows.map(line)];
}

/** Columns a text takes: what it shows, without the colour codes in it. */
function width(text: string): number {
  return stripVTControlCharacters(text).length;
}

function pad(text: string, size: number, right: boolean): string {
  const space = " ".repeat(Math.max(0, size - width(text)));
  return right ? space + text : text + space;
}
