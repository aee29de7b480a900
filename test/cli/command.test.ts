/** The command line as people run it: dist/ is built by npm test before. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createReader, writeBytes } from "../../src/pcap/index.ts";
import { captured, conversation, MANIFESTS } from "../replay/scene.ts";

const MAIN = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "waxdp-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
/** As a client sees it; a node that sees no answers takes the client's later packets for invalid. */
const ends = { saddr: "10.244.1.9", sport: 4000, daddr: "10.96.0.10", dport: 80 };
const packets = [
  ...conversation(1000, ends),
  captured(1010, { ...ends, sport: 4001, daddr: "10.96.0.11", flags: "S" }),
  captured(1011, { ...ends, sport: 4002, flags: "FS" }),
];
const capture = writeBytes(packets, { format: "pcap" });

beforeAll(() => {
  writeFileSync(at("cluster.yaml"), MANIFESTS);
  writeFileSync(at("client.pcap"), capture);
  writeFileSync(at("client.pcap.gz"), gzipSync(capture));
  writeFileSync(at("cut.pcap"), capture.subarray(0, capture.length - 3));
  writeFileSync(
    at("named.pcapng"),
    writeBytes(
      packets.map((packet) => ({ ...packet, interfaceName: "eth0" })),
      { format: "pcapng", resolution: "ns" },
    ),
  );
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function waxdp(args: readonly string[], input: string | Uint8Array = ""): Ended {
  const env = { ...process.env, NO_COLOR: "", FORCE_COLOR: undefined, WAXDP_DEBUG: undefined };
  const options = { cwd: folder, input, env, timeout: 30_000, maxBuffer: 1 << 26 };
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], options);
  return { status, stdout: stdout.toString(), stderr: stderr.toString() };
}

const cluster = ["-f", "cluster.yaml", "--node", "worker-1"];
const replay = (...args: string[]) => waxdp(["replay", ...args, ...cluster, "--no-rate"]);

function timesAndData(bytes: Uint8Array) {
  return createReader()
    .push(bytes)
    .map(({ time, data, interfaceName }) => ({ time, data, interfaceName }));
}

