/** What the report tells beside the rows of packets: iptables, workers, start-up, objects, memory. */
import type { HeatResult } from "../../bench/heats/heat.ts";
import { ESTABLISHED, titleOf } from "../../bench/heats/heats.ts";
import type { Timing } from "../../bench/heats/sample.ts";
import { EXTRAS } from "../../bench/measurements/extras.ts";
import type { NetfilterRow } from "../../bench/measurements/netfilter.ts";
import type { Startup } from "../../bench/measurements/startup.ts";
import type { Report } from "../../bench/report.ts";
import { nanoseconds, ratio, spreadText } from "./bench-figures.ts";
import { type Column, table } from "./table.ts";
import { count, type Paint, plural } from "./terminal.ts";

export function printExtras(report: Report, paint: Paint): string[] {
  return [
    ...printNetfilter(report, paint),
    ...printWorkers(report.workers, paint),
    ...printStartup(report.startup, paint),
    ...printApplications(report, paint),
    ...printFootprints(report, paint),
  ];
}

/** Rows of the Wasm engine that stand nearest to what is sent there. */
const NETFILTER_OPEN = `${ESTABLISHED}, 1,024 flows`;
const NETFILTER_FIRST = "Other traffic, 65,536 flows, new connections only";

/** What kube-proxy's rules take in the kernel, beside what this run found of the Wasm engine. */
function printNetfilter({ netfilter = [], heats }: Report, paint: Paint): string[] {
  const measured = netfilter.filter((each): each is NetfilterRow => !("reason" in each));
  if (measured.length === 0) return [];
  const [open, fresh] = [NETFILTER_OPEN, NETFILTER_FIRST].map((title) => wasmTime(heats, title));
  const cells = (time: number, wasm: number | undefined) =>
    wasm === undefined
      ? [nanoseconds(time)]
      : [nanoseconds(time), paint("bold", `${ratio(time / wasm)}x`)];
  const heading = (title: string, wasm: number | undefined): Column[] => [
    { title, right: true },
    ...(wasm === undefined ? [] : [{ title: "/ wasm's", right: true }]),
  ];
  const columns = [
    { title: "" },
    ...heading("ns, open flow", open),
    ...heading("ns, first packet", fresh),
  ];
  const rows = measured.map(({ name, services, established, first }) => [
    `  ${name}, ${plural(services, "Service")}`,
    ...cells(established, open),
    ...cells(first, fresh),
  ]);
  return [
    ...section(`${EXTRAS.netfilter}, the last Service dialled`, paint),
    ...table(columns, rows, (text) => paint("dim", text)),
    "  CPU time between network namespaces, less that of plain forwarding there; 1,024 open flows.",
    "",
  ];
}

function wasmTime(heats: readonly HeatResult[], title: string): number | undefined {
  return heats.find(({ heat }) => titleOf(heat) === title)?.lanes[0]?.timing.median;
}

const WORKER_COLUMNS: readonly Column[] = [
  { title: "" },
  { title: "rate", right: true },
  { title: "Mpps", right: true },
  { title: "p10..p90", right: true },
  { title: "ns to steer and copy a frame", right: true },
];

function printWorkers(workers: Report["workers"], paint: Paint): string[] {
  if (workers === undefined || "reason" in workers) return [];
  const { one, two, ratio: gain } = workers;
  const rows = [one, two].map(({ workers: number, mpps, push }) => [
    `  ${plural(number, "worker")}`,
    number === 1 ? "" : paint("bold", `${ratio(gain.median)}x`),
    mpps.median.toFixed(1),
    paint("dim", spreadText(mpps)),
    nanoseconds(push.median),
  ]);
  return [
    ...section(EXTRAS.workers, paint),
    ...table(WORKER_COLUMNS, rows, (text) => paint("dim", text)),
    "",
  ];
}

function printStartup(startup: Startup | undefined, paint: Paint): string[] {
  if (startup === undefined) return [];
  const rows = [
    ["  Node", milliseconds(startup.node)],
    ["  Chromium", "reason" in startup.chromium ? "absent" : milliseconds(startup.chromium)],
    ["  dataplane.wasm", `${count(startup.module)} bytes`],
    ["  waxdp.js, all that a page loads", `${count(startup.bundle)} bytes`],
  ];
  return [...section(EXTRAS.startup, paint), ...lines(rows), ""];
}

const APPLICATION_COLUMNS: readonly Column[] = [
  { title: "" },
  { title: "all from objects", right: true },
  { title: "one endpoint changed", right: true },
];

function printApplications({ applications }: Report, paint: Paint): string[] {
  if (applications === undefined) return [];
  const rows = applications.map(({ scheduler, services, endpoints, first, change }) => [
    `  ${count(services)} Services with ${count(endpoints)} endpoints each, ${scheduler}`,
    first === undefined ? "" : milliseconds(first, 0),
    milliseconds(change, 2),
  ]);
  const heading = section(EXTRAS.applications, paint);
  return [...heading, ...table(APPLICATION_COLUMNS, rows, (text) => paint("dim", text)), ""];
}

function milliseconds({ p10, median, p90 }: Timing, digits = 1): string {
  const [low, middle, high] = [p10, median, p90].map((each) => each.toFixed(digits));
  return `${middle} ms (${low}..${high})`;
}

function printFootprints({ footprints }: Report, paint: Paint): string[] {
  if (footprints === undefined) return [];
  const rows = footprints.map(({ what, bytes }) => [`  ${what}`, bytes.toFixed(1)]);
  return [...section(`${EXTRAS.footprints} for each`, paint), ...lines(rows), ""];
}

/** A table without a heading. */
export function lines(rows: readonly (readonly string[])[], right = true): string[] {
  return table([{ title: "" }, { title: "", right }], rows).slice(1);
}

export function section(title: string, paint: Paint): string[] {
  return [paint(["bold", "underline"], title)];
}
