/** Frames to begin with: one of each kind, and those of the captures that come along. */
import { readFileSync } from "node:fs";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import { readBytes } from "../../src/pcap/index.ts";
import type { Trace } from "./trail.ts";

const CAPTURES = ["cluster", "node"].map((name) => `examples/captures/${name}.pcapng`);
/** Every so many packets of a capture. */
const STRIDE = 7;

const V4 = { saddr: "10.244.1.5", daddr: "10.96.0.10" };
const V6 = { saddr: "fd00:10:244:1::5", daddr: "fd00:96::10" };
const chunk = (type: "INIT" | "DATA" | "ABORT", length: number) => [
  { type, value: new Uint8Array(length).fill(1) },
];

const KINDS: readonly Partial<PacketSpec>[] = [
  { flags: "S", tcpOptions: { mss: 1460, windowScale: 7, sackPermitted: true } },
  { flags: "A", payload: "some words", tcpOptions: { timestamps: [1, 2] } },
  { flags: "R" },
  { proto: "udp", payload: "a question" },
  { proto: "udp", checksum: 0 },
  { proto: "sctp", chunks: chunk("INIT", 16) },
  { proto: "sctp", verificationTag: 1, chunks: [...chunk("DATA", 9), ...chunk("ABORT", 0)] },
  { proto: "udp", fragment: { more: true, id: 5 }, payload: new Uint8Array(24) },
  { proto: "udp", fragment: { offset: 32, id: 5 }, payload: new Uint8Array(24) },
  { vlan: [1, 2], flags: "S" },
  { link: "linux-sll", flags: "S" },
  { link: "linux-sll2", proto: "udp" },
  { link: "raw", flags: "S" },
  { link: "null", flags: "S" },
];
const EXTENDED: Partial<PacketSpec> = {
  flags: "S",
  extensions: [{ type: "hop-by-hop" }, { type: "routing" }, { type: "authentication" }],
};
const OPTIONED: Partial<PacketSpec> = { flags: "S", ipOptions: new Uint8Array(8).fill(1) };

function built(): Trace[] {
  const specs = [
    ...[V4, V6].flatMap((addresses) => KINDS.map((kind) => ({ ...kind, ...addresses }))),
    { ...EXTENDED, ...V6 },
    { ...OPTIONED, ...V4 },
    ...[V4, V6].map((one) => ({ ...one, proto: one === V4 ? ("icmp" as const) : "icmpv6" })),
  ] as PacketSpec[];
  return specs.map((spec) => ({ bytes: packet(spec), link: spec.link ?? "ethernet" }));
}

function captured(): Trace[] {
  return CAPTURES.flatMap((file) =>
    [...readBytes(readFileSync(file))]
      .filter((_, index) => index % STRIDE === 0)
      .map(({ data, linkType }) => ({ bytes: new Uint8Array(data), link: linkType })),
  );
}

export const SEEDS: readonly Trace[] = [...built(), ...captured()];
