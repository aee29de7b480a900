/** Where the recordings keep counts instead of frames: how new flows spread, and whom affinity remembers. */
import { describe, expect, test } from "vitest";
import { dataplanes } from "../conformance/dataplanes.ts";
import { build } from "../conformance/frame.ts";
import { type Create, prepare } from "./lab.ts";
import { ETHERNET, read } from "./packet.ts";
import { bytesOf, find, type PacketStep, type Scenario } from "./recording.ts";

const SPREADS = ["spread-5-v4", "spread-2-v6", "spread-5-v6"];
const FLOWS = 600;
/** What chance exceeds once in a thousand times, by degrees of freedom. */
const CHI_SQUARE: { readonly [degrees: number]: number } = { 1: 10.83, 4: 18.47 };

for (const { name, create } of dataplanes) {
  describe(name, () => {
    for (const id of SPREADS) test(id, () => judgeSpread(create, id));
    test("list-limit-v6: more clients than the kernel remembers", () => judgeMemory(create));
  });
}

async function judgeSpread(create: Create, id: string): Promise<void> {
  const recorded = find(id).scenario.summary!.counts!;
  const counts = await spread(create, id);
  expect(Object.keys(counts).sort()).toEqual(Object.keys(recorded).sort());
  const most = CHI_SQUARE[Object.keys(counts).length - 1]!;
  expect(chiSquare(recorded)).toBeLessThan(most);
  expect(chiSquare(counts)).toBeLessThan(most);
}

/**
 * The kernel's list holds 100 clients of an endpoint: of 300 clients of two endpoints it still knew the last
 * 200. Here the map of affinity is the bound, and all of them come back to where they were.
 */
async function judgeMemory(create: Create): Promise<void> {
  const { recording, scenario } = find("list-limit-v6");
  const dataplane = await prepare(create, recording, scenario);
  const visit = (client: number, sport: number) => {
    const ends = { saddr: `2001:db8:c::${(client + 0x100).toString(16)}`, sport };
    const frame = build({ ...ends, daddr: "fd00:96::35", dport: 53, proto: "udp" });
    return dataplane.process(frame, { now: sport }).event.backend;
  };
  const clients = Array.from({ length: 300 }, (_, client) => client);
  const first = clients.map((client) => visit(client, 50_000));
  const second = clients.toReversed().map((client) => visit(client, 50_001));
  expect(new Set(first).size).toBe(2);
  expect(second.toReversed()).toEqual(first);
}

async function spread(create: Create, id: string): Promise<Record<string, number>> {
  const { recording, scenario } = find(id);
  const dataplane = await prepare(create, recording, scenario);
  const ends = firstEnds(scenario);
  const counts: Record<string, number> = {};
  for (let flow = 0; flow < FLOWS; flow++) {
    const frame = build({ ...ends, sport: ends.sport + flow, proto: "udp" });
    const { after } = dataplane.process(frame, { now: flow, interface: "pod0" }).event;
    counts[after!.daddr] = (counts[after!.daddr] ?? 0) + 1;
  }
  return counts;
}

function firstEnds({ steps }: Scenario) {
  const { frame } = steps[0] as PacketStep;
  const { saddr, sport, daddr, dport } = read(bytesOf(frame!).subarray(ETHERNET))!;
  return { saddr, sport, daddr, dport };
}

function chiSquare(counts: { readonly [endpoint: string]: number }): number {
  const values = Object.values(counts);
  const even = FLOWS / values.length;
  return values.reduce((sum, count) => sum + (count - even) ** 2 / even, 0);
}
