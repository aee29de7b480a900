/** What a replay found, for people and as JSON. */
import type { Counters } from "../dataplane/counters.ts";
import type { LinkInfo } from "../hook/hook.ts";
import { seconds } from "../replay/replay.ts";
import type { BackendTally, ServiceTally, Summary, VerdictTally } from "../replay/tally.ts";
import type { ExpectReport } from "./expect.ts";
import { linkLines } from "./links.ts";
import type { Rate, Rates } from "./measure.ts";
import type { ReturnReport } from "./returns.ts";
import { type Column, table } from "./table.ts";
import {
  count,
  duration,
  type Paint,
  plural,
  printable,
  rate,
  VERDICT_STYLES,
} from "./terminal.ts";

export interface Report {
  readonly capture: string;
  /** Null for programs alone. */
  readonly node: string | null;
  readonly engine: string;
  readonly seed: number;
  readonly summary: Summary;
  readonly counters: Counters;
  /** What the programs have done; empty without any. */
  readonly links: readonly LinkInfo[];
  /** Packets from a Service's address that were nobody's: the capture was taken at a client. */
  readonly strayAnswers: number;
  /** Wall time of the replay: reading, the packet path, events and writing. */
  readonly tookMs: number;
  readonly rates: Rates | null;
  readonly output: { readonly path: string; readonly packets: number } | null;
  readonly expect: ExpectReport | null;
  readonly bothWays: ReturnReport | null;
  /** What is wrong with the capture; null when it was read to its end. */
  readonly damage: string | null;
}

