/** The command line as newcomers misuse it: wrong files in wrong places, and no file is lost for it. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { at, MAIN, replay, waxdp } from "../cli/command.ts";

const SOURCE = `import { array, Context, NEXT } from "waxdp/program";
const counts = array<u64>("counts", 4);
export function program(ctx: Context): i32 {
  counts.add(0, 1);
  return NEXT;
}
`;
const ODD_NAMES = ["a b.ts", "é@1.ts", "two\nlines.ts", "-.ts", "service-nat.ts"];

beforeAll(() => {
  writeFileSync(at("count.ts"), SOURCE);
  writeFileSync(at("empty.ts"), "");
  mkdirSync(at("folder.ts"));
  expect(waxdp(["program", "build", "count.ts"]).status).toBe(0);
  const { status } = replay("client.pcap", "--program", "count.wasm", "--snapshot", "now.snap");
  expect(status).toBe(0);
});

test.each([
  ["program"],
  ["program", "build"],
  ["program", "build", "no.ts"],
  ["program", "build", "empty.ts"],
  ["program", "build", "folder.ts"],
  ["program", "build", "count.ts", "-o", "count.ts"],
  ["program", "build", "count.ts", "-o", "folder.ts"],
  ["program", "build", "count.ts", "-o", "no/count.wasm"],
  ["program", "build", "count.ts", "-o", "/dev/full"],
  ["program", "build", "count.wasm"],
  ["programs", "list", "count.wasm"],
  ["programs", "show", "now.snap", "nobody"],
  ["programs", "show", "empty.ts"],
  ["maps", "list", "/dev/null"],
  ["maps", "dump", "now.snap"],
  ["maps", "dump", "now.snap", "nothing"],
  ["maps", "dump", "now.snap", "counts", "-o", "/dev/full"],
  ["maps", "lookup", "now.snap", "counts", "x"],
  ["maps", "lookup", "now.snap", "conntrack", "1"],
])("waxdp %s %s %s %s %s", (...args: (string | undefined)[]) => {
  const { status, stderr } = waxdp(args.filter((arg) => arg !== undefined));
  expect(status).toBe(2);
  expect(stderr).toMatch(/^(waxdp: |Usage: )/);
  expect(stderr).not.toMatch(/internal error|\n {4}at /);
});

test.each(["--json", "--msgpack", "--output=now.snap"])(
  "nothing is written over what is read: %s",
  (option) => {
    const before = readFileSync(at("now.snap"));
    const dump = waxdp(["maps", "dump", "now.snap", "counts", option, "-o", "./now.snap"]);
    expect([dump.status, dump.stderr]).toEqual([
      2,
      "waxdp: cannot write ./now.snap: it is read in this run; name another file\n",
    ]);
    expect(waxdp(["programs", "list", "now.snap", option, "-o", "now.snap"]).status).toBe(2);
    expect(waxdp(["programs", "show", "count.wasm", option, "-o", "count.wasm"]).status).toBe(2);
    expect(readFileSync(at("now.snap"))).toEqual(before);
  },
);

test.each(ODD_NAMES)("a program in the file %j", (name) => {
  writeFileSync(at(name), SOURCE);
  expect(waxdp(["program", "build", `./${name}`, "-o", "odd.wasm"]).status).toBe(0);
  const { status, stderr } = replay("client.pcap", "--program", `./${name}@egress`);
  expect([status, stderr]).toEqual([0, ""]);
});

test("a reader that goes away, and an output that is full", () => {
  const closed = spawnSync(
    "sh",
    ["-c", `"$0" "$1" maps dump now.snap services | true`, process.execPath, MAIN],
    { cwd: at(".") },
  );
  expect([closed.status, closed.stderr.toString()]).toEqual([0, ""]);
  const full = spawnSync(
    "sh",
    ["-c", `"$0" "$1" maps list now.snap > /dev/full`, process.execPath, MAIN],
    {
      cwd: at("."),
    },
  );
  expect(full.status).toBe(2);
  expect(full.stderr.toString()).toBe(
    "waxdp: cannot write the standard output: no space left on the device\n",
  );
});

test("what is refused leaves no file behind", () => {
  waxdp(["program", "build", "empty.ts", "-o", "never.wasm"]);
  replay("client.pcap", "--program", "empty.ts", "--snapshot", "never.snap", "-o", "never.pcap");
  for (const name of ["never.wasm", "never.snap", "never.pcap"])
    expect(existsSync(at(name))).toBe(false);
});
