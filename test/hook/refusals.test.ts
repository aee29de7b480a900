/** What a chain refuses. */
import { describe, expect, test } from "vitest";
import { abc, error, namesOf } from "./chain.ts";
import { type Stage, stage } from "./residents.ts";

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
