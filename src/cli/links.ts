/** Links of hooks as a table: what ran, in which order, and what it said. */
import { VERDICTS } from "../dataplane/event.ts";
import type { KeptLink } from "../index.ts";
import { textOf } from "./format.ts";
import { type Column, table } from "./table.ts";
import { count, type Paint } from "./terminal.ts";

const LINKS: readonly Column[] = [
  { title: "HOOK" },
  { title: "LINK" },
  { title: "PROGRAM" },
  { title: "TAG" },
  { title: "RUNS", right: true },
  { title: "NEXT", right: true },
  ...VERDICTS.map((title) => ({ title, right: true })),
  { title: "TRAPS", right: true },
];

/** In the order in which packets meet them; living ones, or those that a snapshot tells of. */
export function linkLines(links: readonly KeptLink[], paint: Paint): string[] {
  const rows = links.map((link) => [
    link.hook,
    textOf(link.name),
    textOf(link.program.name),
    link.builtin ? "-" : link.program.tag,
    count(link.runCount),
    count(link.verdicts.NEXT),
    ...VERDICTS.map((verdict) => count(link.verdicts[verdict])),
    link.traps === 0 ? "-" : paint("red", count(link.traps)),
  ]);
  return table(LINKS, rows, (text) => paint("bold", text));
}
