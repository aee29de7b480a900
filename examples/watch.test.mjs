/** Runs watch.mjs on a recorded watch: each event prints what it changes, and nothing else. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Event -> the changes below it, without their details. */
function eventsOf(output) {
  const events = [];
  for (const line of output.trimEnd().split("\n")) {
    if (line.startsWith("  ")) events.at(-1).changes.push(line.trim().split(":")[0]);
    else events.push({ event: line, changes: [] });
  }
  return events;
}

test("a watch from a file changes what its events say", () => {
  const { stdout, stderr } = spawnSync("node", [path("watch.mjs"), path("watch.jsonl")], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  const events = eventsOf(stdout);
  expect(events.map(({ event }) => event)).toEqual([
    "ADDED Node worker-1",
    "ADDED Service web",
    "ADDED EndpointSlice web-4n4mx",
    "MODIFIED EndpointSlice web-4n4mx",
    "MODIFIED EndpointSlice web-4n4mx",
    "MODIFIED Service web",
    "MODIFIED Service web",
    "DELETED EndpointSlice web-4n4mx",
    "DELETED Service web",
  ]);
  const ofEndpoint = events[3].changes;
  expect(ofEndpoint).toEqual([
    "~ rings 1/cluster of default/web",
    "- endpoints 10.244.2.33",
    "- backends 2 10.244.2.33",
  ]);
  expect(events[5].changes).toEqual([]);
  expect(events[6].changes).toEqual(["+ services 10.96.0.80", "- services 10.96.0.80"]);
  expect(events[8].changes).toEqual(["- services 10.96.0.80", "- services nodePort"]);
});

test("a watch from standard input says the same, and its end as an error is told", () => {
  const watch = readFileSync(path("watch.jsonl"), "utf8");
  const run = (input) => spawnSync("node", [path("watch.mjs")], { input, encoding: "utf8" });
  expect(eventsOf(run(watch).stdout)).toHaveLength(9);
  const gone = { type: "ERROR", object: { kind: "Status", message: "too old resource version" } };
  expect(run(JSON.stringify(gone)).stderr).toContain("too old resource version");
});
