/** Chains for tests: egress with three links, and what is asked of it. */
import { expect } from "vitest";
import type { Hook, Link } from "../../src/hook/hook.ts";
import type { LoadedProgram } from "../../src/program/loaded.ts";
import { type Stage, stage } from "./residents.ts";

export const namesOf = (hook: Hook) => hook.links().map(({ name }) => name);
export const error = (code: string, message?: RegExp) =>
  expect.objectContaining({
    name: "HookError",
    code,
    ...(message && { message: expect.stringMatching(message) }),
  });

/** Egress with links a, b and c. */
export function abc(): { set: Stage; egress: Hook; a: Link; b: Link; c: Link; x: LoadedProgram } {
  const set = stage();
  const { egress } = set.hooks;
  const [a, b, c] = ["a", "b", "c"].map((name) => egress.attach(set.residents.make(name))) as [
    Link,
    Link,
    Link,
  ];
  return { set, egress, a, b, c, x: set.residents.make("x") };
}
