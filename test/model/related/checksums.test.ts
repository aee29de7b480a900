/** Checksums of ICMP errors, and of what they quote. */
import { describe, expect, test } from "vitest";
import { LINK_ETHERNET } from "../../../abi/limits.ts";
import { type PacketSpec, packet } from "../../../src/packet/build.ts";
import * as checksum from "../../../src/packet/checksum.ts";
import { VIP, VIP6 } from "../scene.ts";
import { DIRECT, DIRECT6, error, opened, ROUTER, ROUTER6, type Sight } from "./scene.ts";

describe("the checksums within a quote", () => {
  const quoting = (saddr: string, quoted: PacketSpec, length: number) => {
    const payload = packet({ ...quoted, link: "raw" }).subarray(0, 20 + length);
    return packet(error(saddr, quoted, { payload }));
  };
  const sights = (proto: "tcp" | "udp" | "sctp", change: Partial<PacketSpec> = {}): Sight => ({
    sent: { ...DIRECT.sent, proto, ...change },
    seen: { ...DIRECT.seen, proto, ...change },
  });

  test.each([8, 16, 18, 19])("TCP's is left alone with %i bytes of its header", (length) => {
    const sight = sights("tcp", { checksum: 0x1234 });
    const { packet: out } = opened(DIRECT).send(quoting(ROUTER, sight.seen, length));
    expect(out).toEqual(quoting(VIP, sight.sent, length));
  });

  test.each([20, 24])("TCP's is mended with %i bytes of it", (length) => {
    const { packet: out } = opened(DIRECT).send(quoting(ROUTER, DIRECT.seen, length));
    expect(out).toEqual(quoting(VIP, DIRECT.sent, length));
  });

  test("UDP's is mended with eight bytes, and stays absent", () => {
    const right = sights("udp");
    const absent = sights("udp", { checksum: 0 });
    const world = opened(right);
    for (const { sent, seen } of [right, absent]) {
      expect(world.send(quoting(ROUTER, seen, 8)).packet).toEqual(quoting(VIP, sent, 8));
    }
  });

  test("SCTP's is taken over what is quoted, unless that ends before it", () => {
    const { sent, seen } = sights("sctp");
    const world = opened({ sent, seen });
    const short = sights("sctp", { checksum: 0x1234 });
    expect(world.send(quoting(ROUTER, short.seen, 11)).packet).toEqual(
      quoting(VIP, short.sent, 11),
    );
    const part = sights("sctp", { payload: "requ" });
    expect(world.send(quoting(ROUTER, seen, 16)).packet).toEqual(
      packet(
        error(VIP, sent, {
          payload: packet({ ...part.sent, link: "raw", ipLength: 20 + 12 + 7 }),
        }),
      ),
    );
  });

  test("wrong ones stay as wrong", () => {
    const quoted = { ...DIRECT.seen, link: "raw", ipChecksum: 0x1234, checksum: 0x4321 } as const;
    const frame = packet(error(ROUTER, DIRECT.seen, { payload: packet(quoted) }));
    const { packet: out } = opened(DIRECT).send(frame);
    const header = (bytes: Uint8Array) => checksum.sum(bytes.subarray(42, 62));
    // Source and destination stand before the segment; protocol and length are the same.
    const segment = (bytes: Uint8Array) => checksum.sum(bytes.subarray(54));
    expect(header(out)).toBe(header(frame));
    expect(segment(out)).toBe(segment(frame));
    expect(checksum.verify(out, LINK_ETHERNET)).toEqual({ ip: "good", transport: "good" });
  });
});

describe("the checksum of the message", () => {
  test.each([
    [DIRECT, ROUTER, VIP],
    [DIRECT6, ROUTER6, VIP6],
  ])("is updated by what has changed when nobody checks it", (sight, from, to) => {
    const world = opened(sight, { checksum: false });
    const right = packet(error(from, sight.seen));
    expect(world.send(right).packet).toEqual(packet(error(to, sight.sent)));
    const at = sight === DIRECT ? 14 + 20 + 2 : 14 + 40 + 2;
    right.set([0x12, 0x34], at);
    const wrong = world.send(right).packet;
    expect(checksum.verify(wrong, LINK_ETHERNET).transport).toBe("bad");
    // ICMPv6 covers the addresses in front of it, ICMP does not.
    const covered = (bytes: Uint8Array) =>
      checksum.sum(bytes.subarray(sight === DIRECT ? 14 + 20 : 14 + 8));
    expect(covered(wrong)).toBe(covered(right));
  });

  test.each([
    [DIRECT, ROUTER, VIP, 20 + 8 + 20],
    [DIRECT6, ROUTER6, VIP6, 40 + 8 + 40],
  ])("is updated likewise where the capture ends before the quote", (sight, from, to, header) => {
    const whole = packet(error(from, sight.seen));
    const length = 14 + header + 20;
    const { packet: out } = opened(sight).send(whole.subarray(0, length), {
      wireLength: whole.length,
    });
    expect(out).toEqual(packet(error(to, sight.sent)).subarray(0, length));
  });
});
