/**
 * Cases that once went wrong, and some that easily might: through both engines, without a trap, alike, and with
 * nothing changed but what translation changes.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createDataplane } from "../../src/index.ts";
import { createChecked } from "../conformance/dataplanes.ts";
import { type Case, decode, encode, replay } from "./corpus.ts";
import { check } from "./episode.ts";

const FOLDER = "test/fuzz/corpus";
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".bin"));

describe.each(files)("%s", (name) => {
  const kept = readFileSync(`${FOLDER}/${name}`);

  test.each([
    ["wasm", createDataplane],
    ["wasm with assertions", createChecked],
  ])("%s and the model agree", async (_, create) => {
    const { model } = await replay(decode(kept), create);
    expect(model.counters().packets).toBeGreaterThan(0);
  });

  test("what leaves is sound", async () => {
    await check(decode(kept), { checked: false, lockstep: false });
  });

  test("reads as it was written", () => {
    expect(encode(decode(encode(decode(kept))))).toEqual(encode(decode(kept)));
  });
});

test("there are some", () => {
  expect(files.length).toBeGreaterThan(4);
});

test("what is no case is refused", () => {
  expect(() => decode(new TextEncoder().encode("something else altogether"))).toThrow(RangeError);
});

test("a case is what it was before it was written", () => {
  const one: Case = {
    name: "two groups",
    options: { node: "worker-1", seed: 3 },
    objects: [{ kind: "Node" }],
    groups: [
      { waited: 0, packets: [packetOf(1, { local: true }), packetOf(2, { interface: "eth0" })] },
      { waited: 2001, packets: [packetOf(3, { linkType: 101, wireLength: 90 })] },
    ],
  };
  expect(decode(encode(one))).toEqual(one);
});

function packetOf(
  fill: number,
  options: Partial<Case["groups"][number]["packets"][number]["options"]>,
) {
  const usual = { linkType: 1, local: false, wireLength: 20 };
  return { bytes: new Uint8Array(20).fill(fill), options: { ...usual, ...options } };
}