export function toText(report: Report, paint: Paint): string {
  const blocks = [
    titleLines(report, paint),
    serviceLines(report, paint),
    verdictLines(report.summary, paint),
    report.links.length === 0 ? [] : linkLines(report.links, paint),
    report.links.filter(({ traps }) => traps > 0).map(trapLine),
    fragmentLines(report),
    hintLines(report),
    closingLines(report, paint),
    report.bothWays === null ? [] : report.bothWays.lines(paint),
    report.expect === null ? [] : report.expect.lines(paint),
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

function titleLines({ capture, node, engine, seed, summary }: Report, paint: Paint): string[] {
  const { packets, bytes, first, last } = summary;
  const span = first === null || last === null ? 0 : Number(last - first) / 1e9;
  return [
    `${paint("bold", printable(capture))} through ${paint("bold", printable(node ?? "programs alone"))} (${engine}, seed ${seed})`,
    `${plural(packets, "packet")}, ${plural(bytes, "byte")} over ${duration(span)}`,
  ];
}

const SERVICE_COLUMNS: readonly Column[] = [
  { title: "SERVICE" },
  { title: "BACKEND" },
  { title: "FLOWS", right: true },
  { title: "SHARE", right: true },
  { title: "PACKETS", right: true },
  { title: "BYTES", right: true },
];

function serviceLines({ summary: { services }, node }: Report, paint: Paint): string[] {
  if (services.length === 0) return node === null ? [] : ["No packet was for a Service."];
  return table(SERVICE_COLUMNS, services.flatMap(serviceRows), (text) => paint("bold", text));
}

function serviceRows(service: ServiceTally): string[][] {
  return service.backends.map((backend, index) => [
    index === 0 ? printable(service.service) : "",
    printable(backend.backend ?? "(none)"),
    count(backend.flows),
    percent(shareOf(backend, service)),
    count(backend.packets),
    count(backend.bytes),
  ]);
}

/** The part of the service's new connections that the backend got. */
function shareOf(backend: BackendTally, service: ServiceTally): number {
  return service.flows === 0 ? 0 : backend.flows / service.flows;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

const VERDICT_COLUMNS: readonly Column[] = [
  { title: "VERDICT" },
  { title: "ACTION" },
  { title: "REASON" },
  { title: "PACKETS", right: true },
  { title: "BYTES", right: true },
];

function verdictLines({ verdicts }: Summary, paint: Paint): string[] {
  if (verdicts.length === 0) return [];
  const rows = verdicts.map((each) => [
    paint(VERDICT_STYLES[each.verdict], each.verdict),
    each.action,
    reasonText(each),
    count(each.packets),
    count(each.bytes),
  ]);
  return table(VERDICT_COLUMNS, rows, (text) => paint("bold", text));
}

/** "drop-list: listed" where a program has said so. */
function reasonText({ reason, program, programReason }: VerdictTally): string {
  if (program === undefined) return reason ?? "-";
  const why = programReason ?? (reason === "program" ? null : reason);
  return printable(why === null ? program : `${program}: ${why}`);
}

/** Where it stood no longer, the table's last row for it is not all that it would have said. */
function trapLine({ hook, name, attached, traps, lastTrap }: LinkInfo): string {
  const what = printable(`${name} has trapped ${plural(traps, "time")}, at last: ${lastTrap}`);
  return attached ? what : `${what}. It was then taken from ${hook}.`;
}

/** What became of fragments that had to wait: the table counts them when they came. */
function fragmentLines({ counters: { fragments } }: Report): string[] {
  const { held, released, discarded } = fragments;
  if (held === 0) return [];
  const parts = [`${count(released)} let go`, `${count(discarded)} given up`];
  const waiting = held - released - discarded;
  if (waiting > 0) parts.push(`${count(waiting)} still waiting`);
  return [`Of ${plural(held, "fragment")} held for their ports, ${parts.join(", ")}.`];
}

function hintLines({ strayAnswers, bothWays }: Report): string[] {
  if (strayAnswers === 0 || bothWays !== null) return [];
  return [
    `${plural(strayAnswers, "packet")} that passed came from a Service's own address: a capture taken at a client?`,
    "Then --both-ways sends its answers through the dataplane as the backends sent them.",
  ];
}

function closingLines(report: Report, paint: Paint): string[] {
  const { summary, tookMs, rates, output } = report;
  const lines = rates === null ? [] : rateLines(rates, paint);
  lines.push(
    `This replay took ${duration(tookMs / 1000)}, ${rate((summary.packets / tookMs) * 1000)} packets/s ` +
      "with reading, reporting and writing.",
  );
  if (output) lines.push(...outputLines(output));
  return lines;
}

function rateLines({ packets, engines }: Rates, paint: Paint): string[] {
  const names = engines.map(
    ({ engine, packetsPerSecond }) => `${engine} ${rate(packetsPerSecond)} packets/s`,
  );
  const ratio = ratioOf(engines);
  const rounds = engines.map((one) => count(one.rounds)).join(" and ");
  return [
    paint(
      "bold",
      `${names.join(", ")}${ratio === null ? "" : `: ${ratio.toFixed(1)} times as fast`}`,
    ),
    `(the packet path alone: median of ${rounds} rounds over ${plural(packets, "packet")} in memory)`,
  ];
}

/** How many times as fast the Wasm engine is as the model. */
function ratioOf(engines: readonly Rate[]): number | null {
  const [first, second] = engines;
  return first && second ? first.packetsPerSecond / second.packetsPerSecond : null;
}

function outputLines({ path, packets }: NonNullable<Report["output"]>): string[] {
  if (path === "-") return [];
  const shown = printable(path);
  return [
    `Wrote ${plural(packets, "packet")} to ${shown}. To look at it: tshark -r ${shellWord(shown)}`,
  ];
}

/** Quoted for a shell where it has to be. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function toJson(report: Report): string {
  const { summary, rates, expect, bothWays } = report;
  const { packets, bytes, first, last, services, verdicts } = summary;
  const fields = {
    capture: report.capture,
    node: report.node,
    engine: report.engine,
    seed: report.seed,
    packets,
    bytes,
    first: first === null ? null : seconds(first),
    last: last === null ? null : seconds(last),
    services: services.map(serviceJson),
    verdicts,
    counters: report.counters,
    ...(report.links.length > 0 && { links: report.links }),
    strayAnswers: report.strayAnswers,
    tookMs: Math.round(report.tookMs * 1000) / 1000,
    rate: rates === null ? null : rateJson(rates),
    output: report.output,
    expect: expect === null ? null : expect.json,
    bothWays: bothWays === null ? null : bothWays.json,
    error: report.damage,
  };
  return `${JSON.stringify(fields)}\n`;
}

function serviceJson(service: ServiceTally): unknown {
  const backends = service.backends.map((backend) => ({
    ...backend,
    share: shareOf(backend, service),
  }));
  return { ...service, backends };
}

function rateJson({ packets, engines }: Rates): unknown {
  const perEngine = engines.map(({ engine, packetsPerSecond, rounds }) => [
    engine,
    { packetsPerSecond: Math.round(packetsPerSecond), rounds },
  ]);
  return { packets, ...Object.fromEntries(perEngine), ratio: ratioOf(engines) };
}
