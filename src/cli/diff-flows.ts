/** What `waxdp diff --capture` found: captured flows by frontend and difference, or a JSON object per flow. */
import { clientOf, type FlowDifference } from "../diff/flows.ts";
import { order } from "../order.ts";
import { blankRepeated, dialText, type Title, titleLine } from "./diff-report.ts";
import { changeLines, changing, outcomeJson } from "./diff-words.ts";
import { type Column, table } from "./table.ts";
import { count, type Paint, plural, printable } from "./terminal.ts";

export interface FlowTotals {
  readonly capture: string;
  readonly flows: number;
  readonly packets: number;
  /** Packets that belong to no flow. */
  readonly others: number;
}

const COLUMNS: readonly Column[] = [
  { title: "SERVICE" },
  { title: "FRONTEND" },
  { title: "FLOWS", right: true },
  { title: "PACKETS", right: true },
  { title: "FROM" },
  { title: "CHANGE" },
];

export function toText(
  found: readonly FlowDifference[],
  totals: FlowTotals,
  title: Title,
  paint: Paint,
): string[] {
  const heading = `${titleLine(title, paint)}, with the flows of ${paint("bold", printable(totals.capture))}`;
  if (found.length === 0) return [heading, `No difference: ${allText(totals)} go the same way.`];
  const rows = groupsOf(found, paint).flatMap(groupRows);
  return [
    heading,
    "",
    ...table(COLUMNS, blankRepeated(rows), (text) => paint("bold", text)),
    "",
    closingLine(found, totals, paint),
  ];
}

function allText({ flows, packets, others }: FlowTotals): string {
  const rest = others === 0 ? "" : ` (${count(others)} of them of no flow)`;
  return `${plural(flows, "flow")} with ${plural(packets, "packet")}${rest}`;
}

/** Flows to one frontend that change alike. */
interface Group {
  readonly service: string;
  readonly frontend: string;
  readonly lines: readonly string[];
  readonly flows: FlowDifference[];
}

function groupsOf(found: readonly FlowDifference[], paint: Paint): Group[] {
  const groups = new Map<string, Group>();
  for (const difference of found) {
    const { captured, old, new: next } = difference;
    const service = next.service ?? old.service ?? "";
    const frontend = dialText(captured.flow);
    const lines = changeLines(difference, paint);
    const key = [service, frontend, ...lines].join("\n");
    const group = groups.get(key) ?? { service, frontend, lines, flows: [] };
    group.flows.push(difference);
    groups.set(key, group);
  }
  return [...groups.values()].sort(
    (a, b) => order(a.service, b.service) || order(a.frontend, b.frontend),
  );
}

function groupRows({ service, frontend, lines, flows }: Group): string[][] {
  const [first = "", ...rest] = lines;
  const numbers = [count(flows.length), count(packetsOf(flows))];
  return [
    [service, frontend, ...numbers, clientsText(flows), first],
    ...rest.map((line) => [service, frontend, "", "", "", line]),
  ];
}

function packetsOf(flows: readonly FlowDifference[]): number {
  return flows.reduce((sum, { captured }) => sum + captured.packets, 0);
}

function clientsText(flows: readonly FlowDifference[]): string {
  const [first] = flows as [FlowDifference];
  if (flows.length === 1) return clientOf(first.captured);
  const clients = [...new Set(flows.map(({ flow }) => flow.saddr))];
  return clients.length === 1
    ? first.flow.saddr
    : `${first.flow.saddr} and ${count(clients.length - 1)} more`;
}

function closingLine(found: readonly FlowDifference[], totals: FlowTotals, paint: Paint): string {
  const { flows, packets, others } = totals;
  const rest = others === 0 ? "" : `; ${plural(others, "packet")} of no flow`;
  const changed = changing(found.length, flows);
  return `${paint("bold", changed)}, with ${count(packetsOf(found))} of ${plural(packets, "packet")}${rest}.`;
}

/** In the order of their first packets; the order of the fields is part of the interface. */
export function* toJson(found: readonly FlowDifference[]): Generator<string> {
  for (const { captured, flow, changes, old, new: next } of found) {
    const {
      saddr,
      sport,
      daddr,
      dport,
      proto,
      interface: device = null,
    } = { ...flow, ...captured.flow };
    yield JSON.stringify({
      n: captured.n,
      packets: captured.packets,
      service: next.service ?? old.service,
      saddr,
      sport,
      daddr,
      dport,
      proto,
      interface: device,
      changes,
      old: outcomeJson(old),
      new: outcomeJson(next),
    });
  }
}
