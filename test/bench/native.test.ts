/** The C program does what the engines do, to the byte, in each of its modes, and leaves nothing behind. */
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, describe, expect, it } from "vitest";
import { createNative, NATIVE_NAMES } from "../../bench/engines/native.ts";
import type { Contestant, Row, Run, Work } from "../../bench/heats/contestant.ts";
import { compile } from "../../bench/native/compile.ts";
import { encodeRow } from "../../bench/native/row.ts";
import { createSession } from "../../bench/native/session.ts";
import { createFeed } from "../../bench/rows/feed.ts";
import { frameAt, makeWork } from "../../bench/rows/work.ts";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { createDataplane, parseObjects } from "../../src/index.ts";
import { PLAIN as QUICK } from "./row.ts";

const PLAIN: Row = { ...QUICK, flows: 1024, batch: 256 };
const ROWS: readonly Row[] = [
  PLAIN,
  { ...PLAIN, name: "one flow", flows: 1 },
  { ...PLAIN, name: "datagrams", proto: "udp" },
  { ...PLAIN, name: "both protocols", proto: "mixed" },
  { ...PLAIN, name: "IPv6", family: "ipv6" },
  { ...PLAIN, name: "both protocols, IPv6", family: "ipv6", proto: "mixed" },
  { ...PLAIN, name: "Zipf", popularity: "zipf" },
  { ...PLAIN, name: "forward", kind: "forward" },
  { ...PLAIN, name: "reply", kind: "reply" },
  { ...PLAIN, name: "new", kind: "new", flows: 65536 },
  {
    ...PLAIN,
    name: "new, both protocols, IPv6",
    kind: "new",
    flows: 16384,
    family: "ipv6",
    proto: "mixed",
  },
  { ...PLAIN, name: "mixed", kind: "mixed" },
  { ...PLAIN, name: "masquerade", masquerade: true },
  {
    ...PLAIN,
    name: "masquerade, new, IPv6",
    kind: "new",
    flows: 16384,
    masquerade: true,
    family: "ipv6",
  },
  { ...PLAIN, name: "long frames", payload: 1446 },
];
/** Batches compared: more packets than the row of 1,024 flows has in two turns. */
const BATCHES = 16;

const contestants = createNative();
const present = contestants.filter((each): each is Contestant => "prepare" in each);

afterAll(async () => {
  for (const each of present) await each.close();
});

/** The next batches of the row as the Wasm engine translates them. */
function* play(dataplane: Dataplane, work: Work): Generator<readonly Uint8Array[]> {
  const { batch } = dataplane;
  dataplane.apply(parseObjects(work.objects));
  work.opening.forEach((pack, number) => {
    for (let from = 0; from * pack.size < pack.bytes.length; from += batch.capacity) {
      batch.clear();
      const rest = pack.bytes.length / pack.size - from;
      for (let i = 0; i < Math.min(rest, batch.capacity); i++) batch.push(frameAt(pack, from + i));
      batch.process(3000 * number);
    }
  });
  const feed = createFeed(work, batch.memory);
  while (!feed.ended) {
    batch.clear();
    for (let index = 0; index < work.row.batch; index++) {
      feed.write(batch.frameAt(index));
      batch.commit(feed.size);
    }
    batch.process(3000 * work.opening.length);
    yield Array.from({ length: work.row.batch }, (_, index) => batch.packet(index).slice());
  }
}

