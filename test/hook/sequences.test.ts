/** Any sequence of changes, against a list that does what the words say. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { HookError } from "../../src/hook/error.ts";
import type { AttachOptions } from "../../src/hook/hook.ts";
import { stage, tally } from "./residents.ts";

const NAMES = ["a", "b", "c", "d", "e"] as const;
const name = fc.constantFrom(...NAMES);
const relation = fc.constantFrom("before", "after", "replace");
const place = fc.oneof(
  fc.constantFrom({}, { first: true }, { last: true }),
  fc.tuple(relation, name).map(([where, other]) => ({ [where]: other })),
);

type Change =
  | { readonly do: "attach"; readonly name: string; readonly place: AttachOptions }
  | { readonly do: "detach" | "update"; readonly name: string }
  | { readonly do: "trap"; readonly name: string; readonly times: number };

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ do: fc.constant("attach" as const), name, place }),
  fc.record({ do: fc.constantFrom("detach" as const, "update" as const), name }),
  fc.record({ do: fc.constant("trap" as const), name, times: fc.integer({ min: 1, max: 3 }) }),
);

/** A chain as a list of names with the traps each may still have; undefined for a change that is refused. */
type List = readonly (readonly [name: string, left: number])[];
const MAX_TRAPS = 3;

function changed(list: List, asked: Change): List | undefined {
  const at = list.findIndex(([each]) => each === asked.name);
  switch (asked.do) {
    case "attach":
      return attached(list, asked.name, asked.place);
    case "detach":
      return at < 0 ? undefined : list.toSpliced(at, 1);
    case "update":
      return at < 0 ? undefined : list.with(at, [asked.name, MAX_TRAPS]);
    case "trap": {
      if (at < 0) return undefined;
      const left = list[at]![1] - asked.times;
      return left > 0 ? list.with(at, [asked.name, left]) : list.toSpliced(at, 1);
    }
  }
}

function attached(list: List, fresh: string, options: AttachOptions): List | undefined {
  const other = (options.before ?? options.after ?? options.replace) as string | undefined;
  const at = list.findIndex(([each]) => each === other);
  if (other !== undefined && at < 0) return undefined;
  const rest = options.replace ? list.toSpliced(at, 1) : list;
  if (rest.some(([each]) => each === fresh)) return undefined;
  const index = options.first
    ? 0
    : other === undefined
      ? rest.length
      : at + (options.after ? 1 : 0);
  return rest.toSpliced(index, 0, [fresh, MAX_TRAPS]);
}

test("the chain is what a list of names would be, and the engine has the same", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const set = stage();
      const { egress } = set.hooks;
      let list: List = [];
      let revision = 1;
      for (const asked of changes) {
        const next = changed(list, asked);
        expect(carryOut(set, asked)).toBe(next !== undefined);
        const isOnlyTrap = asked.do === "trap" && next?.length === list.length;
        if (next !== undefined && !isOnlyTrap) revision += 1;
        list = next ?? list;
        expect(egress.links().map((link) => link.name)).toEqual(list.map(([each]) => each));
        expect(egress.revision).toBe(revision);
        const steps = set.installed.at(-1)?.egress ?? [];
        expect(steps.map(({ link }) => link)).toEqual(egress.links().map(({ id }) => id));
      }
    }),
    { numRuns: 500 },
  );
});

/** False for what was refused. */
function carryOut(set: ReturnType<typeof stage>, asked: Change): boolean {
  const { egress } = set.hooks;
  const link = egress.links().find((each) => each.name === asked.name);
  try {
    if (asked.do === "attach") {
      const options = { ...asked.place, maxTraps: MAX_TRAPS };
      const made = egress.attach(set.residents.make(asked.name), options);
      set.tallies.set(made.id, tally(made.id));
      return true;
    }
    if (link === undefined) return false;
    if (asked.do === "detach") link.detach();
    if (asked.do === "update") link.update(set.residents.make("other"));
    if (asked.do === "trap") trap(set, link.id, asked.times);
    expect(link.info().runCount).toBe(link.id);
    return true;
  } catch (error) {
    expect((error as HookError).name).toBe("HookError");
    return false;
  }
}

function trap({ installed, settle }: ReturnType<typeof stage>, link: number, times: number): void {
  for (let i = 0; i < times; i++) if (!installed.at(-1)!.trapped(link, "trap")) break;
  settle();
}
