/** Chains of programs: their order and their words are those of tcx (kernel/bpf/mprog.c and tcx.c). */
import { describe, expect, test } from "vitest";
import type { Hook, Link } from "../../src/hook/hook.ts";
import type { LoadedProgram } from "../../src/program/loaded.ts";
import { type Stage, stage, tally } from "./residents.ts";

const namesOf = (hook: Hook) => hook.links().map(({ name }) => name);
const error = (code: string, message?: RegExp) =>
  expect.objectContaining({
    name: "HookError",
    code,
    ...(message && { message: expect.stringMatching(message) }),
  });

/** Egress with links a, b and c. */
function abc(): { set: Stage; egress: Hook; a: Link; b: Link; c: Link; x: LoadedProgram } {
  const set = stage();
  const { egress } = set.hooks;
  const [a, b, c] = ["a", "b", "c"].map((name) => egress.attach(set.residents.make(name))) as [
    Link,
    Link,
    Link,
  ];
  return { set, egress, a, b, c, x: set.residents.make("x") };
}

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

describe("replace", () => {
  test("is one change: the engine never sees both or neither", () => {
    const { set, egress, b, x } = abc();
    const before = set.installed.length;
    set.tallies.set(b.id, tally(7));
    const link = egress.attach(x, { replace: b });
    expect(set.installed.length).toBe(before + 1);
    expect(b.info()).toMatchObject({ attached: false, runCount: 7 });
    expect(link.info()).toMatchObject({ attached: true, runCount: 0 });
    expect(link.id).not.toBe(b.id);
  });

  test("may take the name with the place", () => {
    const { set, egress, b } = abc();
    const second = set.residents.make("b");
    egress.attach(second, { replace: "b" });
    expect(namesOf(egress)).toEqual(["a", "b", "c"]);
    expect(egress.links()[1]!.info().program.id).toBe(second.id);
    expect(() => egress.attach(second, { replace: b, name: "d" })).toThrow(
      error("unknown-link", /^link b was detached from egress/),
    );
  });

  test("works in a chain that is full", () => {
    const { hooks, residents } = stage();
    for (let i = 0; i < 64; i++) hooks.egress.attach(residents.make(`p${i}`));
    expect(() => hooks.egress.attach(residents.make("x"))).toThrow(
      error("too-many-links", /^egress has 64 links/),
    );
    hooks.egress.attach(residents.make("x"), { replace: "p63" });
    expect(hooks.egress.links().length).toBe(64);
    expect(hooks.egress.links()[63]!.name).toBe("x");
  });
});

describe("update", () => {
  test("puts another program there and keeps the number, the name and the counters", () => {
    const { set, egress, b, x } = abc();
    set.tallies.set(b.id, tally(9, 1000));
    b.update(x);
    expect(namesOf(egress)).toEqual(["a", "b", "c"]);
    expect(b.info()).toMatchObject({
      id: b.id,
      runCount: 9,
      runTime: 1000,
      program: { name: "x" },
    });
    expect(set.installed.at(-1)!.egress[1]).toMatchObject({ link: b.id, entry: 100 + x.id });
    expect([...set.residents.residentOf(x)!.links.values()]).toEqual(["b"]);
  });

  test("with the program that is there already is no change", () => {
    const { set, egress, a } = abc();
    const [count, revision] = [set.installed.length, egress.revision];
    const program = set.residents.make("p");
    a.update(program);
    a.update(program);
    expect(set.installed.length).toBe(count + 1);
    expect(egress.revision).toBe(revision + 1);
  });

  test("of a link that is detached is refused, like -ENOLINK of tcx_link_update", () => {
    const { b, x } = abc();
    b.detach();
    expect(() => b.update(x)).toThrow(error("unknown-link", /^link b was detached/));
  });
});

describe("detach", () => {
  test("keeps what the link has done; a second time is nothing", () => {
    const { set, egress, b } = abc();
    set.tallies.set(b.id, tally(3));
    b.detach();
    const revision = egress.revision;
    b.detach();
    set.tallies.delete(b.id);
    expect(namesOf(egress)).toEqual(["a", "c"]);
    expect(egress.revision).toBe(revision);
    expect(b.info()).toMatchObject({ attached: false, runCount: 3, name: "b" });
  });

  test("frees the program and the name", () => {
    const { set, egress } = abc();
    const program = set.residents.make("d");
    egress.attach(program).detach();
    expect(set.residents.residentOf(program)!.links.size).toBe(0);
    egress.attach(program);
    expect(namesOf(egress)).toEqual(["a", "b", "c", "d"]);
  });

  test("names of links outlive them, but not for ever", () => {
    const { hooks, residents, nameOf } = stage();
    const program = residents.make("p");
    const first = hooks.egress.attach(program);
    first.detach();
    expect(nameOf(first.id)).toBe("p");
    for (let i = 0; i < 1024; i++) hooks.egress.attach(program).detach();
    expect(nameOf(first.id)).toBeUndefined();
    expect(nameOf(first.id + 1)).toBe("p");
    expect(nameOf(1)).toBe("service-nat");
    expect(nameOf(0)).toBeUndefined();
  });
});

