import { describe, expect, test } from "vitest";
import { inventoryOf } from "../../src/control/inventory.ts";
import { Journal } from "../../src/control/journal.ts";
import { parseObjects } from "../../src/control/kubernetes.ts";
import { createObjectStore } from "../../src/control/store.ts";
import { endpoint, service, slice } from "./objects.ts";

describe("what has changed", () => {
  test("in a set that nobody can change is nothing", () => {
    const set = parseObjects([service()]);
    const inventory = inventoryOf(set);
    expect(inventoryOf(set)).toBe(inventory);
    expect(inventory.changedSince(inventory.mark())).toEqual([]);
    expect(Object.isFrozen(set.services)).toBe(true);
  });

  test("in a set put together by hand, or another one, cannot be told", () => {
    const set = { ...parseObjects([service()]) };
    const inventory = inventoryOf(set);
    expect(inventoryOf(set)).not.toBe(inventory);
    expect(inventoryOf(set).changedSince(inventory.mark())).toBeUndefined();
    expect(inventoryOf(createObjectStore()).changedSince(inventory.mark())).toBeUndefined();
  });

  test("in a store are the Services of its changes, until they are too far back", () => {
    const store = createObjectStore([service()]);
    const inventory = inventoryOf(store);
    const mark = inventory.mark();
    expect(inventory.changedSince(mark)).toEqual([]);
    store.update(slice([endpoint("10.0.0.1")]));
    store.update(service({}, { name: "api" }));
    store.update(service({}, { name: "api" }));
    expect(inventory.changedSince(mark)).toEqual(["demo/web", "demo/api"]);
    expect(inventory.changedSince(inventory.mark())).toEqual([]);
  });
});

test("a journal knows the latest changes, says when it does not, and stays small", () => {
  const journal = new Journal();
  const start = journal.version;
  for (let index = 0; index < 30_000; index += 1) journal.note(`${index}`);
  expect(journal.since(start)).toHaveLength(30_000);
  for (let index = 30_000; index < 100_000; index += 1) journal.note(`${index}`);
  expect(journal.since(start)).toBeUndefined();
  expect(journal.since(journal.version - 10_000)?.[0]).toBe("90000");
  const versions = Array.from({ length: 1_000 }, (_, index) => 100 * index);
  const known = versions.filter((version) => journal.since(version) !== undefined);
  expect(known.length).toBeGreaterThanOrEqual(100);
  expect(known.length).toBeLessThan(400);
});
