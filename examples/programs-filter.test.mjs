/** Programs that drop: who is dropped is worked out a second time here, from the same capture. */
import { readFileSync } from "node:fs";
import ipaddr from "ipaddr.js";
import { describe, expect, test } from "vitest";
import { createDataplane, createModel, replay } from "waxdp";
import { createNode, loadProgram, ONE_ENDPOINT, readCapture } from "./programs/cluster.mjs";

const here = (name) => new URL(`programs/${name}`, import.meta.url);
const engines = Object.entries({ wasm: createDataplane, model: createModel });

/** A node with an example's program before service NAT. */
async function createFilter(create, name) {
  const dataplane = await createNode(ONE_ENDPOINT, create);
  const program = await loadProgram(dataplane, here(`${name}/program.ts`), name);
  dataplane.hooks.ingress.attach(program, { before: "service-nat" });
  return { dataplane, program };
}

function play(dataplane, capture) {
  const packets = readCapture(here(capture));
  return Array.from(replay(dataplane, packets), ({ captured, event }) => ({ captured, event }));
}

describe.each(engines)("drop-list on %s", (_, create) => {
  const rules = Array.from(
    readFileSync(here("drop-list/blocklist.txt"), "utf8").matchAll(/^(!?)([0-9a-f.:]+\/\d+)/gm),
    ([, exception, prefix]) => ({ prefix, drop: exception === "" }),
  );

  /** The longest prefix decides. */
  function isListed(address) {
    const parsed = ipaddr.parse(address);
    const matching = rules
      .map(({ prefix, drop }) => ({ range: ipaddr.parseCIDR(prefix), drop }))
      .filter(({ range }) => range[0].kind() === parsed.kind() && parsed.match(range))
      .sort((a, b) => b.range[1] - a.range[1]);
    return matching[0]?.drop === true;
  }

  test("drops exactly the packets of listed sources", async () => {
    const { dataplane, program } = await createFilter(create, "drop-list");
    for (const { prefix, drop } of rules) {
      const map = program.map(prefix.includes(":") ? "rules6" : "rules4");
      map.update(prefix, { drop, packets: 0n, bytes: 0n });
    }
    const played = play(dataplane, "drop-list/visitors.pcapng");
    const dropped = played.filter(({ event }) => event.programReason === "listed");
    const listed = played.filter(({ event }) => isListed(event.before.saddr));
    expect(listed.length).toBeGreaterThan(20);
    expect(dropped.map(({ event }) => event.n)).toEqual(listed.map(({ event }) => event.n));
    for (const { event } of dropped) {
      expect(event).toMatchObject({ verdict: "DROP", reason: "program", program: "drop-list" });
    }
  });

  test("counts by the prefix that has decided", async () => {
    const { dataplane, program } = await createFilter(create, "drop-list");
    const rules4 = program.map("rules4");
    rules4.update("198.51.100.0/24", { drop: true, packets: 0n, bytes: 0n });
    rules4.update("198.51.100.32/28", { drop: false, packets: 0n, bytes: 0n });
    const played = play(dataplane, "drop-list/visitors.pcapng");
    const of = (...addresses) =>
      played.filter(({ event }) => addresses.includes(event.before.saddr));
    const bytes = (packets) =>
      packets.reduce((sum, { captured }) => sum + BigInt(captured.wireLength), 0n);
    const outer = of("198.51.100.7", "198.51.100.99");
    const inner = of("198.51.100.40");
    expect(rules4.lookup("198.51.100.0/24")).toEqual({
      drop: true,
      packets: BigInt(outer.length),
      bytes: bytes(outer),
    });
    expect(rules4.lookup("198.51.100.32/28")).toEqual({
      drop: false,
      packets: BigInt(inner.length),
      bytes: bytes(inner),
    });
  });
});

describe.each(engines)("rate-limit on %s", (_, create) => {
  const LIMITS = [
    { rate: 20n, burst: 10n },
    { rate: 100n, burst: 1n },
    { rate: 1n, burst: 30n },
  ];

  /** A bucket in nanoseconds, as a textbook has it. */
  function createBucket(interval, burst, now) {
    let [credit, filled] = [interval * burst, now];
    return (time) => {
      credit = credit + time - filled;
      if (credit > interval * burst) credit = interval * burst;
      filled = time;
      if (credit < interval) return false;
      credit -= interval;
      return true;
    };
  }

  test.each(LIMITS)("$rate a second, $burst at once", async ({ rate, burst }) => {
    const { dataplane, program } = await createFilter(create, "rate-limit");
    const interval = 1_000_000_000n / rate;
    program.map("limit").update(0, { interval, burst });
    const buckets = new Map();
    let drops = 0;
    for (const { captured, event } of play(dataplane, "rate-limit/bursts.pcapng")) {
      const { saddr, dport } = event.before;
      const dropped = event.programReason === "over-limit";
      if (dport !== 53) {
        expect(dropped).toBe(false);
        continue;
      }
      if (!buckets.has(saddr)) buckets.set(saddr, createBucket(interval, burst, captured.time));
      expect([event.n, dropped]).toEqual([event.n, !buckets.get(saddr)(captured.time)]);
      if (dropped) drops++;
    }
    expect(buckets.size).toBe(4);
    expect(drops).toBeGreaterThan(10);
  });
});

describe.each(engines)("syn-guard on %s", (_, create) => {
  const isVisitor = ({ event }) => event.before.saddr.startsWith("192.168.0.");
  const isFlood = ({ event }) => event.before.saddr.startsWith("198.51.100.");

  test("lets eight SYNs of each flooding source through, and everything of visitors", async () => {
    const open = play(await createNode(ONE_ENDPOINT, create), "syn-guard/flood.pcapng");
    const { dataplane, program } = await createFilter(create, "syn-guard");
    const guarded = play(dataplane, "syn-guard/flood.pcapng");
    const outcome = ({ event }) => [event.n, event.verdict, event.backend, event.conntrack];
    expect(guarded.filter(isVisitor).map(outcome)).toEqual(open.filter(isVisitor).map(outcome));
    const passed = guarded.filter((one) => isFlood(one) && one.event.verdict === "PASS");
    expect(passed.length).toBe(4 * 8);
    const dropped = guarded.filter((one) => isFlood(one) && one.event.verdict === "DROP");
    expect(dropped.length).toBe(200 - 4 * 8);
    expect(new Set(dropped.map(({ event }) => event.programReason))).toEqual(
      new Set(["syn-flood"]),
    );
    expect(program.map("sources").lookup("192.168.0.50")).toMatchObject({
      halfOpen: 0,
      dropped: 0,
    });
  });
});