describe.skipIf(present.length === 0)("native C", () => {
  it("has a contestant for each mode", () => {
    expect(present.map(({ name }) => name)).toEqual(NATIVE_NAMES);
  });

  describe.each(ROWS)("$name", (row) => {
    it("comes out as the Wasm engine translates it, whatever the mode", async () => {
      const work = await makeWork(row);
      const runs = (await Promise.all(present.map((each) => each.prepare(work)))) as Run[];
      const expected = play(await createDataplane(work.options), work);
      for (let batch = 0; batch < BATCHES; batch++) {
        const packets = Buffer.concat(expected.next().value);
        for (const run of runs) {
          const own = Buffer.concat((await run.check()) ?? []);
          expect(own.equals(packets), `batch ${batch}`).toBe(true);
        }
      }
      for (const run of runs) await run.close();
    });
  });

  it("counts what the Wasm engine counts", async () => {
    const work = await makeWork({ ...PLAIN, kind: "mixed", proto: "mixed", flows: 64 });
    const dataplane = await createDataplane(work.options);
    const expected = play(dataplane, work);
    const program = compile();
    if ("reason" in program) throw new Error(program.reason);
    const session = await createSession(program.path, ["staged"], await encodeRow(work));
    for (let batch = 0; batch < BATCHES; batch++) expected.next();
    await session.ask(`time ${BATCHES}`);
    const report = (await session.ask("report")).split(" ").slice(1).map(Number);
    await session.close();
    program.remove();
    const { bytes, connections, conntrack } = dataplane.counters();
    const sums = [0, 0, 0, 0, 0] as [number, number, number, number, number];
    for (const { backends } of dataplane.statistics()) {
      for (const each of backends) {
        sums[0] += each.connections;
        sums[1] += each.inPackets;
        sums[2] += each.inBytes;
        sums[3] += each.outPackets;
        sums[4] += each.outBytes;
      }
    }
    const { created, expired } = connections;
    const { new: opened, established, reply } = conntrack;
    expect(report).toEqual([created, expired, opened, established, reply, bytes, ...sums]);
  });

  it("times every packet it is asked for, and comes round to the beginning", async () => {
    const work = await makeWork({ ...PLAIN, kind: "new", flows: 4096 });
    const run = (await present[0]?.prepare(work)) as Run;
    const times = await run.time(64);
    expect(times).toHaveLength(4);
    for (const each of times) expect(each).toBeGreaterThan(0);
    await run.close();
  });

  it("says so when a packet is not translated", async () => {
    const work = await makeWork(PLAIN);
    const at = 14 + 16;
    const bytes = work.forward.bytes.slice();
    for (let frame = 0; frame < bytes.length; frame += work.forward.size)
      bytes.fill(1, frame + at, frame + at + 4);
    const forward = { size: work.forward.size, bytes };
    const run = (await present[0]?.prepare({ ...work, forward })) as Run;
    await expect(run.check()).rejects.toThrow("a packet was not translated");
    await run.close();
  });

  it("takes nothing for a row that is none", async () => {
    const program = compile();
    if ("reason" in program) throw new Error(program.reason);
    const { path } = program;
    const noise = new Uint8Array(4096);
    await expect(createSession(path, ["scalar"], [noise])).rejects.toThrow("is no row");
    await expect(createSession(path, ["sideways"], [noise])).rejects.toThrow("the mode is");
    await expect(createSession(`${path}-gone`, ["scalar"], [noise])).rejects.toThrow("ENOENT");
    program.remove();
  });

  it("leaves no directory and no process behind", async () => {
    const program = compile();
    if ("reason" in program) throw new Error(program.reason);
    const work = await makeWork({ ...PLAIN, flows: 1 });
    const session = await createSession(program.path, ["scalar"], await encodeRow(work));
    expect(existsSync(program.path)).toBe(true);
    await session.close();
    await expect(session.ask("check")).rejects.toThrow("has ended");
    program.remove();
    expect(existsSync(program.path)).toBe(false);
  });
});

describe("without a compiler", () => {
  function compiledWith(compiler: string): ReturnType<typeof compile> {
    const before = process.env.CC;
    process.env.CC = compiler;
    try {
      return compile();
    } finally {
      if (before === undefined) delete process.env.CC;
      else process.env.CC = before;
    }
  }

  it("says that there is none, and leaves no directory", () => {
    const count = () =>
      readdirSync(tmpdir()).filter((name) => name.startsWith("waxdp-native-")).length;
    const before = count();
    expect(compiledWith("no-such-compiler")).toEqual({
      reason: "there is no C compiler (cc, gcc, clang or $CC)",
    });
    expect(count()).toBe(before);
  });

  it("says what a compiler said that failed", () => {
    expect(compiledWith("false")).toEqual({ reason: "false: it failed without a word" });
  });
});