describe("usage", () => {
  const cases: { name: string; args: string[]; status: number; stderr: RegExp }[] = [
    {
      name: "an unknown command",
      args: ["repaly"],
      status: 2,
      stderr: /unknown command 'repaly'\n.*replay/,
    },
    { name: "no command", args: [], status: 2, stderr: /Usage: waxdp/ },
    {
      name: "an unknown option",
      args: ["replay", "client.pcap", ...cluster, "--nod", "x"],
      status: 2,
      stderr: /unknown option '--nod'/,
    },
    {
      name: "no --node",
      args: ["replay", "client.pcap", "-f", "cluster.yaml"],
      status: 2,
      stderr: /'--node <name>' not specified/,
    },
    {
      name: "a capture behind -f",
      args: ["replay", "-f", "cluster.yaml", "client.pcap", "--node", "a"],
      status: 2,
      stderr: /stands before -f/,
    },
    {
      name: "a bad seed",
      args: ["replay", "client.pcap", ...cluster, "--seed", "-1"],
      status: 2,
      stderr: /integer from 0 to 4294967295/,
    },
    {
      name: "a missing capture",
      args: ["replay", "none.pcap", ...cluster],
      status: 2,
      stderr: /^waxdp: cannot read none.pcap: there is no such file/m,
    },
    {
      name: "a missing manifest",
      args: ["replay", "client.pcap", "-f", "none", "--node", "a"],
      status: 2,
      stderr: /cannot read none: there is no such file/,
    },
    {
      name: "a manifest that is none",
      args: ["replay", "client.pcap", "-f", "client.pcap", "--node", "a"],
      status: 2,
      stderr: /client\.pcap/,
    },
    {
      name: "a capture that is none",
      args: ["replay", "cluster.yaml", ...cluster],
      status: 2,
      stderr: /cluster.yaml: byte 0: neither pcap nor pcapng/,
    },
    {
      name: "two uses of the standard output",
      args: ["replay", "client.pcap", ...cluster, "-o", "-", "--events", "-"],
      status: 2,
      stderr: /cannot both write/,
    },
    {
      name: "two uses of the standard input",
      args: ["replay", "-", "-f", "-", "--node", "a"],
      status: 2,
      stderr: /only one of CAPTURE/,
    },
    {
      name: "explain without a flow",
      args: ["explain", ...cluster],
      status: 2,
      stderr: /which flow\?/,
    },
    {
      name: "explain with two",
      args: ["explain", ...cluster, "--from", "::1", "--flows", "-"],
      status: 2,
      stderr: /exclude each other/,
    },
    {
      name: "an output nowhere",
      args: ["replay", "client.pcap", ...cluster, "-o", "none/out.pcap"],
      status: 2,
      stderr: /cannot write none\/out.pcap/,
    },
  ];
  test.each(cases)("$name", ({ args, status, stderr }) => {
    const ended = waxdp(args);
    expect(ended.stderr).toMatch(stderr);
    expect(ended.stderr).not.toMatch(/^\s+at /m);
    expect([ended.status, ended.stdout]).toEqual([status, ""]);
  });

  test("help and version", () => {
    expect(waxdp(["--version"])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    for (const command of ["replay", "explain", "bench"]) {
      const help = waxdp([command, "--help"]);
      expect([help.status, help.stderr]).toEqual([0, ""]);
      expect(help.stdout).toMatch(/Examples:/);
    }
  });
});

describe("replay", () => {
  test("tells services, verdicts and where the packets went", () => {
    const ended = replay("client.pcap", "-o", "told.pcap");
    expect([ended.status, ended.stderr]).toEqual([0, ""]);
    expect(ended.stdout).toMatch(/^client.pcap through worker-1 \(wasm, seed 0\)\n10 packets, /);
    expect(ended.stdout).toMatch(/^default\/web:http +10\.244\.\d\.\d:8080 +1 +100\.0% +5 /m);
    expect(ended.stdout).toMatch(/^TX +reject +no-endpoints +1 /m);
    expect(ended.stdout).toMatch(/^DROP +drop +invalid +5 /m);
    expect(ended.stdout).toMatch(
      /Wrote 5 packets to told.pcap. To look at it: tshark -r told.pcap/,
    );
    expect(ended.stdout).not.toContain("\u001b");
  });

  test("measures both packet paths", () => {
    const { rate } = JSON.parse(waxdp(["replay", "client.pcap", ...cluster, "--json"]).stdout);
    expect(rate).toMatchObject({ packets: 10, wasm: expect.anything(), model: expect.anything() });
    expect(rate.ratio).toBeCloseTo(rate.wasm.packetsPerSecond / rate.model.packetsPerSecond, 1);
  });

  test("--json has the same facts in one object", () => {
    const { stdout } = replay("client.pcap", "--json", "--engine", "model");
    expect(JSON.parse(stdout)).toMatchObject({
      capture: "client.pcap",
      node: "worker-1",
      engine: "model",
      packets: 10,
      first: "1.000000000",
      last: "1.011000000",
      services: [
        { service: "default/empty", flows: 0, packets: 1 },
        {
          service: "default/web:http",
          flows: 1,
          backends: [{ flows: 1, packets: 5, share: 1 }, { backend: null }],
        },
      ],
      counters: { packets: 10 },
      strayAnswers: 3,
      rate: null,
      error: null,
    });
    expect(stdout.trimEnd()).not.toContain("\n");
  });

  test("both engines write the same file and the same events", () => {
    replay("client.pcap", "-o", "wasm.pcap", "--events", "wasm.jsonl");
    replay("client.pcap", "-o", "model.pcap", "--events", "model.jsonl", "--engine", "model");
    expect(readFileSync(at("wasm.pcap"))).toEqual(readFileSync(at("model.pcap")));
    expect(readFileSync(at("wasm.jsonl"), "utf8")).toBe(readFileSync(at("model.jsonl"), "utf8"));
  });

  test("events have their fields in order; the report stands aside", () => {
    const ended = replay("client.pcap", "--events", "-");
    const lines = ended.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(Object.keys(lines[0])).toEqual([
      "n",
      "time",
      "verdict",
      "action",
      "reason",
      "conntrack",
      "service",
      "backend",
      "masquerade",
      "before",
      "after",
    ]);
    expect(lines.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(lines[9]).toMatchObject({
      time: "1.011000000",
      verdict: "DROP",
      reason: "invalid",
      after: null,
    });
    expect(ended.stderr).toMatch(/^client.pcap through worker-1/);
  });

  test("pcapng stays pcapng with its interfaces; the name can ask for pcap", () => {
    replay("named.pcapng", "-o", "kept");
    replay("named.pcapng", "-o", "asked.pcap");
    const kept = timesAndData(readFileSync(at("kept")));
    const asked = timesAndData(readFileSync(at("asked.pcap")));
    expect(kept.map(({ interfaceName }) => interfaceName)).toEqual(Array(5).fill("eth0"));
    expect(asked.map(({ data }) => data)).toEqual(kept.map(({ data }) => data));
    expect(readFileSync(at("asked.pcap")).readUInt32LE(0)).toBe(0xa1b23c4d);
  });

  test("reads the standard input and gzip, writes the standard output", () => {
    replay("client.pcap", "-o", "plain.pcap");
    const piped = spawnSync(
      process.execPath,
      [MAIN, "replay", "-", ...cluster, "--no-rate", "-o", "-"],
      { cwd: folder, input: gzipSync(capture) },
    );
    expect(piped.stdout).toEqual(readFileSync(at("plain.pcap")));
    expect(replay("client.pcap.gz", "--expect", "plain.pcap").status).toBe(0);
  });

  test("--expect shows the first difference field by field", () => {
    replay("client.pcap", "-o", "golden.pcap");
    expect(replay("client.pcap", "--expect", "golden.pcap")).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("Same as golden.pcap: 5 packets."),
    });
    const golden = readFileSync(at("golden.pcap"));
    // The last byte of the second record's Ethernet source address.
    const second = 24 + 16 + golden.readUInt32LE(24 + 8) + 16;
    golden.writeUInt8(0x77, second + 11);
    writeFileSync(at("golden.pcap"), golden);
    const ended = replay("client.pcap", "--expect", "golden.pcap");
    expect(ended.status).toBe(1);
    expect(ended.stdout).toMatch(
      /Different from golden.pcap, first at its packet 2, from packet 2 of the capture:/,
    );
    expect(ended.stdout).toMatch(/ethernet\.smac? .*77/i);
  });

  test("--expect notices packets too many and too few", () => {
    replay("client.pcap", "-o", "whole.pcap");
    const whole = createReader().push(readFileSync(at("whole.pcap")));
    writeFileSync(at("short.pcap"), writeBytes(whole.slice(0, -1), { format: "pcap" }));
    writeFileSync(
      at("long.pcap"),
      writeBytes([...whole, ...whole.slice(0, 1)], { format: "pcap" }),
    );
    expect(replay("client.pcap", "--expect", "short.pcap")).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(
        /first at its packet 5, from packet 9 .*\n.*\n +packet +\(absent\) +at 1\.010/,
      ),
    });
    expect(replay("client.pcap", "--expect", "long.pcap")).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/first at its packet 6:/),
    });
  });

  test("--both-ways brings every packet back, or says which did not come", () => {
    const ended = replay("client.pcap", "--both-ways");
    expect(ended.status).toBe(1);
    expect(ended.stdout).toMatch(
      /^packet 9: a request that does not come out at a backend: reject \(no-endpoints\)$/m,
    );
    expect(ended.stdout).toMatch(
      /8 packets came back as captured \(5 requests, 3 answers, 0 of no Service\), 1 packet did not, 1 request is refused by the objects/,
    );
  });

  test("a cut-off capture is replayed up to the damage", () => {
    const ended = replay("cut.pcap", "-o", "before.pcap");
    expect(ended.status).toBe(2);
    expect(ended.stdout).toMatch(/^9 packets/m);
    expect(ended.stderr).toMatch(/^waxdp: cut.pcap: byte \d+: /);
    expect(timesAndData(readFileSync(at("before.pcap")))).toHaveLength(5);
  });

  test("leaves no partial file when it fails", () => {
    const ended = waxdp([
      "replay",
      "client.pcap",
      ...cluster,
      "-o",
      "gone.pcap",
      "--events",
      "none/events",
    ]);
    expect(ended.status).toBe(2);
    expect(existsSync(at("gone.pcap"))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
  });

  test("a reader that goes away early ends it quietly", async () => {
    const many = writeBytes(Array.from({ length: 3000 }, () => packets).flat(), { format: "pcap" });
    writeFileSync(at("many.pcap"), many);
    const child = spawn(
      process.execPath,
      [MAIN, "replay", "many.pcap", ...cluster, "--no-rate", "--events", "-"],
      { cwd: folder },
    );
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.stdout.once("data", () => child.stdout.destroy());
    const status = await new Promise((resolve) => child.once("exit", resolve));
    expect([status, stderr]).toEqual([0, ""]);
  });

  test("Ctrl-C ends it with 130 and without a partial file", async () => {
    const child = spawn(process.execPath, [MAIN, "replay", "-", ...cluster, "-o", "stopped.pcap"], {
      cwd: folder,
    });
    child.stdin.write(capture);
    await new Promise((resolve) => {
      const timer = setInterval(() => {
        if (!readdirSync(folder).some((name) => name.startsWith(".stopped.pcap."))) return;
        clearInterval(timer);
        resolve(null);
      }, 20);
    });
    child.kill("SIGINT");
    const status = await new Promise((resolve) => child.once("exit", resolve));
    expect(status).toBe(130);
    expect(readdirSync(folder).filter((name) => name.includes("stopped"))).toEqual([]);
  });
});

