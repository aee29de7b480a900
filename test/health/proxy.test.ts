/** The proxy's own health, byte for byte as kube-proxy's handlers write it, and the node's part in it. */
import { describe, expect, test } from "vitest";
import { parseManifests, parseObjects } from "../../src/control/kubernetes.ts";
import { isEligible, type ProxyState, proxyHealth } from "../../src/health/proxy.ts";
import { NODE, problemsOf } from "../control/objects.ts";

type Fields = Readonly<Record<string, unknown>>;

describe("the proxy's health", () => {
  const NOW = Date.parse("2025-03-04T05:06:07.080Z");
  const AT = "2025-03-04T05:06:07.08Z";
  const MINUTE_AGO = "2025-03-04T05:05:07.08Z";
  const idle = { lastUpdated: NOW - 60_000, queuedSince: null };
  const queued = (ago: number) => ({ lastUpdated: NOW - 60_000, queuedSince: NOW - ago });
  const state = (
    families: ProxyState["families"],
    fields: Partial<ProxyState> = {},
  ): ProxyState => ({
    families,
    nodeEligible: true,
    ...fields,
  });

  test("is told in exact bytes, the last update called recent while it is good", () => {
    const headers = { "Content-Type": "application/json", "X-Content-Type-Options": "nosniff" };
    const times = `"lastUpdated":"${AT}","currentTime":"${AT}"`;
    const rest = `"healthy":true,"status":{"IPv4":{"lastUpdated":"${MINUTE_AGO}","healthy":true}}`;
    expect(proxyHealth(state({ ipv4: idle }), NOW)).toEqual({
      healthy: true,
      healthz: { status: 200, headers, body: `{${times},"nodeEligible":true,${rest}}` },
      livez: { status: 200, headers, body: `{${times},${rest}}` },
    });
  });

  test("tells the families in the order of their names, and the newest update when one is late", () => {
    const six = { lastUpdated: NOW - 1000, queuedSince: null };
    const { healthy, healthz, livez } = proxyHealth(
      state({ ipv6: six, ipv4: queued(60_000) }),
      NOW,
    );
    const second = "2025-03-04T05:06:06.08Z";
    const rest =
      `"healthy":false,"status":{"IPv4":{"lastUpdated":"${MINUTE_AGO}","healthy":false},` +
      `"IPv6":{"lastUpdated":"${second}","healthy":true}}`;
    expect([healthy, healthz.status, livez.status]).toEqual([false, 503, 503]);
    expect(healthz.body).toBe(
      `{"lastUpdated":"${second}","currentTime":"${AT}","nodeEligible":true,${rest}}`,
    );
    expect(livez.body).toBe(`{"lastUpdated":"${second}","currentTime":"${AT}",${rest}}`);
  });

  test.each([
    { name: "idle", families: { ipv4: idle }, expected: true },
    {
      name: "an hour without a change",
      families: { ipv4: { ...idle, lastUpdated: NOW - 3_600_000 } },
      expected: true,
    },
    { name: "a change queued just now", families: { ipv4: queued(0) }, expected: true },
    { name: "a change queued by a clock ahead", families: { ipv4: queued(-5000) }, expected: true },
    {
      name: "a millisecond before the timeout",
      families: { ipv4: queued(59_999) },
      expected: true,
    },
    { name: "at the timeout", families: { ipv4: queued(60_000) }, expected: false },
    { name: "long after the timeout", families: { ipv4: queued(1e9) }, expected: false },
    {
      name: "one family late of two",
      families: { ipv4: idle, ipv6: queued(60_000) },
      expected: false,
    },
    {
      name: "starting, nothing queued",
      families: { ipv4: { lastUpdated: null, queuedSince: null } },
      expected: true,
    },
    {
      name: "starting for an hour",
      families: { ipv4: { lastUpdated: null, queuedSince: NOW - 3_600_000 } },
      expected: true,
    },
    { name: "without a family", families: {}, expected: true },
  ])("is $expected: $name", ({ families, expected }) => {
    const { healthy, healthz, livez } = proxyHealth(state(families), NOW);
    const status = expected ? 200 : 503;
    expect([healthy, healthz.status, livez.status]).toEqual([expected, status, status]);
    expect(JSON.parse(livez.body).healthy).toBe(expected);
  });

  test("waits for two sync periods of the configuration", () => {
    const at = (ago: number) =>
      proxyHealth(state({ ipv4: queued(ago) }, { syncPeriod: 5000 }), NOW).healthy;
    expect([at(9999), at(10_000)]).toEqual([true, false]);
  });

  test("says 503 on /healthz alone for a node that is going, and healthy in the body", () => {
    const going = state({ ipv4: idle }, { nodeEligible: false });
    const { healthy, healthz, livez } = proxyHealth(going, NOW);
    expect([healthy, healthz.status, livez.status]).toEqual([true, 503, 200]);
    expect(healthz.body).toBe(
      `{"lastUpdated":"${MINUTE_AGO}","currentTime":"${AT}","nodeEligible":false,"healthy":true,` +
        `"status":{"IPv4":{"lastUpdated":"${MINUTE_AGO}","healthy":true}}}`,
    );
  });

  test("has Go's zero time and no status before the first update", () => {
    const { healthz } = proxyHealth(state({}, { nodeEligible: false }), NOW);
    expect(healthz.body).toBe(
      `{"lastUpdated":"0001-01-01T00:00:00Z","currentTime":"${AT}","nodeEligible":false,"healthy":true}`,
    );
  });

  test.each([
    ["2025-03-04T05:06:07.000Z", "2025-03-04T05:06:07Z"],
    ["2025-03-04T05:06:00.000Z", "2025-03-04T05:06:00Z"],
    ["2025-03-04T05:06:10.100Z", "2025-03-04T05:06:10.1Z"],
    ["2025-03-04T05:06:10.001Z", "2025-03-04T05:06:10.001Z"],
    ["0000-01-01T00:00:00.000Z", "0000-01-01T00:00:00Z"],
    ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
  ])("writes %s as %s", (time, expected) => {
    const { livez } = proxyHealth(state({}), Date.parse(time));
    expect(JSON.parse(livez.body).currentTime).toBe(expected);
  });
});

