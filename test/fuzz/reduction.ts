/** Leaves out of a failing case what it fails without. */
import type { Case, Group } from "./corpus.ts";

const TIME_MAX = 20_000;

type Check = (given: Case) => Promise<void>;

/** The same failure is one of the same class that begins with the same word; numbers in it may differ. */
function likeness({ name, message }: Error): string {
  return `${name} ${message.replace(/^\{.*\n/, "").split(/[\s.:]/)[0]}`;
}

/** A case that fails as `error` says; the given one when that fails for nobody else. */
export async function reduce(given: Case, check: Check, error: Error): Promise<Case> {
  const until = Date.now() + TIME_MAX;
  const fails = async (groups: readonly Group[]) => {
    const outcome = await check({ ...given, groups }).then(
      () => undefined,
      (found: Error) => found,
    );
    return outcome !== undefined && likeness(outcome) === likeness(error);
  };
  let groups = given.groups;
  if (!(await fails(groups))) return given;
  for (let size = count(groups); size >= 1 && Date.now() < until; size = Math.floor(size / 2)) {
    groups = await leaveOut(groups, size, fails, until);
  }
  return { ...given, groups };
}

function count(groups: readonly Group[]): number {
  return groups.reduce((sum, { packets }) => sum + packets.length, 0);
}

/** Tries without each run of `size` packets, from the last to the first. */
async function leaveOut(
  groups: readonly Group[],
  size: number,
  fails: (groups: readonly Group[]) => Promise<boolean>,
  until: number,
): Promise<readonly Group[]> {
  let kept = groups;
  for (let first = count(kept) - size; first > -size && Date.now() < until; first -= size) {
    const fewer = without(kept, Math.max(0, first), first + size);
    if (await fails(fewer)) kept = fewer;
  }
  return kept;
}

/** Packets are counted through all groups; time goes on as before. */
function without(groups: readonly Group[], from: number, to: number): Group[] {
  const kept: Group[] = [];
  let index = 0;
  let waited = 0;
  for (const group of groups) {
    waited += group.waited;
    const packets = group.packets.filter((_, i) => index + i < from || index + i >= to);
    index += group.packets.length;
    if (packets.length === 0) continue;
    kept.push({ waited, packets });
    waited = 0;
  }
  return kept;
}