describe("explain", () => {
  test("tells the steps", () => {
    const ended = waxdp(["explain", ...cluster, "--from", "10.244.1.9", "--to", "10.96.0.11:80"]);
    expect([ended.status, ended.stderr]).toEqual([0, ""]);
    expect(ended.stdout).toMatch(/^TX reject \(no-endpoints\) default\/empty\n {2}1\. A TCP SYN/);
  });

  test("--flows - --json gives a line per flow", () => {
    const flow = { saddr: "10.244.1.9", daddr: "10.96.0.10", dport: 53, proto: "udp" };
    const input = [
      { id: "a", ...flow },
      { id: "b", ...flow, dport: 54 },
    ]
      .map((one) => JSON.stringify(one))
      .join("\n");
    const ended = waxdp(["explain", ...cluster, "--flows", "-", "--json"], input);
    const [first, second] = ended.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(Object.keys(first)).toEqual([
      "id",
      "verdict",
      "action",
      "reason",
      "conntrack",
      "service",
      "backend",
      "masquerade",
      "before",
      "after",
      "candidates",
      "steps",
    ]);
    expect(first).toMatchObject({
      id: "a",
      action: "dnat",
      candidates: ["10.244.1.5:5353", "10.244.2.7:5353"],
    });
    expect(second).toMatchObject({ id: "b", action: "pass", service: null, candidates: [] });
  });

  test("a bad line is told by its number, after those before it", () => {
    const good = '{"id":1,"saddr":"10.244.1.9","daddr":"10.96.0.10","dport":53,"proto":"udp"}';
    const ended = waxdp(
      ["explain", ...cluster, "--flows", "-", "--json"],
      `${good}\n{"saddr":1}\n`,
    );
    expect(ended.status).toBe(2);
    expect(ended.stderr).toBe(
      'waxdp: standard input:2: "saddr" is 1; write an IPv4 or IPv6 address in quotes\n',
    );
    expect(ended.stdout.split("\n")).toHaveLength(2);
  });
});

