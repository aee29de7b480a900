/** The kernel's contestants do the benchmark's work, say when they cannot, and leave nothing behind. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { wasm } from "../../bench/engines/engines.ts";
import { createXdp, XDP_NAMES } from "../../bench/engines/xdp.ts";
import type { Absent, Contestant, Row, Run } from "../../bench/heats/contestant.ts";
import { dialledOf } from "../../bench/kernel/dialled.ts";
import { judgeSamples, judgeTally } from "../../bench/kernel/judgement.ts";
import { type KernelRow, kernelRow } from "../../bench/kernel/row.ts";
import { rulesOf } from "../../bench/kernel/rules.ts";
import { measureNetfilter } from "../../bench/measurements/netfilter.ts";
import { makeWork } from "../../bench/rows/work.ts";
import { packet } from "../../src/packet/build.ts";
import { PLAIN as QUICK } from "./row.ts";

const PLAIN: Row = { ...QUICK, flows: 64, batch: 256 };
/** Whose packets have to be those of the Wasm, byte for byte. */
const OPEN: readonly Row[] = [
  PLAIN,
  { ...PLAIN, name: "one flow", flows: 1 },
  { ...PLAIN, name: "both protocols", proto: "mixed" },
  { ...PLAIN, name: "IPv6", family: "ipv6" },
  { ...PLAIN, name: "datagrams over IPv6", family: "ipv6", proto: "udp" },
  { ...PLAIN, name: "forward", kind: "forward" },
  { ...PLAIN, name: "reply", kind: "reply" },
  { ...PLAIN, name: "Zipf", popularity: "zipf" },
  { ...PLAIN, name: "masquerade", masquerade: true, proto: "mixed" },
  { ...PLAIN, name: "long frames", payload: 1446 },
];
/** Whose backends are the program's own choice. */
const OPENING: readonly Row[] = [
  { ...PLAIN, name: "new", kind: "new", flows: 4096 },
  { ...PLAIN, name: "new datagrams", kind: "new", flows: 4096, proto: "udp" },
  { ...PLAIN, name: "new over IPv6", kind: "new", flows: 4096, family: "ipv6", proto: "mixed" },
  { ...PLAIN, name: "mixed", kind: "mixed" },
];

const REQUIRED = process.env.WAXDP_REQUIRE_TOOLS === "1";
/** Left out where there is no clang, no root or no BPF, unless it is said that there is. */
const own = mkdtempSync(join(tmpdir(), "waxdp-test-"));
vi.stubEnv("TMPDIR", own);
const found = await createXdp();
vi.unstubAllEnvs();
afterAll(async () => {
  for (const each of found) if ("close" in each) await each.close();
  const left = readdirSync(own);
  rmSync(own, { recursive: true });
  expect(left).toEqual([]);
});

