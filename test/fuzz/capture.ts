/** Captures for other tools to read, and what to do where the tool is missing. */
import { spawnSync } from "node:child_process";
import type { TestContext } from "vitest";
import { concat } from "../conformance/frame.ts";

const SNAP_LENGTH = 262144;
const LINK_ETHERNET = 1;

/** A pcap file of Ethernet frames, one a second; written here so that no bug of src/pcap can hide in it. */
export function pcapOf(frames: readonly Uint8Array[]): Uint8Array {
  const header = words(0xa1b2c3d4, 0x0004_0002, 0, 0, SNAP_LENGTH, LINK_ETHERNET);
  const records = frames.flatMap((frame, i) => [words(i, 0, frame.length, frame.length), frame]);
  return concat(header, ...records);
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** Skips the test where the tool is missing; with WAXDP_REQUIRE_TOOLS=1 the test fails instead. */
export function toolOrSkip(context: TestContext, tool: string): void {
  if (spawnSync(tool, ["--version"], { stdio: "ignore" }).status === 0) return;
  if (process.env.WAXDP_REQUIRE_TOOLS === "1") throw new Error(`${tool} is not installed`);
  context.skip(`${tool} is not installed: optional here, required where WAXDP_REQUIRE_TOOLS=1`);
}
