/**
 * Other people's programs read what we write and write what we read. Skipped where they are not
 * installed, unless WAXDP_REQUIRE_TOOLS=1 says that they must be.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fragments, type PacketSpec, packet } from "../../src/packet/build.ts";
import { LINK_TYPES } from "../../src/packet/link.ts";
import {
  createReader,
  type PacketInput,
  readBytes,
  type WriterOptions,
  writeBytes,
} from "../../src/pcap/index.ts";

const required = process.env.WAXDP_REQUIRE_TOOLS === "1";

function absent(tool: string): boolean {
  return !required && spawnSync(tool, ["--version"]).error !== undefined;
}

function run(tool: string, ...args: string[]): string {
  return execFileSync(tool, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

const START = 1_700_000_000_123_456_789n;
const V4 = { saddr: "10.0.0.1", daddr: "10.96.0.1", sport: 4000, dport: 80 };
const V6 = { saddr: "2001:db8::1", daddr: "2001:db8::2", sport: 4000, dport: 80 };

const SPECS: PacketSpec[] = [V4, V6].flatMap((flow) => [
  {
    ...flow,
    flags: "S",
    tcpOptions: { mss: 1460, windowScale: 7, sackPermitted: true, timestamps: [1, 2] },
  },
  { ...flow, flags: "P.", vlan: [5], payload: "GET / HTTP/1.0\r\n\r\n" },
  { ...flow, vlan: [5, 6] },
  { ...flow, proto: "udp", payload: "odd" },
  { ...flow, proto: "sctp", chunks: [{ type: "INIT", value: new Uint8Array(16).fill(1) }] },
  { ...flow, proto: flow === V4 ? "icmp" : "icmpv6", payload: "abcdefgh" },
  { ...flow, ipOptions: Uint8Array.of(1, 1, 1), padding: 14 },
  { ...flow, extensions: [{ type: "hop-by-hop" }, { type: "destination" }] },
]);
const FRAMES = [
  ...SPECS.map((spec) => packet(spec)),
  ...fragments({ ...V4, proto: "udp", payload: new Uint8Array(100) }, 48),
];
const PACKETS: PacketInput[] = FRAMES.map((data, index) => ({
  time: START + BigInt(index) * 1_001n,
  data,
  wireLength: data.length + (index % 2) * 100,
}));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "waxdp-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function save(name: string, packets: Iterable<PacketInput>, options: WriterOptions): string {
  const path = join(folder, name);
  writeFileSync(path, writeBytes(packets, options));
  return path;
}

const KINDS: WriterOptions[] = (["pcap", "pcapng"] as const).flatMap((format) =>
  (["us", "ns"] as const).flatMap((resolution) =>
    (["little", "big"] as const).map((byteOrder) => ({ format, resolution, byteOrder })),
  ),
);
const secondsOf = (time: bigint, resolution: string | undefined) => {
  const nine = (time % 1_000_000_000n).toString().padStart(9, "0");
  return `${time / 1_000_000_000n}.${resolution === "ns" ? nine : `${nine.slice(0, 6)}000`}`;
};

describe.skipIf(absent("tshark"))("tshark, where it is installed", () => {
  test.each(KINDS)(
    "reads $format in $resolution, $byteOrder-endian, packet by packet",
    (options) => {
      const path = save(`tshark.${options.format}`, PACKETS, options);
      const fields = ["frame.time_epoch", "frame.cap_len", "frame.len"].flatMap((field) => [
        "-e",
        field,
      ]);
      const rows = run("tshark", "-r", path, "-T", "fields", "-E", "separator=,", ...fields);
      const expected = PACKETS.map(({ time, data, wireLength }) =>
        [secondsOf(time, options.resolution), data.length, wireLength].join(),
      );
      expect(rows.trim().split("\n")).toEqual(expected);
    },
  );

  test("finds no fault in what the builder builds", () => {
    const whole = PACKETS.map((one) => ({ ...one, wireLength: one.data.length }));
    const path = save("faults.pcap", whole, { format: "pcap" });
    const checks = ["ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"].flatMap(
      (name) => ["-o", `${name}:TRUE`],
    );
    const filter =
      "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0" +
      " || sctp.checksum.status == 0 || icmp.checksum.status == 0 || icmpv6.checksum.status == 0";
    const options = ["-o", "sctp.checksum:CRC32c", "-o", "ip.defragment:FALSE"];
    expect(run("tshark", "-r", path, ...checks, ...options, "-Y", filter)).toBe("");
    const good = run("tshark", "-r", path, ...checks, ...options, "-Y", "tcp.checksum.status == 1");
    expect(good.trim().split("\n")).toHaveLength(
      SPECS.filter(({ proto = "tcp" }) => proto === "tcp").length,
    );
  });

  test("knows every link layer of the builder, and the name of every interface", () => {
    const packets = Object.entries(LINK_TYPES).map(([link, linkType], number) => ({
      time: START,
      data: packet({ ...V4, link: link as keyof typeof LINK_TYPES }),
      linkType,
      interface: number,
      interfaceName: `if-${link}`,
    }));
    const path = save("links.pcapng", packets, { format: "pcapng" });
    const fields = ["frame.interface_name", "ip.dst", "tcp.dstport"].flatMap((field) => [
      "-e",
      field,
    ]);
    const rows = run("tshark", "-r", path, "-T", "fields", "-E", "separator=,", ...fields);
    expect(rows.trim().split("\n")).toEqual(
      packets.map((one) => `${one.interfaceName},10.96.0.1,80`),
    );
  });
});

describe.skipIf(absent("capinfos"))("capinfos, where it is installed", () => {
  test.each(KINDS)("counts the packets of $format in $resolution, $byteOrder-endian", (options) => {
    const path = save(`capinfos.${options.format}`, PACKETS, options);
    expect(run("capinfos", "-c", "-M", path)).toMatch(
      new RegExp(`packets:\\s+${PACKETS.length}\\b`),
    );
  });
});

describe.skipIf(absent("editcap"))("editcap, where it is installed", () => {
  test.each(["pcap", "nsecpcap", "modpcap", "pcapng"])(
    "writes %s, which reads the same",
    (kind) => {
      const from = save("source.pcapng", PACKETS, { format: "pcapng", resolution: "ns" });
      const to = join(folder, `editcap-${kind}`);
      run("editcap", "-F", kind, from, to);
      const reader = createReader();
      const read = [...readBytes(readFileSync(to), reader)];
      const unit = reader.resolution === "ns" ? 1n : 1000n;
      expect(read).toMatchObject(
        PACKETS.map(({ time, data, wireLength }) => ({
          time: time - (time % unit),
          data,
          wireLength,
          linkType: 1,
        })),
      );
    },
  );
});

describe.skipIf(absent("tcpdump"))("tcpdump, where it is installed", () => {
  test.each(KINDS)("reads $format in $resolution, $byteOrder-endian", (options) => {
    const path = save(`tcpdump.${options.format}`, PACKETS, options);
    const lines = run("tcpdump", "-n", "-tt", "--nano", "-e", "-r", path).split("\n");
    const times = lines
      .map((line) => /^\d+\.\d{9}/.exec(line)?.[0])
      .filter((time) => time !== undefined);
    expect(times).toEqual(PACKETS.map(({ time }) => secondsOf(time, options.resolution)));
  });
});