/** Temporary folders are made in here, so that it shows what is left of them. */
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waxdp-test-"));
  vi.stubEnv("TMPDIR", folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

describe.skipIf(found.some((each) => "reason" in each) && !REQUIRED)("XDP", () => {
  let contestants: readonly Contestant[] = [];
  beforeAll(() => {
    contestants = found.map(present);
  });

  it.each(OPEN)("translates what the Wasm does, to the byte: $name", async (row) => {
    const work = await makeWork(row);
    const expected = await checked(await wasm().prepare(work));
    for (const contestant of contestants) {
      const packets = await checked(await contestant.prepare(work));
      expect(packets?.map(hex)).toEqual(expected?.map(hex));
    }
  });

  it.each(OPENING)("opens connections to endpoints of the service: $name", async (row) => {
    const work = await makeWork(row);
    for (const contestant of contestants) {
      const run = await contestant.prepare(work);
      expect(await run?.check()).toBeNull();
      // Past the end of the order, where everything starts anew.
      const times = await run?.time((work.order.length + 8192) / row.batch);
      await run?.close();
      expect(Math.min(...(times ?? []))).toBeGreaterThan(0);
    }
  });

  it("leaves new masqueraded connections to others", async () => {
    const work = await makeWork({ ...PLAIN, kind: "new", masquerade: true });
    for (const each of contestants) expect(await each.prepare(work)).toBeUndefined();
  });

  it("is absent, with the compiler's reason, when clang knows no BPF", async () => {
    const clang = join(folder, "clang");
    writeFileSync(
      clang,
      '#!/bin/sh\n[ "$1" = --version ] || { echo "error: no BPF" >&2; exit 1; }\n',
    );
    chmodSync(clang, 0o755);
    vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
    expect(await createXdp(["xdp"])).toEqual([{ name: "xdp", reason: "error: no BPF" }]);
    expect(readdirSync(folder)).toEqual(["clang"]);
  });
});

describe("netfilter", () => {
  it("takes more for a first packet than for the others, and leaves no process behind", async ({
    skip,
  }) => {
    const results = await measureNetfilter([1]);
    const rows = results.filter((each) => "plain" in each);
    skip(rows.length === 0 && !REQUIRED, JSON.stringify(results));
    expect(rows.length).toBeGreaterThan(0);
    for (const { plain, established, first } of rows) {
      expect(plain).toBeGreaterThan(0);
      expect(established).toBeGreaterThan(0);
      expect(first).toBeGreaterThan(established);
    }
    expect(holders()).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a machine without the kernel's help", () => {
  it("says that root is missing", async () => {
    vi.spyOn(process, "platform", "get").mockReturnValue("linux");
    process.getuid ??= () => 1000;
    vi.spyOn(process, "getuid").mockReturnValue(1000);
    expect(await createXdp()).toEqual(
      XDP_NAMES.map((name) => ({ name, reason: "only root may load BPF programs" })),
    );
    const reasons = (await measureNetfilter()).map((each) => "reason" in each && each.reason);
    expect(new Set(reasons)).toEqual(new Set(["only root makes network namespaces"]));
  });

  it("says that it is not Linux", async () => {
    vi.spyOn(process, "platform", "get").mockReturnValue("darwin");
    expect(await createXdp(["xdp"])).toEqual([{ name: "xdp", reason: "only Linux has XDP" }]);
    expect(await createXdp([])).toEqual([]);
  });

  it("says that the compiler is missing, and leaves no folder behind", async () => {
    vi.spyOn(process, "platform", "get").mockReturnValue("linux");
    process.getuid ??= () => 0;
    vi.spyOn(process, "getuid").mockReturnValue(0);
    vi.stubEnv("PATH", folder);
    expect(await createXdp(["xdp"])).toEqual([{ name: "xdp", reason: "there is no clang" }]);
    const reasons = (await measureNetfilter()).map((each) => "reason" in each && each.reason);
    expect(new Set(reasons)).toEqual(new Set(["there is no C compiler"]));
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("what the XDP program is held to", () => {
  it("refuses a row whose packets were not all sent, or opened other connections than new ones", async () => {
    const work = await makeWork(PLAIN);
    const length = work.order.length;
    judgeTally(work, `0 0 0 ${length} 0`);
    expect(() => judgeTally(work, `0 0 1 ${length - 1} 0`)).toThrow("xdp sent");
    expect(() => judgeTally(work, `0 0 0 ${length} 1`)).toThrow("opened 1");
  });

  it("refuses a broken checksum, and an endpoint of nobody", async () => {
    const row = oneSample();
    const right = sentTo("10.244.0.1");
    judgeSamples(row, [right]);
    expect(() => judgeSamples(row, [right.with(25, (right[25] as number) ^ 1)])).toThrow("badly");
    expect(() => judgeSamples(row, [sentTo("10.244.0.9")])).toThrow("badly");
    expect(() => judgeSamples(row, [row.samples])).toThrow("badly");
  });

  it("knows services by every address they are dialled at", async () => {
    const { objects } = await makeWork({ ...PLAIN, masquerade: true, services: 2, dialled: 2 });
    const dialled = dialledOf(objects);
    expect(dialled.map(({ address }) => address)).toEqual([
      "10.96.0.1",
      "198.18.0.1",
      "10.96.0.2",
      "198.18.0.2",
    ]);
    expect(dialled[3]?.endpoints.map(({ address }) => address)).toEqual(
      [5, 6, 7, 8].map((last) => `10.244.0.${last}`),
    );
  });

  it("is given the packets in the order of the row", async () => {
    const work = await makeWork(PLAIN);
    const { visits, samples, forward } = kernelRow(work);
    expect(visits).toHaveLength(work.order.length);
    for (const at of [0, 1, 2, 3, 64, 65]) {
      const flow = work.order[at] as number;
      const back = ((work.turns[at] as number) & 1) === 1;
      expect(visits[at]).toBe(back ? flow + 64 : flow);
    }
    expect(samples).toHaveLength(PLAIN.batch * forward.size);
  });
});

describe("kube-proxy's rules", () => {
  it("lead every service to three endpoints, at the same odds", () => {
    const lines = rulesOf(2).split("\n");
    expect(lines.filter((line) => line.startsWith("-A KUBE-SERVICES"))).toEqual([
      expect.stringContaining("-d 10.96.0.0/32 --dport 80 -j KUBE-SVC-0000000000000000"),
      expect.stringContaining("-d 10.96.0.1/32 --dport 80 -j KUBE-SVC-0000000000000001"),
    ]);
    expect(
      lines.filter((line) => line.includes("--probability")).map((line) => line.split(" ").at(-3)),
    ).toEqual(["0.3333333333", "0.5000000000", "0.3333333333", "0.5000000000"]);
    expect(
      lines.filter((line) => line.includes("DNAT")).map((line) => line.split(" ").at(-1)),
    ).toEqual([0, 1, 2, 3, 4, 5].map((last) => `10.244.0.${last}:8080`));
  });
});

function present(each: Contestant | Absent): Contestant {
  if ("reason" in each) throw new Error(`${each.name}: ${each.reason}`);
  return each;
}

async function checked(run: Run | undefined): Promise<readonly Uint8Array[] | null | undefined> {
  // What is returned may be a view of the engine's memory.
  const packets = (await run?.check())?.map((each) => each.slice());
  await run?.close();
  return packets;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Processes of ours that hold namespaces, or send into them. */
function holders(): string[] {
  const args = ["-o", "args=", "--ppid", String(process.pid)];
  const { stdout } = spawnSync("ps", args, { encoding: "utf8" });
  return stdout.split("\n").filter((line) => /^(cat|unshare|sh)\b| road /.test(line));
}

const CLIENT = {
  saddr: "10.1.0.1",
  sport: 1024,
  proto: "udp",
  payload: new Uint8Array(10),
} as const;

function oneSample(): KernelRow {
  const samples = packet({ ...CLIENT, daddr: "10.96.0.1", dport: 80 });
  const pack = { size: samples.length, bytes: samples };
  return {
    family: "ipv4",
    finite: false,
    flows: 1,
    capacity: 1,
    forward: pack,
    reply: pack,
    visits: Uint32Array.of(0),
    services: [
      {
        address: "10.96.0.1",
        port: 80,
        proto: 17,
        endpoints: [{ address: "10.244.0.1", port: 8080 }],
      },
    ],
    samples,
  };
}

function sentTo(daddr: string): Uint8Array {
  return packet({ ...CLIENT, daddr, dport: 8080 });
}
