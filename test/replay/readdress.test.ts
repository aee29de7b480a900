import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LINK_ETHERNET } from "../../abi/limits.ts";
import { packet } from "../../src/packet/build.ts";
import { verify } from "../../src/packet/checksum.ts";
import { type Flow, parse } from "../../src/packet/parse.ts";
import { readdress, sameBytes } from "../../src/replay/readdress.ts";

function flowOf(frame: Uint8Array): Flow {
  const parsed = parse(frame, LINK_ETHERNET);
  if (parsed.found !== "flow") throw new Error(`not a flow: ${parsed.found}`);
  return parsed;
}

const ipv4 = { saddr: "10.0.0.9", sport: 4000, daddr: "10.96.0.1", dport: 80 };
const ipv6 = { saddr: "2001:db8::9", sport: 4000, daddr: "fd00::1", dport: 80 };
const other4 = { saddr: "192.0.2.7", sport: 9, daddr: "198.51.100.255", dport: 65535 };
const other6 = { saddr: "fd00:1::ffff", sport: 9, daddr: "2001:db8:2::", dport: 65535 };

const cases = [
  { name: "TCP", spec: { ...ipv4, proto: "tcp", payload: "abc" }, to: other4 },
  { name: "TCP in two VLANs", spec: { ...ipv4, proto: "tcp", vlan: [5, 6] }, to: other4 },
  { name: "UDP", spec: { ...ipv4, proto: "udp", payload: "abc", padding: 9 }, to: other4 },
  { name: "SCTP", spec: { ...ipv4, proto: "sctp", payload: "abcd" }, to: other4 },
  { name: "TCP over IPv6", spec: { ...ipv6, proto: "tcp" }, to: other6 },
  { name: "UDP over IPv6", spec: { ...ipv6, proto: "udp", payload: "x" }, to: other6 },
] as const;

describe("readdress", () => {
  test.each(cases)("$name: as built with the other tuple, checksums included", ({ spec, to }) => {
    const frame = packet(spec);
    const tuple = { ...to, proto: spec.proto };
    expect(readdress(frame, flowOf(frame), tuple)).toEqual(packet({ ...spec, ...to }));
  });

  test.each(cases)("$name: there and back is the packet it was", ({ spec, to }) => {
    const frame = packet(spec);
    const there = readdress(frame, flowOf(frame), { ...to, proto: spec.proto });
    expect(readdress(there, flowOf(there), flowOf(frame).tuple)).toEqual(frame);
  });

  test("a UDP packet without a checksum gets none", () => {
    const frame = packet({ ...ipv4, proto: "udp", checksum: 0 });
    const there = readdress(frame, flowOf(frame), { ...other4, proto: "udp" });
    expect(verify(there, LINK_ETHERNET)).toEqual({ ip: "good", transport: "absent" });
  });

  test("a wrong checksum stays exactly as wrong", () => {
    const checksum = fc.integer({ min: 0, max: 0xffff });
    const port = fc.integer({ min: 0, max: 0xffff });
    const wrong = fc.property(checksum, port, port, (value, sport, dport) => {
      const frame = packet({ ...ipv4, proto: "tcp", checksum: value });
      const there = readdress(frame, flowOf(frame), { ...other4, sport, dport, proto: "tcp" });
      const back = readdress(there, flowOf(there), flowOf(frame).tuple);
      expect(sameBytes(back, frame, LINK_ETHERNET, frame.length)).toBe(true);
    });
    fc.assert(wrong, { numRuns: 300, seed: 1 });
  });

  test("only a zero in the other spelling counts as the same, and only in a checksum", () => {
    const zero = packet({ ...ipv4, proto: "tcp", checksum: 0 });
    const ones = packet({ ...ipv4, proto: "tcp", checksum: 0xffff });
    const sequence = packet({ ...ipv4, proto: "tcp", checksum: 0, seq: 0xffff });
    expect(sameBytes(zero, ones, LINK_ETHERNET, zero.length)).toBe(true);
    expect(sameBytes(zero, sequence, LINK_ETHERNET, zero.length)).toBe(false);
    expect(sameBytes(zero, zero.subarray(1), LINK_ETHERNET, zero.length)).toBe(false);
  });
});
