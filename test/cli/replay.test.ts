/** `waxdp replay` from outside. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createReader, writeBytes } from "../../src/pcap/index.ts";
import {
  at,
  capture,
  cluster,
  folder,
  MAIN,
  packets,
  replay,
  timesAndData,
  waxdp,
} from "./command.ts";

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

  test("Ctrl-C ends it by that signal and without a partial file", async () => {
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
    const [, signal] = await once(child, "exit");
    expect(signal).toBe("SIGINT");
    expect(readdirSync(folder).filter((name) => name.includes("stopped"))).toEqual([]);
  });
});
