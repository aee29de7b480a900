/** `--both-ways`: which packets came back as they were captured, and which did not. */

import { compare, type Difference } from "../packet/compare.ts";
import type { Direction, Returned } from "../replay/bothways.ts";
import { table } from "./table.ts";
import { count, type Paint, plural, printable } from "./terminal.ts";

/** Packets kept for the list; the others are only counted. */
const LISTED_MAX = 1000;

export interface ReturnReport {
  readonly differs: boolean;
  readonly json: unknown;
  lines(paint: Paint): string[];
}

export interface Returns {
  add(returned: Returned): void;
  report(): ReturnReport;
}

interface Listed {
  readonly n: number;
  readonly direction: Direction;
  readonly complaint: string;
  readonly differences: readonly Difference[];
  /** The packet of the capture with the error that answers a refused request, when it is the dataplane's. */
  answeredIn: number | null;
}

interface Results {
  readonly same: Record<Direction, number>;
  readonly other: Record<Exception, { total: number; readonly listed: Listed[] }>;
  /** TCP packets that do not fit their connection. */
  unfit: number;
}

type Exception = Exclude<Returned["result"], "same">;

export function createReturns(): Returns {
  const results: Results = {
    same: { request: 0, answer: 0, other: 0 },
    other: {
      different: { total: 0, listed: [] },
      refused: { total: 0, listed: [] },
      unchecked: { total: 0, listed: [] },
    },
    unfit: 0,
  };
  return {
    add: (returned) => note(results, returned),
    report: () => reportOf(results),
  };
}

function note(results: Results, returned: Returned): void {
  if (returned.result === "same") {
    results.same[returned.direction]++;
    if (returned.about !== null) noteAnswer(results, returned.about, returned.n);
    return;
  }
  if (isUnfit(returned)) results.unfit++;
  const exception = results.other[returned.result];
  exception.total++;
  if (exception.listed.length < LISTED_MAX) exception.listed.push(listedOf(returned));
}

function noteAnswer({ other }: Results, about: number, n: number): void {
  const request = other.refused.listed.find((listed) => listed.n === about);
  if (request) request.answeredIn = n;
}

function isUnfit({ result, replayed }: Returned): boolean {
  if (result !== "different" || replayed === null) return false;
  return replayed.event.reason === "invalid" && replayed.event.before?.proto === "tcp";
}

function listedOf({ n, direction, complaint, captured, came }: Returned): Listed {
  const differences = came === null ? [] : compare(captured.data, came, captured.linkType);
  return { n, direction, complaint: complaint ?? "", differences, answeredIn: null };
}

function reportOf(results: Results): ReturnReport {
  const { same, other } = results;
  const { different, refused, unchecked } = other;
  return {
    differs: different.total > 0,
    json: {
      same,
      different: different.total,
      refused: refused.total,
      unchecked: unchecked.total,
      differentPackets: different.listed,
      refusedPackets: refused.listed,
      uncheckedPackets: unchecked.listed,
    },
    lines: (paint) => [
      ...listLines(different.listed, different.total, paint),
      ...(refused.total > 0 ? ["Refused by the objects themselves:"] : []),
      ...listLines(refused.listed, refused.total, paint),
      ...(unchecked.total > 0 ? ["Could not be checked:"] : []),
      ...listLines(unchecked.listed, unchecked.total, paint),
      ...gapLines(results),
      closingLine(results, paint),
    ],
  };
}

function listLines(listed: readonly Listed[], total: number, paint: Paint): string[] {
  const lines = listed.flatMap(({ n, complaint, differences, answeredIn }) => [
    `packet ${n}: ${complaint}${answeredIn === null ? "" : `, answered in packet ${answeredIn}`}`,
    ...differenceRows(differences, paint),
  ]);
  if (total > listed.length) lines.push(`and ${count(total - listed.length)} more`);
  return lines;
}

/** What a connection lacks in the capture it lacks for the dataplane, which calls invalid what refers to it. */
function gapLines({ unfit }: Results): string[] {
  if (unfit === 0) return [];
  const those = unfit === 1 ? "1 TCP packet does" : `${count(unfit)} TCP packets do`;
  return [
    `${those} not fit the connection as the capture shows it. If packets are missing from the capture`,
    "(a filter, a lossy recording), --sysctl nf_conntrack_tcp_be_liberal=1 lets such packets through.",
  ];
}

function closingLine({ same, other }: Results, paint: Paint): string {
  const { different, refused, unchecked } = other;
  const back = same.request + same.answer + same.other;
  const kinds = [
    plural(same.request, "request"),
    plural(same.answer, "answer"),
    `${count(same.other)} of no Service`,
  ];
  const parts = [`${plural(back, "packet")} came back as captured (${kinds.join(", ")})`];
  if (different.total > 0) {
    parts.push(paint("red", `${plural(different.total, "packet")} did not`));
  }
  if (refused.total > 0) {
    const verb = refused.total === 1 ? "is" : "are";
    parts.push(
      paint("yellow", `${plural(refused.total, "request")} ${verb} refused by the objects`),
    );
  }
  if (unchecked.total > 0) {
    parts.push(paint("yellow", `${plural(unchecked.total, "packet")} could not be checked`));
  }
  return `Both ways: ${parts.join(", ")}.`;
}

/** Expected and found, one line per field. */
export function differenceRows(differences: readonly Difference[], paint: Paint): string[] {
  if (differences.length === 0) return [];
  const columns = [{ title: "  FIELD" }, { title: "EXPECTED" }, { title: "FOUND" }];
  const rows = differences.map(({ name, expected, actual }) => [
    `  ${name}`,
    printable(expected ?? "(absent)"),
    printable(actual ?? "(absent)"),
  ]);
  return table(columns, rows, (text) => paint("bold", text));
}
