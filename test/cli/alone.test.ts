/** Programs alone over a capture: no manifests, no Services, and nothing between the packets and the programs. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { readBytes, writeBytes } from "../../src/pcap/index.ts";
import { at, cluster, packets, waxdp } from "./command.ts";

const COUNT = `import { array, Context, NEXT } from "waxdp/program";
const played = array<u64>("played", 2);
export function program(ctx: Context): i32 {
  played.add(0, 1);
  return NEXT;
}
`;

beforeAll(() => {
  writeFileSync(at("count.ts"), COUNT);
  expect(waxdp(["program", "build", "count.ts"]).stderr).toBe("");
});

const alone = (...args: string[]) =>
  waxdp(["replay", "client.pcap", "--program", "count.wasm", "--no-rate", ...args]);

describe("replay --program without -f", () => {
  test("sends every packet through the program, and says nothing of Services", () => {
    const { status, stdout, stderr } = alone();
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^client\.pcap through programs alone \(wasm, seed 0\)\n/);
    expect(stdout).toMatch(
      new RegExp(`^ingress +count +count +[0-9a-f]{16} +${packets.length} `, "m"),
    );
    expect(stdout).not.toMatch(/service/i);
  });

  test("both engines report the same", () => {
    const [wasm, model] = ["wasm", "model"].map((engine) => {
      const {
        tookMs,
        engine: name,
        ...rest
      } = JSON.parse(alone("--json", "--engine", engine).stdout);
      return rest;
    });
    expect(wasm).toEqual(model);
    expect(wasm).toMatchObject({ node: null, services: [], packets: packets.length });
  });

  test("leaves alone what service NAT would refuse or hold back", () => {
    const [first] = packets;
    const fragment = first!.data.slice();
    // IPv4 flags and offset (RFC 791): a fragment behind the first, whose ports never come.
    fragment.set([0x00, 0x10], 14 + 6);
    const odd = [fragment, fragment.subarray(0, 20)].map((data) => ({ ...first!, data }));
    writeFileSync(at("odd.pcap"), writeBytes(odd, { format: "pcap" }));
    const args = ["--no-rate", "-o", "odd.out.pcap"];
    expect(waxdp(["replay", "odd.pcap", "--program", "count.wasm", ...args]).status).toBe(0);
    const left = [...readBytes(readFileSync(at("odd.out.pcap")))].map(({ data }) => data);
    expect(left).toEqual(odd.map(({ data }) => data));
  });

  test("on egress, too", () => {
    const { stdout } = waxdp([
      "replay",
      "client.pcap",
      "--program",
      "count.wasm@egress",
      "--no-rate",
    ]);
    expect(stdout).toMatch(/^egress +count /m);
  });

  test("--node may be said, and is then shown", () => {
    expect(alone("--node", "worker-9").stdout).toMatch(/^client\.pcap through worker-9 /);
  });
});

describe("replay --restore without -f", () => {
  test("goes on with programs alone", () => {
    expect(alone("--snapshot", "alone.snap").status).toBe(0);
    expect(alone("--restore", "alone.snap", "--snapshot", "twice.snap").stdout).toMatch(
      /^client\.pcap through programs alone /,
    );
    const { stdout } = waxdp(["maps", "lookup", "twice.snap", "played", "0"]);
    expect(stdout).toBe(`${2 * packets.length}\n`);
  });

  test("goes on with the Services of the snapshot, as its Node saw them", () => {
    const first = waxdp([
      "replay",
      "client.pcap",
      ...cluster,
      "--no-rate",
      "--snapshot",
      "node.snap",
    ]);
    expect(first.status).toBe(0);
    const again = waxdp(["replay", "client.pcap", "--restore", "node.snap", "--no-rate", "--json"]);
    const report = JSON.parse(again.stdout);
    expect(report.node).toBe("worker-1");
    expect(report.services.length).toBeGreaterThan(0);
  });

  test("another Node's view is refused", () => {
    const args = ["--restore", "node.snap", "--node", "worker-2", "--no-rate"];
    const { status, stderr } = waxdp(["replay", "client.pcap", ...args]);
    expect(stderr).toBe(
      "waxdp: --node worker-2: node.snap is what worker-1 sees; another Node needs -f PATH\n",
    );
    expect(status).toBe(2);
  });
});

describe("nothing to go through", () => {
  const through = "through what? Give -f PATH and --node NAME, --program FILE, or --restore FILE";
  test.each([
    [[], through],
    [["--node", "worker-1"], through],
    [["--map", "played=none.json"], through],
    [["-f", "cluster.yaml", "--program", "count.wasm"], "-f needs --node NAME"],
    [["--program", "count.wasm", "--scheduler", "maglev"], "--scheduler is about Services"],
    [["--program", "count.wasm", "--random-fully"], "--random-fully is about Services"],
    [["--restore", "none.snap", "--network", "none.json"], "--network is about Services"],
  ])("%j is refused", (args, message) => {
    const { status, stdout, stderr } = waxdp(["replay", "client.pcap", ...args]);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });
});

describe("a program that traps", () => {
  test("is still in the table when it has been taken from its hook, with why", () => {
    const trap = 'import { Context, NEXT } from "waxdp/program";\n';
    const body = "  if (ctx.length > 0) unreachable();\n  return NEXT;\n";
    writeFileSync(at("trap.ts"), `${trap}export function program(ctx: Context): i32 {\n${body}}\n`);
    const many = Array.from({ length: 3 }, () => packets).flat();
    writeFileSync(at("thrice.pcap"), writeBytes(many, { format: "pcap" }));
    const { status, stdout } = waxdp([
      "replay",
      "thrice.pcap",
      "--program",
      "trap.ts",
      "--no-rate",
    ]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ingress +trap +trap +[0-9a-f]{16} +16 .* 16$/m);
    expect(stdout).toContain(
      "trap has trapped 16 times, at last: unreachable. It was then taken from ingress.\n",
    );
  });
});

test("a snapshot that cannot be written is told of before anything is played", () => {
  const { status, stdout, stderr } = alone("--snapshot", "none/now.snap", "--events", "kept.json");
  expect(stderr).toBe("waxdp: cannot write none/now.snap: there is no such file or folder\n");
  expect([status, stdout, existsSync(at("kept.json"))]).toEqual([2, "", false]);
});
