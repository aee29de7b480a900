/** What `waxdp diff` found among frontends: a table by service, or a JSON object per flow. */

import { type Dial, orderDials } from "../diff/dials.ts";
import type { Compared, Difference } from "../diff/diff.ts";
import { order } from "../order.ts";
import { formatEndpoint } from "../packet/address.ts";
import { changeLines, changing, outcomeJson } from "./diff-words.ts";
import { type Column, table } from "./table.ts";
import { count, type Paint, plural, printable } from "./terminal.ts";

/** What was compared, and for whom. */
export interface Title {
  readonly old: string;
  readonly next: string;
  readonly node: string;
  readonly engine: string;
}

export interface Totals {
  readonly frontends: number;
  readonly flows: number;
}

/** By service, then as frontends are looked for. */
export function sort(found: readonly Compared[]): Compared[] {
  return [...found].sort((a, b) => order(ownerOf(a), ownerOf(b)) || orderDials(a.dial, b.dial));
}

/** Whose the frontend is, or was. */
function ownerOf({ differences }: Compared): string {
  const [first] = differences;
  return first?.new.service ?? first?.old.service ?? "";
}

const COLUMNS: readonly Column[] = [
  { title: "SERVICE" },
  { title: "FRONTEND" },
  { title: "FROM" },
  { title: "CHANGE" },
];

export function toText(
  found: readonly Compared[],
  totals: Totals,
  title: Title,
  paint: Paint,
): string[] {
  if (found.length === 0) return [titleLine(title, paint), sameLine(totals)];
  const rows = found.flatMap((compared) => frontendRows(compared, paint));
  return [
    titleLine(title, paint),
    "",
    ...table(COLUMNS, blankRepeated(rows), (text) => paint("bold", text)),
    "",
    ...closingLines(found, totals, paint),
  ];
}

export function titleLine({ old, next, node, engine }: Title, paint: Paint): string {
  const names = [old, next].map((name) => paint("bold", printable(name)));
  return `${names.join(" -> ")} as ${paint("bold", printable(node))} sees it (${engine})`;
}

function sameLine({ frontends, flows }: Totals): string {
  return `No difference: ${plural(flows, "flow")} to ${plural(frontends, "frontend")} go the same way.`;
}

/** Everybody who meets the same change shares a row; further changes stand below the first. */
function frontendRows(compared: Compared, paint: Paint): string[][] {
  const owner = ownerOf(compared);
  const groups = new Map<string, Difference[]>();
  for (const difference of compared.differences) {
    const key = changeLines(difference, paint).join("\n");
    groups.set(key, [...(groups.get(key) ?? []), difference]);
  }
  return [...groups].flatMap(([lines, group]) =>
    lines
      .split("\n")
      .map((line, index) => [
        owner,
        dialText(compared.dial),
        index === 0 ? fromText(compared, group) : "",
        line,
      ]),
  );
}

export function dialText({
  daddr,
  dport,
  proto,
  addresses,
}: Pick<Dial, "daddr" | "dport" | "proto"> & Partial<Dial>): string {
  const more = (addresses?.length ?? 1) - 1;
  const text = `${formatEndpoint(daddr, dport)}/${proto}`;
  return more > 0 ? `${text} (+${plural(more, "address")})` : text;
}

function fromText({ sources }: Compared, group: readonly Difference[]): string {
  if (group.length === sources.length && group.length > 1) return "anyone";
  return group.map(({ source }) => source.label).join(", ");
}

/** Of the first two cells, what stands above is not said again. */
export function blankRepeated(rows: readonly string[][]): string[][] {
  return rows.map((row, index) => {
    const [service = "", frontend = "", ...rest] = row;
    const above = rows[index - 1];
    if (above?.[0] !== service) return row;
    return ["", above[1] === frontend ? "" : frontend, ...rest];
  });
}

function closingLines(found: readonly Compared[], totals: Totals, paint: Paint): string[] {
  const flows = found.reduce(
    (sum, { dial, differences }) => sum + differences.length * dial.addresses.length,
    0,
  );
  const services = new Set(found.map(ownerOf)).size;
  const frontends = `${count(found.length)} of ${plural(totals.frontends, "frontend")}`;
  const changed = paint("bold", changing(flows, totals.flows));
  return [`${changed}, at ${frontends}, of ${plural(services, "service port")}.`];
}

/** One for each address that a nodePort is served at. */
export function* toJson(found: readonly Compared[]): Generator<string> {
  for (const { dial, differences } of found) {
    for (const difference of differences) {
      for (const daddr of dial.addresses) yield differenceJson(difference, daddr);
    }
  }
}

/** The order of the fields is part of the interface. */
function differenceJson(
  { source, flow, changes, old, new: next }: Difference,
  daddr: string,
): string {
  const { saddr, dport, proto, interface: device = null, local = false } = flow;
  return JSON.stringify({
    service: next.service ?? old.service,
    from: source.kind,
    range: source.label,
    saddr,
    daddr,
    dport,
    proto,
    interface: device,
    local,
    changes,
    old: outcomeJson(old),
    new: outcomeJson(next),
  });
}
