import { describe, expect, test } from "vitest";
import { LINK_ETHERNET } from "../../abi/limits.ts";
import { packet } from "../../src/packet/build.ts";
import * as checksum from "../../src/packet/checksum.ts";

const ASCII = new TextEncoder();
const IPV4 = { saddr: "192.0.2.1", daddr: "198.51.100.7" };
const IPV6 = { saddr: "2001:db8::1", daddr: "2001:db8::7" };

describe("internet checksum", () => {
  test("the sum of RFC 1071 section 3", () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(checksum.sum(bytes)).toBe(0xddf2);
    expect(checksum.compute(bytes)).toBe(0x220d);
  });

  test("an odd last byte is the high one of its word", () => {
    expect(checksum.sum(Uint8Array.of(0x12, 0x34, 0x56))).toBe(0x1234 + 0x5600);
  });

  test("carries of carries come back in", () => {
    expect(checksum.fold(0x1ffff)).toBe(1);
    expect(checksum.fold(0xffff_ffff)).toBe(0xffff);
    expect(checksum.sum(new Uint8Array(131072).fill(0xff))).toBe(0xffff);
  });
});

describe("incremental update", () => {
  test("the example of RFC 1624 section 4", () => {
    const before = Uint8Array.of(0x55, 0x55);
    const after = Uint8Array.of(0x32, 0x85);
    expect(checksum.update(0xdd2f, checksum.difference(before, after))).toBe(0x0000);
  });

  test.each([0x0000, 0x1234, 0xfffe, 0xffff])("no change keeps %i", (field) => {
    const bytes = Uint8Array.of(10, 0, 0, 1, 0x1f, 0x90);
    expect(checksum.difference(bytes, bytes)).toBe(0);
    expect(checksum.update(field, 0)).toBe(field);
  });

  test("words that change places change nothing", () => {
    expect(checksum.difference(Uint8Array.of(1, 2, 3, 4), Uint8Array.of(3, 4, 1, 2))).toBe(0);
  });

  test("an odd last byte is padded on both sides", () => {
    const before = Uint8Array.of(0x12, 0x34, 0x56);
    const after = Uint8Array.of(0x12, 0x34, 0x57);
    const gained = checksum.difference(before, after);
    expect(checksum.update(checksum.compute(before), gained)).toBe(checksum.compute(after));
    expect(checksum.difference(before, before)).toBe(0);
  });

  test("agrees with a fresh checksum, and keeps the error of a wrong one", () => {
    const bytes = Uint8Array.from({ length: 20 }, (_, index) => index * 37);
    const changed = Uint8Array.from(bytes).fill(0x5a, 4, 8);
    const gained = checksum.difference(bytes.subarray(4, 8), changed.subarray(4, 8));
    const right = checksum.compute(bytes);
    expect(checksum.update(right, gained)).toBe(checksum.compute(changed));
    expect(checksum.update(right ^ 0x0100, gained)).not.toBe(checksum.compute(changed));
  });
});

describe("CRC32c", () => {
  test.each([
    ["the check value of the CRC catalogues", ASCII.encode("123456789"), 0xe3069283],
    ["32 zeros (RFC 3720 B.4)", new Uint8Array(32), 0x8a9136aa],
    ["32 ones (RFC 3720 B.4)", new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ["ascending bytes (RFC 3720 B.4)", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ["nothing", new Uint8Array(0), 0],
  ])("%s", (_, bytes, expected) => {
    expect(checksum.crc32c(bytes)).toBe(expected);
  });

  test("goes on where it was left", () => {
    const bytes = ASCII.encode("123456789");
    expect(checksum.crc32c(bytes.subarray(4), checksum.crc32c(bytes.subarray(0, 4)))).toBe(
      0xe3069283,
    );
  });

  test("what stands in the field of an SCTP packet does not count", () => {
    const bytes = Uint8Array.from({ length: 16 }, (_, index) => index);
    const other = Uint8Array.from(bytes).fill(0xa5, 8, 12);
    expect(checksum.sctp(other)).toBe(checksum.sctp(bytes));
    expect(checksum.sctp(bytes)).toBe(checksum.crc32c(Uint8Array.from(bytes).fill(0, 8, 12)));
  });
});

describe("verify", () => {
  const protocols = ["tcp", "udp", "sctp", "icmp"] as const;

  test("a frame added up by hand", () => {
    const words = [
      0x4500, 0x0028, 0x0000, 0x0000, 0x4006, 0x0000, 0x0a00, 0x0001, 0x0a00, 0x0002, 0x0050,
      0x0051, 0x0000, 0x0001, 0x0000, 0x0000, 0x5002, 0x2000, 0x0000, 0x0000,
    ];
    // 4500+28+4006+0a00+1+0a00+2 = 9931; 0a00+1+0a00+2+6+14 (pseudo) +50+51+1+5002+2000 = 84c1.
    words[5] = 0xffff - 0x9931;
    words[18] = 0xffff - 0x84c1;
    const bytes = Uint8Array.from(words.flatMap((word) => [word >>> 8, word & 0xff]));
    expect(checksum.verify(bytes, 101)).toEqual({ ip: "good", transport: "good" });
  });

  test.each(protocols)("%s over IPv4, good and with a payload byte changed", (proto) => {
    const frame = packet({ ...IPV4, proto, payload: "odd" });
    expect(checksum.verify(frame, LINK_ETHERNET)).toEqual({ ip: "good", transport: "good" });
    frame[frame.length - 1]! ^= 1;
    expect(checksum.verify(frame, LINK_ETHERNET)).toEqual({ ip: "good", transport: "bad" });
  });

  test.each(["tcp", "udp", "sctp", "icmpv6"] as const)("%s over IPv6", (proto) => {
    const frame = packet({ ...IPV6, proto, payload: "odd" });
    expect(checksum.verify(frame, LINK_ETHERNET)).toEqual({ ip: "absent", transport: "good" });
    frame[frame.length - 1]! ^= 1;
    expect(checksum.verify(frame, LINK_ETHERNET)).toEqual({ ip: "absent", transport: "bad" });
  });

  test("a wrong IPv4 header checksum", () => {
    const frame = packet({ ...IPV4, ipChecksum: 0x1234 });
    expect(checksum.verify(frame, LINK_ETHERNET).ip).toBe("bad");
  });

  test("UDP without a checksum has none to check", () => {
    const frame = packet({ ...IPV4, proto: "udp", checksum: 0 });
    expect(checksum.verify(frame, LINK_ETHERNET).transport).toBe("absent");
  });

  test("padding behind the packet is not covered", () => {
    const frame = packet({ ...IPV4, padding: 6 }).fill(0xa5, -6);
    expect(checksum.verify(frame, LINK_ETHERNET)).toEqual({ ip: "good", transport: "good" });
  });

  test("of a packet cut short, or in pieces, nothing can be said", () => {
    const frame = packet({ ...IPV4, payload: "cut short" });
    const cut = frame.subarray(0, frame.length - 3);
    expect(checksum.verify(cut, LINK_ETHERNET, frame.length).transport).toBe("unknown");
    const piece = packet({ ...IPV4, fragment: { more: true } });
    expect(checksum.verify(piece, LINK_ETHERNET).transport).toBe("unknown");
  });

  test("what is no IP packet has no checksums", () => {
    const frame = packet({ ...IPV4, etherType: 0x0806 });
    expect(checksum.verify(frame, LINK_ETHERNET)).toEqual({ ip: "absent", transport: "absent" });
  });
});
