/** What links are told of traps, and when they go for them. */
import { describe, expect, test } from "vitest";
import { abc, namesOf } from "./chain.ts";
import { stage, tally } from "./residents.ts";

describe("traps", () => {
  const trap = new Error("unreachable");

  test("are counted, and the last one is remembered", () => {
    const { set, a } = abc();
    const { trapped } = set.installed.at(-1)!;
    expect(trapped(a.id, trap)).toBe(true);
    expect(trapped(a.id, new RangeError("stack"))).toBe(true);
    expect(a.info()).toMatchObject({ traps: 2, lastTrap: "stack", attached: true });
  });

  test("put programs back each time, of a link that is gone as well", () => {
    const { set, a } = abc();
    const { trapped } = set.installed.at(-1)!;
    for (const link of [a.id, a.id, 99]) trapped(link, trap);
    expect(set.rewound).toBe(3);
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