describe("a node", () => {
  const read = (metadata: Fields, spec: Fields = {}) =>
    parseObjects([{ apiVersion: "v1", kind: "Node", metadata: { name: NODE, ...metadata }, spec }])
      .nodes[0]?.object;
  const REMOVED = { key: "ToBeDeletedByClusterAutoscaler", value: "1", effect: "NoSchedule" };
  test.each([
    { name: "plain", object: read({}), expected: true },
    { name: "missing", object: undefined, expected: false },
    {
      name: "being deleted",
      object: read({ deletionTimestamp: "2025-03-04T05:06:07Z" }),
      expected: false,
    },
    {
      name: "being deleted, as a client's Date",
      object: read({ deletionTimestamp: new Date(0) }),
      expected: false,
    },
    {
      name: "with no deletionTimestamp",
      object: read({ deletionTimestamp: null }),
      expected: true,
    },
    {
      name: "with the zero time",
      object: read({ deletionTimestamp: "0001-01-01T00:00:00Z" }),
      expected: true,
    },
    {
      name: "with the autoscaler's taint",
      object: read({}, { taints: [{ key: "a/b" }, REMOVED] }),
      expected: false,
    },
    {
      name: "with other taints",
      object: read(
        {},
        {
          taints: [
            { key: "node.kubernetes.io/unschedulable" },
            { key: "ToBeDeletedByClusterAutoscaler2" },
          ],
        },
      ),
      expected: true,
    },
  ])("$name is eligible: $expected", ({ object, expected }) => {
    expect(isEligible(object)).toBe(expected);
  });

  test("is read from YAML with its deletion time bare or in quotes", () => {
    for (const time of ["2025-03-04T05:06:07Z", '"2025-03-04T05:06:07.5+01:00"']) {
      const text = `apiVersion: v1\nkind: Node\nmetadata: {name: a, deletionTimestamp: ${time}}\n`;
      expect(isEligible(parseManifests(text).nodes[0]?.object)).toBe(false);
    }
  });
});
describe("what is refused", () => {
  const nodeWith = (metadata: Fields, spec: Fields = {}) => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: NODE, ...metadata },
    spec,
  });
  test.each([
    [nodeWith({ deletionTimestamp: "soon" }), "metadata.deletionTimestamp"],
    [nodeWith({ deletionTimestamp: "2025-99-99T00:00:00Z" }), "metadata.deletionTimestamp"],
    [nodeWith({ deletionTimestamp: 5 }), "metadata.deletionTimestamp"],
    [nodeWith({}, { taints: {} }), "spec.taints"],
    [nodeWith({}, { taints: [{ effect: "NoSchedule" }] }), "spec.taints[0].key"],
    [nodeWith({}, { taints: [{ key: "" }] }), "spec.taints[0].key"],
    [nodeWith({}, { taints: [{ key: "Bad Prefix/a" }] }), "spec.taints[0].key"],
    [nodeWith({}, { taints: [{ key: "a/b/c" }] }), "spec.taints[0].key"],
  ])("object %#", (object, path) => {
    const problems = problemsOf(() => parseObjects([object]));
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(problems[0]?.message).not.toContain("undefined");
  });

  const good = { families: {}, nodeEligible: true };
  const ask =
    (state: unknown, now: unknown = 0) =>
    () =>
      Reflect.apply(proxyHealth, undefined, [state, now]);
  test.each([
    ["no state", ask(null)],
    ["no families", ask({ nodeEligible: true })],
    ["a family that is none", ask({ ...good, families: { ipv4: null } })],
    ["a family without times", ask({ ...good, families: { ipv6: {} } })],
    [
      "a time that is none",
      ask({ ...good, families: { ipv4: { lastUpdated: Number.NaN, queuedSince: null } } }),
    ],
    ["an eligibility that is no boolean", ask({ families: {} })],
    ["a sync period of 0", ask({ ...good, syncPeriod: 0 })],
    ["an endless sync period", ask({ ...good, syncPeriod: Number.POSITIVE_INFINITY })],
    ["a now that is none", ask(good, Number.NaN)],
    ["a now that is a text", ask(good, "0")],
    ["a now before the year 0", ask(good, Date.parse("0000-01-01T00:00:00Z") - 1)],
    ["a now after the year 9999", ask(good, Date.parse("9999-12-31T23:59:59.999Z") + 1)],
  ])("%s", (_, act) => {
    expect(act).toThrow(expect.objectContaining({ code: "bad-option" }));
  });
});
