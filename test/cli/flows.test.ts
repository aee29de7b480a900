import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  checkFamilies,
  parseFlowLine,
  parseFrom,
  parseTo,
  readFlows,
} from "../../src/cli/flows.ts";

const folder = mkdtempSync(join(tmpdir(), "waxdp-flows-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, "flows.jsonl");
  writeFileSync(path, text);
  return path;
}

describe("--from", () => {
  const cases = [
    { name: "an address alone", text: "10.0.0.1", expect: { saddr: "10.0.0.1" } },
    {
      name: "an address with a port",
      text: "10.0.0.1:4000",
      expect: { saddr: "10.0.0.1", sport: 4000 },
    },
    {
      name: "bare IPv6, whose last group is no port",
      text: "2001:DB8::80",
      expect: { saddr: "2001:db8::80" },
    },
    { name: "IPv6 in brackets", text: "[2001:db8:0:0::1]", expect: { saddr: "2001:db8::1" } },
    { name: "IPv6 in brackets with a port", text: "[::1]:80", expect: { saddr: "::1", sport: 80 } },
  ];
  test.each(cases)("$name", ({ text, expect: expected }) =>
    expect(parseFrom(text)).toEqual(expected),
  );

  test.each(["", "web", "10.0.0", "10.0.0.1:", "10.0.0.1:65536", "[::1", "::1]:80", "10.0.0.1:-1"])(
    "%j is refused",
    (text) => expect(() => parseFrom(text)).toThrow(/not an address/),
  );
});

test("--to needs a port", () => {
  expect(parseTo("10.96.0.1:443")).toEqual({ daddr: "10.96.0.1", dport: 443 });
  expect(() => parseTo("10.96.0.1")).toThrow(/the port is missing/);
  expect(() => parseTo("2001:db8::1")).toThrow(/the port is missing/);
});

test("the two ends are of one family", () => {
  const flow = { saddr: "10.0.0.1", daddr: "::1", dport: 1, proto: "tcp" } as const;
  expect(() => checkFamilies("here", flow)).toThrow(
    /^here: 10.0.0.1 and ::1 are not of one family/,
  );
});

describe("a line of flows", () => {
  test("gives id and flow; the source port may be absent, the protocol in any case", () => {
    const line = '{"id":7,"saddr":"10.0.0.1","daddr":"10.0.0.2","dport":53,"proto":"UDP"}';
    const flow = { saddr: "10.0.0.1", daddr: "10.0.0.2", dport: 53, proto: "udp" };
    expect(parseFlowLine("f:1", line)).toEqual({ id: 7, flow });
  });

  const good = { saddr: "10.0.0.1", sport: 1, daddr: "10.0.0.2", dport: 53, proto: "tcp" };
  const bad = [
    { name: "text that is no JSON", line: "{", expect: /^f:3: not JSON/ },
    { name: "a list", line: "[]", expect: /^f:3: not an object/ },
    { name: "null", line: "null", expect: /^f:3: not an object/ },
    {
      name: "no source",
      line: JSON.stringify({ ...good, saddr: undefined }),
      expect: /"saddr" is missing/,
    },
    {
      name: "a name for an address",
      line: JSON.stringify({ ...good, daddr: "web" }),
      expect: /"daddr" is "web"/,
    },
    {
      name: "a port in quotes",
      line: JSON.stringify({ ...good, dport: "80" }),
      expect: /"dport" is "80"/,
    },
    {
      name: "a port too large",
      line: JSON.stringify({ ...good, sport: 65536 }),
      expect: /"sport" is 65536/,
    },
    {
      name: "another protocol",
      line: JSON.stringify({ ...good, proto: "icmp" }),
      expect: /"proto" is "icmp"/,
    },
    {
      name: "two families",
      line: JSON.stringify({ ...good, daddr: "::1" }),
      expect: /not of one family/,
    },
    {
      name: "a device that is no name",
      line: JSON.stringify({ ...good, interface: 1 }),
      expect: /"interface" is 1/,
    },
  ];
  test.each(bad)("$name is refused with its place", ({ line, expect: message }) => {
    expect(() => parseFlowLine("f:3", line)).toThrow(message);
  });
});

test("lines are counted with the empty ones, and the last needs no line end", async () => {
  const line = '{"saddr":"10.0.0.1","daddr":"10.0.0.2","dport":53,"proto":"tcp"}';
  const path = file(`${line}\r\n\n${line}\n\nnonsense`);
  const flows = readFlows(path);
  expect((await flows.next()).value).toMatchObject({ id: null });
  expect((await flows.next()).value).toMatchObject({ id: null });
  await expect(flows.next()).rejects.toThrow(`${path}:5: not JSON`);
});

test("a missing file is told by its name", async () => {
  await expect(readFlows(join(folder, "none")).next()).rejects.toThrow(
    /cannot read .*none: there is no such file/,
  );
});
