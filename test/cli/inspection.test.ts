/** What maps and programs make of odd keys, large maps, ring buffers and files that are something else. */
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { createDataplane } from "../../src/index.ts";
import { at, packets, waxdp } from "./command.ts";

const KEYS = `import { array, Context, hash, NEXT, ringbuf } from "waxdp/program";
@unmanaged
export class Line { length: u32; port: u16; }
const longs = hash<u64, u64>("longs", 8);
const many = array<u64>("many", 200000);
const lines = ringbuf<Line>("lines", 4096);
const empty = ringbuf<Line>("empty", 4096);
export function program(ctx: Context): i32 {
  longs.update(u64.MAX_VALUE, 7);
  const line = lines.reserve();
  if (line != null) { line.length = ctx.wireLength; line.port = 53; lines.submit(line); }
  return NEXT;
}
`;

beforeAll(async () => {
  writeFileSync(at("keys.ts"), KEYS);
  const args = ["--program", "keys.ts", "--no-rate", "--snapshot", "keys.snap"];
  expect(waxdp(["replay", "client.pcap", ...args]).stderr).toBe("");
  const dataplane = await createDataplane({ capacity: { arena: 2 ** 25, connections: 2 ** 17 } });
  const { maps } = dataplane;
  maps.create({ name: "texts", type: "hash", key: { text: 8 }, value: "u8", maxEntries: 4 });
  maps.create({ name: "bytes", type: "hash", key: 2, value: "u8", maxEntries: 4 });
  maps.create({ name: "room", type: "array", value: 4096, maxEntries: 6000 });
  maps.get("texts")?.update("123", 1);
  maps.get("texts")?.update("null", 2);
  maps.get("bytes")?.update(Uint8Array.of(0x12, 0x34), 3);
  writeFileSync(at("library.snap"), dataplane.snapshot());
});

describe("maps lookup", () => {
  test.each([
    ["keys.snap", "longs", "18446744073709551615", "7"],
    ["keys.snap", "longs", '"18446744073709551615"', "7"],
    ["library.snap", "texts", "123", "1"],
    ["library.snap", "texts", '"123"', "1"],
    ["library.snap", "texts", "null", "2"],
    ["library.snap", "bytes", "1234", "3"],
    ["library.snap", "bytes", "[18, 52]", "3"],
  ])("%s %s %s", (snapshot, map, key, value) => {
    const { stdout, stderr } = waxdp(["maps", "lookup", snapshot, map, key]);
    expect([stderr, stdout]).toEqual(["", `${value}\n`]);
  });

  test("a ring buffer has no keys", () => {
    const { status, stderr } = waxdp(["maps", "lookup", "keys.snap", "lines", "0"]);
    expect(stderr).toBe(
      "waxdp: lines is a ring buffer, which has no keys: dump shows its records\n",
    );
    expect(status).toBe(2);
  });
});

describe("maps dump", () => {
  test("shows the records of a ring buffer, a column per field", () => {
    const { stdout } = waxdp(["maps", "dump", "keys.snap", "lines"]);
    expect(stdout).toMatch(/^LENGTH +PORT\n +\d+ +53\n/);
    const records = JSON.parse(waxdp(["maps", "dump", "keys.snap", "lines", "--json"]).stdout);
    expect(records).toEqual(packets.map(({ wireLength }) => ({ length: wireLength, port: 53 })));
    expect(waxdp(["maps", "dump", "keys.snap", "empty"]).stdout).toBe("no records\n");
    expect(waxdp(["maps", "dump", "keys.snap", "empty", "--json"]).stdout).toBe("[]\n");
  });

  test("a map with more entries than a call has arguments", () => {
    const { status, stdout, stderr } = waxdp(["maps", "dump", "keys.snap", "many"]);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout.split("\n")).toHaveLength(200_002);
    const entries = JSON.parse(waxdp(["maps", "dump", "keys.snap", "many", "--json"]).stdout);
    expect(entries).toHaveLength(200_000);
  });
});

describe("programs show", () => {
  test("the links of a program stand in a table", () => {
    const { stdout } = waxdp(["programs", "show", "keys.snap", "keys"]);
    expect(stdout).toMatch(/^HOOK +LINK .*\ningress +keys +keys /m);
    expect(stdout).not.toContain("{");
  });

  test("a snapshot from the standard input is no program, and says so", async () => {
    const { status, stderr } = waxdp(
      ["programs", "show", "-"],
      (await createDataplane()).snapshot(),
    );
    expect(stderr).toBe("waxdp: standard input is a snapshot and no program\n");
    expect(status).toBe(2);
  });
});

test("a snapshot of a dataplane with more room than usual is restored", () => {
  const { status, stderr } = waxdp([
    "replay",
    "client.pcap",
    "--restore",
    "library.snap",
    "--no-rate",
  ]);
  expect([status, stderr]).toEqual([0, ""]);
});

describe("a program that is refused where it is loaded is named", () => {
  test("one built for another ABI", () => {
    writeFileSync(at("next.ts"), 'import { Context, NEXT } from "waxdp/program";\n');
    const source = "export function program(ctx: Context): i32 { return NEXT; }\n";
    writeFileSync(at("next.ts"), source, { flag: "a" });
    expect(waxdp(["program", "build", "next.ts"]).status).toBe(0);
    const bytes = readFileSync(at("next.wasm"));
    // The body of waxdp_abi_version: i32.const 1, end.
    const body = bytes.indexOf(Uint8Array.of(0x41, 0x01, 0x0b));
    bytes[body + 1] = 2;
    writeFileSync(at("next.wasm"), bytes);
    const { status, stderr } = waxdp(["replay", "client.pcap", "--program", "next.wasm"]);
    expect(stderr).toMatch(/^waxdp: next\.wasm: the program was built for ABI 2/);
    expect(status).toBe(2);
  });

  test("one whose map does not fit", () => {
    const source = KEYS.replace("200000", "200000000");
    writeFileSync(at("large.ts"), source);
    const { stderr } = waxdp(["replay", "client.pcap", "--program", "large.ts"]);
    expect(stderr).toMatch(/^waxdp: large\.ts: ENOMEM: /);
  });

  test("a name as long as names may be stands there twice", () => {
    const name = `${"n".repeat(80)}.ts`;
    writeFileSync(at(name), readFileSync(at("next.ts")));
    const args = ["--program", name, "--program", name, "--no-rate", "--json"];
    const { links } = JSON.parse(waxdp(["replay", "client.pcap", ...args]).stdout);
    expect(links.map((link: { name: string }) => link.name)).toEqual([
      "n".repeat(63),
      `${"n".repeat(61)}-2`,
    ]);
  });
});

test("a number that JSON has rounded is told of with how to write it", () => {
  writeFileSync(at("rounded.json"), "[[18446744073709551615, 1]]");
  const args = ["--program", "keys.ts", "--map", "longs=rounded.json"];
  const { stderr } = waxdp(["replay", "client.pcap", ...args]);
  expect(stderr).toMatch(
    /^waxdp: rounded\.json: entry 1: .*; numbers beyond 2\^53 stand in quotes\n$/,
  );
});
