/**
 * The verdicts of kube-proxy itself: rule sets and packet rows of its tests, as Kubernetes objects and flows.
 * New connections are opened until every endpoint a flow may go to has been seen. What waxdp judges otherwise
 * stands in flow-differences.ts.
 */
import { beforeAll, describe, expect, test } from "vitest";
import type { Dataplane, ProcessResult } from "../../src/dataplane/dataplane.ts";
import { parseObjects } from "../../src/index.ts";
import { dataplanes, type Implementation } from "./dataplanes.ts";
import { expectationOf, FLOW_DIFFERENCES } from "./flow-differences.ts";
import { build, type Frame } from "./frame.ts";
import { CASES, type Case, type Flow, type NodeView, objectsOf } from "./kube-proxy-flows.ts";

const CAPACITY = { connections: 64, connections6: 64, affinity: 64, batch: 1 };
const ATTEMPTS_MIN = 16;
const ATTEMPTS_PER_BACKEND = 40;

const VERDICTS = {
  dnat: { verdict: "PASS", action: "dnat", conntrack: "new" },
  reject: { verdict: "TX", action: "reject" },
  drop: { verdict: "DROP", action: "drop" },
  pass: { verdict: "PASS", action: "pass", conntrack: "none" },
} as const;

for (const { name, create } of dataplanes) {
  describe(name, () => {
    for (const one of CASES) suite(create, one);
  });
}

function suite(create: Implementation["create"], one: Case): void {
  const { id, node, flows } = one;
  describe(id, () => {
    let dataplane: Dataplane;
    beforeAll(async () => {
      dataplane = await create({ node: node.name, seed: 1, capacity: CAPACITY });
      dataplane.apply(parseObjects(objectsOf(one)));
    });
    for (const given of flows) {
      const flow = { ...given, expect: expectationOf(one, given) };
      test(flow.name, () => judge(dataplane, flow, node));
    }
  });
}

test.each(FLOW_DIFFERENCES)("$case differs: $flow", ({ case: id, flow: name, verdict }) => {
  const flow = CASES.find((one) => one.id === id)?.flows.find((one) => one.name === name);
  expect(flow?.expect.verdict).toBeDefined();
  expect(flow?.expect.verdict).not.toBe(verdict);
});

function judge(dataplane: Dataplane, flow: Flow, node: NodeView): void {
  const attempts = open(dataplane, flow);
  for (const attempt of attempts) check(attempt, flow, node);
  expect(backendsOf(attempts)).toEqual([...flow.expect.backends].sort());
}

interface Attempt {
  readonly request: Frame;
  readonly result: ProcessResult;
}

/** One new connection after another, each against fresh state, until every expected backend has answered. */
function open(dataplane: Dataplane, flow: Flow): Attempt[] {
  const attempts: Attempt[] = [];
  const missing = new Set(flow.expect.backends);
  const most = ATTEMPTS_MIN + ATTEMPTS_PER_BACKEND * missing.size;
  for (let i = 0; i < most && (i < ATTEMPTS_MIN || missing.size > 0); i++) {
    dataplane.flush();
    const request = requestOf(flow, 40000 + i);
    const result = dataplane.process(build(request), { now: 0 });
    missing.delete(result.event.backend ?? "");
    attempts.push({ request, result });
  }
  return attempts;
}

function requestOf(flow: Flow, sport: number): Frame {
  const proto = flow.protocol.toLowerCase() as "tcp" | "udp" | "sctp";
  const flags = flow.ctState === "INVALID" ? "" : "S";
  return { saddr: flow.srcIP, sport, daddr: flow.dstIP, dport: flow.dstPort, proto, flags };
}

function check({ request, result: { event, packet } }: Attempt, flow: Flow, node: NodeView): void {
  expect(event).toMatchObject(VERDICTS[flow.expect.verdict]);
  if (event.verdict === "DROP" || event.verdict === "TX") return;
  expect(event.masquerade).toBe(masquerades(flow, event.backend));
  const after = { ...request, ...backendOf(event.backend) };
  if (event.masquerade) after.saddr = primaryAddress(node, flow.srcIP);
  expect(packet).toEqual(build(after));
}

function masquerades(
  { expect: { masquerade, hairpinBackends } }: Flow,
  backend: string | null,
): boolean {
  return masquerade || (hairpinBackends ?? []).includes(backend ?? "");
}

function backendOf(backend: string | null): { daddr?: string; dport?: number } {
  const [, v6, v4, port] = backend?.match(/^(?:\[(.*)\]|(.*)):(\d+)$/) ?? [];
  return port === undefined ? {} : { daddr: v6 ?? v4, dport: Number(port) };
}

function primaryAddress(node: NodeView, peer: string): string {
  return node.primaryNodeIPs.find((address) => address.includes(":") === peer.includes(":"))!;
}

function backendsOf(attempts: readonly Attempt[]): string[] {
  const seen = attempts.flatMap(({ result }) => result.event.backend ?? []);
  return [...new Set(seen)].sort();
}
