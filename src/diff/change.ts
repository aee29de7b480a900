/** How two outcomes of one flow differ. */
import type { Outcome } from "./outcome.ts";

/** In what a difference consists; "added" and "removed" stand beside it where one side has no frontend. */
export type Change =
  | "added"
  | "removed"
  | "verdict"
  | "source-range"
  | "endpoints"
  | "masquerade"
  | "affinity";

/** Empty when the flow goes the same way. A Service's name alone is no difference. */
export function changesOf(old: Outcome, next: Outcome): Change[] {
  const changes = sameVerdict(old, next) ? targetChanges(old, next) : [verdictChange(old, next)];
  if (changes.length === 0) return [];
  if (old.service === null) return ["added", ...changes];
  return next.service === null ? ["removed", ...changes] : changes;
}

function sameVerdict(old: Outcome, next: Outcome): boolean {
  return old.verdict === next.verdict && old.action === next.action && old.reason === next.reason;
}

function verdictChange(old: Outcome, next: Outcome): Change {
  return [old.reason, next.reason].includes("source-range") ? "source-range" : "verdict";
}

function targetChanges(old: Outcome, next: Outcome): Change[] {
  const changes: Change[] = [];
  const { gained, lost } = endpointChanges(old, next);
  if (gained.length + lost.length > 0) changes.push("endpoints");
  if (masqueradeChanges(old, next).length > 0) changes.push("masquerade");
  if (old.affinity !== next.affinity) changes.push("affinity");
  return changes;
}

/** By "ip:port", whatever is masqueraded. */
export function endpointChanges(
  old: Outcome,
  next: Outcome,
): { readonly gained: readonly string[]; readonly lost: readonly string[] } {
  const before = new Set(old.targets.map(({ endpoint }) => endpoint));
  const after = new Set(next.targets.map(({ endpoint }) => endpoint));
  return {
    gained: [...after].filter((endpoint) => !before.has(endpoint)),
    lost: [...before].filter((endpoint) => !after.has(endpoint)),
  };
}

/** The source that an endpoint sees, as `Target` has it. */
export interface MasqueradeChange {
  readonly old: string | null;
  readonly new: string | null;
}

/** Of the endpoints that both sides have. */
export function masqueradeChanges(old: Outcome, next: Outcome): MasqueradeChange[] {
  const before = new Map(old.targets.map(({ endpoint, masquerade }) => [endpoint, masquerade]));
  return next.targets
    .filter(
      ({ endpoint, masquerade }) => before.has(endpoint) && before.get(endpoint) !== masquerade,
    )
    .map(({ endpoint, masquerade }) => ({ old: before.get(endpoint) ?? null, new: masquerade }));
}
