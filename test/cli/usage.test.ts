/** What the command says to wrong usage, and what it does with outputs and signals. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { writeBytes } from "../../src/pcap/index.ts";
import { at, cluster, packets, replay, waxdp } from "./command.ts";

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
      stderr: /-f needs --node NAME/,
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
      name: "explain without --node",
      args: ["explain", "-f", "cluster.yaml", "--from", "::1", "--to", "[::2]:80"],
      status: 2,
      stderr: /'--node <name>' not specified/,
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
