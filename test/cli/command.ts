/** Runs the command as people do, in a folder of its own with a small cluster and a few captures. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll } from "vitest";
import { createReader, writeBytes } from "../../src/pcap/index.ts";
import { captured, conversation, MANIFESTS } from "../replay/scene.ts";

export const MAIN = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
export const folder = mkdtempSync(join(tmpdir(), "waxdp-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

export const at = (name: string) => join(folder, name);
/** As a client sees it; a node that sees no answers takes the client's later packets for invalid. */
export const ends = { saddr: "10.244.1.9", sport: 4000, daddr: "10.96.0.10", dport: 80 };
export const packets = [
  ...conversation(1000, ends),
  captured(1010, { ...ends, sport: 4001, daddr: "10.96.0.11", flags: "S" }),
  captured(1011, { ...ends, sport: 4002, flags: "FS" }),
];
export const capture = writeBytes(packets, { format: "pcap" });

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

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function waxdp(args: readonly string[], input: string | Uint8Array = ""): Ended {
  const env = { ...process.env, NO_COLOR: "", FORCE_COLOR: undefined, WAXDP_DEBUG: undefined };
  const options = { cwd: folder, input, env, timeout: 30_000, maxBuffer: 1 << 26 };
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], options);
  return { status, stdout: stdout.toString(), stderr: stderr.toString() };
}

export const cluster = ["-f", "cluster.yaml", "--node", "worker-1"];
export const replay = (...args: string[]) => waxdp(["replay", ...args, ...cluster, "--no-rate"]);

export function timesAndData(bytes: Uint8Array) {
  return createReader()
    .push(bytes)
    .map(({ time, data, interfaceName }) => ({ time, data, interfaceName }));
}
