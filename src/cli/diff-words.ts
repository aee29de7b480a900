/** Outcomes and their differences, in words and as JSON. */
import { type Change, endpointChanges, masqueradeChanges } from "../diff/change.ts";
import type { Outcome } from "../diff/outcome.ts";
import { count, type Paint, plural, VERDICT_STYLES } from "./terminal.ts";

/** Both outcomes of a flow. */
interface Pair {
  readonly changes: readonly Change[];
  readonly old: Outcome;
  readonly new: Outcome;
}

/** A line per difference. */
export function changeLines({ changes, old, new: next }: Pair, paint: Paint): string[] {
  if (changes.includes("added")) return [`${paint("green", "added:")} ${outcomeText(next, paint)}`];
  if (changes.includes("removed"))
    return [`${paint("red", "removed:")} was ${outcomeText(old, paint)}`];
  return changes.map((change) => LINES[change](old, next, paint));
}

/** The endpoints of old are gone with its verdict; JSON has them. */
const verdictLine = (old: Outcome, next: Outcome, paint: Paint) =>
  `${verdictText(old, paint)} -> ${outcomeText(next, paint)}`;

const LINES: Readonly<Record<Change, (old: Outcome, next: Outcome, paint: Paint) => string>> = {
  added: verdictLine,
  removed: verdictLine,
  verdict: verdictLine,
  "source-range": verdictLine,
  endpoints: endpointLine,
  masquerade: masqueradeLine,
  affinity: (old, next) => `affinity: ${affinityText(old)} -> ${affinityText(next)}`,
};

/** "PASS dnat to 10.244.1.36:8080", "TX reject (no-endpoints)". */
function outcomeText(outcome: Outcome, paint: Paint): string {
  const text = verdictText(outcome, paint);
  if (outcome.action !== "dnat") return text;
  return `${text} to ${listNames(outcome.targets.map(({ endpoint }) => endpoint))}`;
}

function verdictText({ verdict, action, reason }: Outcome, paint: Paint): string {
  return `${paint(VERDICT_STYLES[verdict], verdict)} ${action}${reason === null ? "" : ` (${reason})`}`;
}

const NAMES_SHOWN = 2;

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).join(", ");
  const more = names.length - NAMES_SHOWN;
  return more > 0 ? `${shown} and ${count(more)} more` : shown;
}

function endpointLine(old: Outcome, next: Outcome, paint: Paint): string {
  const { gained, lost } = endpointChanges(old, next);
  const sizes = `endpoints: ${count(old.targets.length)} -> ${count(next.targets.length)}`;
  const signs = [
    ...signed("-", lost).map((text) => paint("red", text)),
    ...signed("+", gained).map((text) => paint("green", text)),
  ];
  return `${sizes}, ${signs.join(" ")}`;
}

function signed(sign: string, names: readonly string[]): string[] {
  const shown = names.slice(0, NAMES_SHOWN).map((name) => `${sign}${name}`);
  const more = names.length - shown.length;
  return more > 0 ? [...shown, `${sign}${count(more)} more`] : shown;
}

/** Endpoints may be behind different interfaces, and see different addresses of the node. */
function masqueradeLine(old: Outcome, next: Outcome): string {
  const changes = masqueradeChanges(old, next);
  const texts = (side: "old" | "new") =>
    listNames([...new Set(changes.map((change) => masqueradeText(change[side])))]);
  return `masquerade: ${texts("old")} -> ${texts("new")}`;
}

function masqueradeText(masquerade: string | null): string {
  if (masquerade === null) return "none";
  return masquerade === "" ? "no address, dropped" : masquerade;
}

function affinityText({ affinity }: Outcome): string {
  return affinity === 0 ? "none" : `${count(affinity)} s`;
}

/** The order of the fields is part of the interface. */
export function outcomeJson(outcome: Outcome): object {
  const { verdict, action, reason, service, frontend, targets, affinity } = outcome;
  return { verdict, action, reason, service, frontend, endpoints: targets, affinity };
}

/** "1 of 58 flows changes", "2 of 58 flows change". */
export function changing(value: number, total: number): string {
  return `${count(value)} of ${plural(total, "flow")} ${value === 1 ? "changes" : "change"}`;
}