describe("outputs", () => {
  test.each([
    { name: "the capture itself", args: ["-o", "client.pcap"] },
    { name: "the capture by another way", args: ["-o", "./client.pcap"] },
    { name: "a manifest", args: ["--events", "cluster.yaml"] },
    {
      name: "the other output, which left both mixed in one file",
      args: ["-o", "x", "--events", "x"],
    },
  ])("are not written over $name", ({ args }) => {
    const before = readFileSync(at("client.pcap"));
    const { status, stderr } = replay("client.pcap", ...args);
    expect(stderr).toMatch(/^waxdp: cannot write .*; name another file\n$/);
    expect([status, existsSync(at("x"))]).toEqual([2, false]);
    expect(readFileSync(at("client.pcap"))).toEqual(before);
  });

  test("may both go to /dev/null", () => {
    const { status } = replay("client.pcap", "-o", "/dev/null", "--events", "/dev/null");
    expect(status).toBe(0);
  });
});

test("a message that quotes a binary file holds no control characters", () => {
  writeFileSync(at("flows.bin"), "\u001b[31m\u0007\n");
  const { status, stderr } = waxdp(["explain", ...cluster, "--flows", "flows.bin"]);
  expect(stderr).toMatch(/^waxdp: flows\.bin:1: not JSON: [^\p{Cc}]+\n$/u);
  expect(status).toBe(2);
});

test("a length on the wire of 32 bits does not end the replay", () => {
  const lying = writeBytes(packets, { format: "pcap" });
  new DataView(lying.buffer, lying.byteOffset).setUint32(24 + 12, 0xffffffff, true);
  writeFileSync(at("lying.pcap"), lying);
  const { status, stdout } = replay("lying.pcap", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ packets: packets.length, error: null });
  expect(status).toBe(0);
});
