import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { describe, expect, test } from "vitest";
import * as address from "../../src/packet/address.ts";

describe("canonical", () => {
  test.each([
    ["an IPv4 address is its own text", "192.0.2.1", "192.0.2.1"],
    ["leading zeros go (RFC 5952 section 4.1)", "2001:0db8::0001", "2001:db8::1"],
    ["the longest run of zeros is shortened (4.2.1)", "2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["a single zero is not (4.2.2)", "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["the first of two equal runs is (4.2.3)", "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["the longer of two runs is", "2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["hexadecimal digits are small (4.3)", "2001:DB8::ABCD", "2001:db8::abcd"],
    ["the unspecified address is all run", "0:0:0:0:0:0:0:0", "::"],
    ["a dotted tail is read", "64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["behind zeros alone it is no mapped address (RFC 4291 2.5.5.1)", "::192.0.2.33", "::c000:221"],
    ["a gap may stand for one group", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ])("%s", (_, text, expected) => {
    expect(address.canonical(text)).toBe(expected);
  });

  test.each([
    ["no text", ""],
    ["three numbers", "10.0.1"],
    ["a number", "167772161"],
    ["a leading zero, which some read as octal", "010.0.0.1"],
    ["hexadecimal in a dotted quad", "0x0a.0.0.1"],
    ["a number above 255", "10.0.0.256"],
    ["space", " 10.0.0.1"],
    ["a zone", "fe80::1%eth0"],
    ["two runs", "1::2::3"],
    ["nine groups", "1:2:3:4:5:6:7:8:9"],
    ["a gap for no group", "1:2:3:4::5:6:7:8"],
    ["five digits", "12345::"],
    ["a colon at the end", "1:2:3:4:5:6:7:"],
    ["three colons", ":::"],
    ["a bad dotted tail", "::ffff:010.0.0.1"],
    ["a name", "node-1"],
  ])("%s is no address", (_, text) => {
    expect(address.canonical(text)).toBeNull();
    expect(() => address.parse(text)).toThrow(RangeError);
  });
});

test("IPv6 is read and printed as another library does it", () => {
  const part = fc.constantFrom(
    "0",
    "0",
    "00",
    "1",
    "ab",
    "FFFF",
    "12345",
    "g",
    ":",
    ":",
    "::",
    "%a",
  );
  const text = fc.oneof(
    fc.array(part, { maxLength: 17 }).map((parts) => parts.join("")),
    fc.tuple(fc.ipV6(), fc.constantFrom("", ":", "0")).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (given) => {
      fc.pre(!given.includes("."));
      const isOne = ipaddr.IPv6.isValid(given) && !given.includes("%");
      expect(address.canonical(given)).toBe(
        isOne ? ipaddr.IPv6.parse(given).toRFC5952String() : null,
      );
    }),
    { numRuns: 2000 },
  );
});

test("bytes and text are each other's inverse", () => {
  expect(address.parse("192.0.2.1")).toEqual(Uint8Array.of(192, 0, 2, 1));
  expect(address.format(Uint8Array.of(0, 0, 0, 0))).toBe("0.0.0.0");
  const bytes = Uint8Array.from({ length: 16 }, (_, index) => index * 17);
  expect(address.parse(address.format(bytes))).toEqual(bytes);
});

test("addresses compare in packet order, not as text", () => {
  expect(address.compare("9.0.0.1", "10.0.0.1")).toBeLessThan(0);
  expect(address.compare("10.0.0.1", "10.0.0.1")).toBe(0);
  expect(address.compare("2001:db8::ffff", "2001:db8::1:0")).toBeLessThan(0);
});

describe("formatRange", () => {
  test.each([
    ["10.0.0.0", "10.255.255.255", "10.0.0.0/8"],
    ["0.0.0.0", "255.255.255.255", "0.0.0.0/0"],
    ["192.0.2.4", "192.0.2.5", "192.0.2.4/31"],
    ["192.0.2.4", "192.0.2.4", "192.0.2.4"],
    ["192.0.2.3", "192.0.2.4", "192.0.2.3 to 192.0.2.4"],
    ["192.0.2.0", "192.0.2.254", "192.0.2.0 to 192.0.2.254"],
    ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/32"],
    ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"],
  ])("%s to %s is %s", (first, last, text) => {
    expect(address.formatRange(first, last)).toBe(text);
  });
});

describe("endpoints", () => {
  test.each([
    ["10.0.0.1:80", { address: "10.0.0.1", port: 80 }],
    ["[2001:DB8::1]:65535", { address: "2001:db8::1", port: 65535 }],
  ])("%s", (text, expected) => {
    expect(address.parseEndpoint(text)).toEqual(expected);
    expect(address.formatEndpoint(expected.address, expected.port)).toBe(text.toLowerCase());
  });

  test.each(["10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "2001:db8::1:80", "[10.0.0.1]:80", ":80"])(
    "%j is none",
    (text) => {
      expect(address.parseEndpoint(text)).toBeNull();
    },
  );
});
