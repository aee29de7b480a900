/** Links of a chain: what replaces, updates and detaches them. */
import { describe, expect, test } from "vitest";
import { abc, error, namesOf } from "./chain.ts";
import { stage, tally } from "./residents.ts";

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