describe("service NAT", () => {
  test("can be detached, which leaves nothing but programs, and attached again", () => {
    const { hooks, residents, installed } = stage();
    hooks.ingress.links()[0]!.detach();
    expect(hooks.active).toBe(true);
    expect(installed.at(-1)).toMatchObject({ ingress: [], egress: [] });
    const link = hooks.ingress.attach(residents.serviceNat);
    expect(hooks.active).toBe(false);
    expect(link.info()).toMatchObject({ id: 2, name: "service-nat", builtin: true });
    expect(installed.at(-1)).toMatchObject({ ingress: [{ kind: "service-nat", link: 2 }] });
  });

  test("stands once, and in ingress", () => {
    const { hooks, residents } = stage();
    const { serviceNat } = residents;
    expect(() => hooks.egress.attach(serviceNat)).toThrow(error("wrong-hook", /works on ingress/));
    expect(() => hooks.ingress.attach(serviceNat, { name: "again" })).toThrow(
      error("name-taken", /^service-nat stands in ingress already, as service-nat/),
    );
    const other = hooks.ingress.attach(residents.make("p"));
    expect(() => other.update(serviceNat)).toThrow(error("name-taken"));
    hooks.ingress.attach(serviceNat, { name: "nat", replace: "service-nat" });
    expect(namesOf(hooks.ingress)).toEqual(["nat", "p"]);
  });

  test("makes way for a program, whose link then is no built-in one", () => {
    const { hooks, residents } = stage();
    const [nat] = hooks.ingress.links();
    nat!.update(residents.make("own"));
    expect(nat!.info()).toMatchObject({ name: "service-nat", builtin: false });
    const link = hooks.ingress.attach(residents.serviceNat, { name: "nat" });
    expect(link.info().builtin).toBe(true);
  });
});

describe("traps", () => {
  const trap = new Error("unreachable");

  test("are counted, and the last one is remembered", () => {
    const { set, a } = abc();
    const { trapped } = set.installed.at(-1)!;
    expect(trapped(a.id, trap)).toBe(true);
    expect(trapped(a.id, new RangeError("stack"))).toBe(true);
    expect(a.info()).toMatchObject({ traps: 2, lastTrap: "stack", attached: true });
  });

  test("detach the link when there are 16, after the packets are through", () => {
    const { set, egress, a } = abc();
    const { trapped } = set.installed.at(-1)!;
    const said = Array.from({ length: 16 }, () => trapped(a.id, trap));
    expect(said).toEqual([...Array(15).fill(true), false]);
    set.tallies.set(a.id, tally(20));
    const before = set.installed.length;
    set.settle();
    expect(namesOf(egress)).toEqual(["b", "c"]);
    expect(a.info()).toMatchObject({ attached: false, traps: 16, runCount: 20 });
    expect(set.installed.length).toBe(before + 1);
    set.settle();
    expect(set.installed.length).toBe(before + 1);
  });

  test.each([
    { maxTraps: 1, said: [false] },
    { maxTraps: 3, said: [true, true, false] },
    { maxTraps: Number.POSITIVE_INFINITY, said: Array(100).fill(true) },
  ])("after $maxTraps where that is asked for", ({ maxTraps, said }) => {
    const { hooks, residents, installed } = stage();
    const link = hooks.ingress.attach(residents.make("p"), { maxTraps });
    const { trapped } = installed.at(-1)!;
    expect(said.map(() => trapped(link.id, trap))).toEqual(said);
  });

  test("in both hooks at once leave both", () => {
    const { hooks, residents, installed, settle } = stage();
    const program = residents.make("p");
    const links = [hooks.ingress, hooks.egress].map((hook) =>
      hook.attach(program, { maxTraps: 1 }),
    );
    for (const { id } of links) installed.at(-1)!.trapped(id, trap);
    settle();
    expect(links.map((link) => link.info().attached)).toEqual([false, false]);
    expect(hooks.active).toBe(false);
    expect(residents.residentOf(program)!.links.size).toBe(0);
  });

  test("of a former program are not held against the next one", () => {
    const { hooks, residents, installed } = stage();
    const link = hooks.ingress.attach(residents.make("p"), { maxTraps: 2 });
    const { trapped } = installed.at(-1)!;
    expect(trapped(link.id, trap)).toBe(true);
    link.update(residents.make("q"));
    expect(trapped(link.id, trap)).toBe(true);
    expect(trapped(link.id, trap)).toBe(false);
    expect(link.info().traps).toBe(3);
  });

  test.each([
    { thrown: undefined, message: "undefined" },
    { thrown: Object.create(null), message: "something that has no text" },
    { thrown: Symbol("x"), message: "Symbol(x)" },
    { thrown: "a".repeat(5000), message: "a".repeat(1000) },
  ])("of $thrown do not throw", ({ thrown, message }) => {
    const { set, a } = abc();
    expect(set.installed.at(-1)!.trapped(a.id, thrown)).toBe(true);
    expect(a.info().lastTrap).toBe(message);
  });

  test("of a link that nobody knows end it", () => {
    const { set } = abc();
    expect(set.installed.at(-1)!.trapped(99, trap)).toBe(false);
    set.settle();
  });
});

