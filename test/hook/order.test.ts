/** Chains of programs: their order and their words are those of tcx (kernel/bpf/mprog.c and tcx.c). */
import { describe, expect, test } from "vitest";
import { abc, error, namesOf } from "./chain.ts";
import { stage } from "./residents.ts";

describe("at the beginning", () => {
  test("service NAT stands alone in ingress, and the engine has not been asked for anything", () => {
    const { hooks, installed } = stage();
    expect(hooks.ingress.list()).toEqual([
      {
        id: 1,
        hook: "ingress",
        name: "service-nat",
        program: { id: 1, name: "service-nat", tag: "tag-1" },
        builtin: true,
        attached: true,
        attachedAt: 0,
        runCount: 0,
        runTime: 0,
        verdicts: { ABORTED: 0, DROP: 0, PASS: 0, TX: 0, REDIRECT: 0, NEXT: 0 },
        traps: 0,
        lastTrap: null,
      },
    ]);
    expect(hooks.egress.list()).toEqual([]);
    expect([hooks.ingress.revision, hooks.egress.revision]).toEqual([1, 1]);
    expect(hooks.active).toBe(false);
    expect(installed).toEqual([]);
  });

  test("neither hooks nor links can be written over", () => {
    const { hooks } = stage();
    for (const each of [hooks, hooks.ingress, hooks.ingress.links()[0]]) {
      expect(Object.isFrozen(each)).toBe(true);
    }
  });
});

describe("order", () => {
  test.each<{ name: string; place(links: ReturnType<typeof abc>): object; order: string }>([
    { name: "last unless it is said", place: () => ({}), order: "a b c x" },
    { name: "last", place: () => ({ last: true }), order: "a b c x" },
    { name: "first", place: () => ({ first: true }), order: "x a b c" },
    { name: "first is false, so last", place: () => ({ first: false }), order: "a b c x" },
    { name: "before the first", place: ({ a }) => ({ before: a }), order: "x a b c" },
    { name: "before one in the middle", place: ({ b }) => ({ before: b }), order: "a x b c" },
    { name: "before a name", place: () => ({ before: "c" }), order: "a b x c" },
    { name: "after the first", place: ({ a }) => ({ after: a }), order: "a x b c" },
    { name: "after the last", place: () => ({ after: "c" }), order: "a b c x" },
    { name: "in place of the first", place: ({ a }) => ({ replace: a }), order: "x b c" },
    { name: "in place of a name", place: () => ({ replace: "b" }), order: "a x c" },
    { name: "in place of the last", place: ({ c }) => ({ replace: c }), order: "a b x" },
  ])("$name", ({ place, order }) => {
    const given = abc();
    const { set, egress, x } = given;
    const link = egress.attach(x, place(given));
    expect(namesOf(egress)).toEqual(order.split(" "));
    const { egress: steps, ingress } = set.installed.at(-1)!;
    expect(steps.map(({ link: id }) => id)).toEqual(egress.links().map(({ id }) => id));
    expect(ingress).toEqual([{ kind: "service-nat", link: 1 }]);
    expect(link).toBe(egress.links()[order.split(" ").indexOf("x")]);
  });

  test("a step says where the program stands, and how it is called", () => {
    const { hooks, residents, installed } = stage();
    hooks.ingress.attach(residents.make("one"), { first: true });
    hooks.egress.attach(residents.make("many", "batch"));
    expect(installed.at(-1)).toMatchObject({
      ingress: [
        { kind: "program", link: 2, form: "packet", entry: 102 },
        { kind: "service-nat", link: 1 },
      ],
      egress: [{ kind: "program", link: 3, form: "batch", entry: 103 }],
    });
  });

  test("one program may stand at several places, under names that differ", () => {
    const { hooks, residents } = stage();
    const program = residents.make("guard");
    hooks.ingress.attach(program);
    hooks.ingress.attach(program, { name: "guard-again", first: true });
    hooks.egress.attach(program);
    expect(namesOf(hooks.ingress)).toEqual(["guard-again", "service-nat", "guard"]);
    expect(namesOf(hooks.egress)).toEqual(["guard"]);
    expect([...residents.residentOf(program)!.links.values()]).toEqual([
      "guard",
      "guard-again",
      "guard",
    ]);
  });

  test("a list that was asked for stays as it was", () => {
    const { egress, x } = abc();
    const before = egress.links();
    egress.attach(x, { first: true });
    expect(before.map(({ name }) => name)).toEqual(["a", "b", "c"]);
  });
});

describe("revision", () => {
  test("counts every change of its own chain", () => {
    const { hooks, residents } = stage();
    const { ingress, egress } = hooks;
    const link = egress.attach(residents.make("a"));
    expect([ingress.revision, egress.revision]).toEqual([1, 2]);
    egress.attach(residents.make("b"), { replace: link });
    expect(egress.revision).toBe(3);
    const [b] = egress.links();
    b!.update(residents.make("c"));
    expect(egress.revision).toBe(4);
    b!.detach();
    expect([ingress.revision, egress.revision]).toEqual([1, 5]);
  });

  test("that was expected lets a change in, another one is stale", () => {
    const { egress, x, set } = abc();
    expect(() => egress.attach(x, { revision: 3 })).toThrow(
      error("stale-revision", /^egress has revision 4, not 3/),
    );
    egress.attach(x, { revision: 4 });
    expect(() => egress.attach(set.residents.make("y"), { revision: 4 })).toThrow(
      error("stale-revision"),
    );
    expect(namesOf(egress)).toEqual(["a", "b", "c", "x"]);
  });

  test("is looked at before the name, the name before the place, as in bpf_mprog_attach", () => {
    const { egress, set, x } = abc();
    const a = set.residents.make("a");
    const given = { revision: 1, before: "nobody" };
    expect(() => egress.attach(a, given)).toThrow(error("stale-revision"));
    expect(() => egress.attach(a, { before: "nobody" })).toThrow(error("name-taken"));
    expect(() => egress.attach(a, { replace: "nobody" })).toThrow(error("name-taken"));
    expect(() => egress.attach(x, { before: "nobody" })).toThrow(error("unknown-link"));
  });

  test("and a chain that is full says so before it looks for the place", () => {
    const { hooks, residents } = stage();
    for (let i = 0; i < 64; i++) hooks.egress.attach(residents.make(`p${i}`));
    const x = residents.make("x");
    expect(() => hooks.egress.attach(x, { before: "nobody" })).toThrow(error("too-many-links"));
    expect(() => hooks.egress.attach(x, { replace: "nobody" })).toThrow(error("unknown-link"));
    expect(() => hooks.egress.attach(residents.make("p0"))).toThrow(error("name-taken"));
  });
});