describe("what throws has changed nothing", () => {
  const state = ({ hooks, installed }: Stage) =>
    JSON.stringify([
      hooks.ingress.list(),
      hooks.egress.list(),
      hooks.ingress.revision,
      hooks.egress.revision,
      installed.length,
    ]);

  test.each<{ name: string; options: unknown; code: string; message?: RegExp }>([
    { name: "null for options", options: null, code: "bad-option", message: /are null/ },
    { name: "a place for options", options: "first", code: "bad-option", message: /"first"/ },
    { name: "an unknown option", options: { at: 1 }, code: "bad-option", message: /^at is not/ },
    { name: "two places", options: { first: true, after: "a" }, code: "bad-place" },
    { name: "both ends", options: { first: true, last: true }, code: "bad-place" },
    { name: "two relations", options: { before: "a", replace: "b" }, code: "bad-place" },
    { name: "an end that is a number", options: { first: 1 }, code: "bad-place" },
    { name: "before null", options: { before: null }, code: "unknown-link", message: /link null/ },
    { name: "before a number", options: { before: 1 }, code: "unknown-link" },
    { name: "after nobody", options: { after: "z" }, code: "unknown-link", message: /a, b, c$/ },
    { name: "after a look-alike", options: { after: { id: 2, name: "a" } }, code: "unknown-link" },
    { name: "a name that is taken", options: { name: "a" }, code: "name-taken" },
    { name: "an empty name", options: { name: "" }, code: "bad-option" },
    { name: "a name with a space", options: { name: "a b" }, code: "bad-option" },
    { name: "a name of 64", options: { name: "a".repeat(64) }, code: "bad-option" },
    { name: "a name that is a number", options: { name: 5 }, code: "bad-option" },
    { name: "no traps", options: { maxTraps: 0 }, code: "bad-option" },
    { name: "half a trap", options: { maxTraps: 1.5 }, code: "bad-option" },
    { name: "traps that are none", options: { maxTraps: Number.NaN }, code: "bad-option" },
    { name: "revision 0", options: { revision: 0 }, code: "bad-option" },
    { name: "a revision in quotes", options: { revision: "4" }, code: "bad-option" },
  ])("$name", ({ options, code, message }) => {
    const { set, egress, x } = abc();
    const before = state(set);
    expect(() => egress.attach(x, options as never)).toThrow(error(code, message));
    expect(state(set)).toBe(before);
  });

  test.each<{ name: string; program: unknown; message: RegExp }>([
    { name: "null", program: null, message: /^null is no program/ },
    { name: "a name", program: "x", message: /^"x" is no program/ },
    { name: "nothing", program: undefined, message: /^undefined is no program/ },
    { name: "a look-alike", program: { id: 5, name: "x" }, message: /^an object is no program/ },
    { name: "another dataplane's", program: stage().residents.make("x"), message: /no program of/ },
  ])("program: $name", ({ program, message }) => {
    const { set, egress, a } = abc();
    const before = state(set);
    expect(() => egress.attach(program as never)).toThrow(error("unloaded", message));
    expect(() => a.update(program as never)).toThrow(error("unloaded", message));
    expect(state(set)).toBe(before);
  });

  test("a program that was unloaded", () => {
    const { egress, x } = abc();
    x.unload();
    expect(() => egress.attach(x)).toThrow(error("unloaded", /^program x was unloaded/));
  });

  test("a link of the other hook, and one of another dataplane", () => {
    const { set, egress, x } = abc();
    const [nat] = set.hooks.ingress.links();
    expect(() => egress.attach(x, { before: nat! })).toThrow(
      error("wrong-hook", /^link service-nat stands in ingress, not in egress/),
    );
    const [foreign] = abc().egress.links();
    expect(() => egress.attach(x, { before: foreign! })).toThrow(error("unknown-link"));
  });

  test("an engine that refuses", () => {
    const { set, egress, a, x } = abc();
    const before = state(set);
    set.fail = new Error("no");
    expect(() => egress.attach(x, { replace: a })).toThrow("no");
    expect(() => a.update(x)).toThrow("no");
    expect(() => a.detach()).toThrow("no");
    set.fail = undefined;
    expect(state(set)).toBe(before);
    expect(set.residents.residentOf(x)!.links.size).toBe(0);
    a.detach();
    expect(namesOf(egress)).toEqual(["b", "c"]);
  });
});

test("links say when they were attached, and the engine is given the clock that was asked for", () => {
  const clock = () => 5;
  const set = stage(clock);
  set.now = 1234;
  const link = set.hooks.egress.attach(set.residents.make("p"));
  set.now = 5678;
  expect(link.info().attachedAt).toBe(1234);
  expect(set.installed.at(-1)!.clock).toBe(clock);
  expect(abc().set.installed.at(-1)!.clock).toBeUndefined();
});
