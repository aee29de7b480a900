/** Programs, maps and snapshots on the command line, used as people do. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { unpack } from "msgpackr";
import { beforeAll, describe, expect, test } from "vitest";
import { at, cluster, folder, MAIN, replay, waxdp } from "./command.ts";

/** Drops what comes from one client, and counts by destination port. */
const GUARD = `import { Context, hash, lpmTrie, NEXT, Prefix4, reason, tuple, ipv4 } from "waxdp/program";

@unmanaged
export class Seen {
  packets: u64;
  bytes: u64;
}

const blocked = lpmTrie<Prefix4, u8>("blocked", 16);
const ports = hash<u32, Seen>("ports", 64);
const LISTED = reason("listed");

export function program(ctx: Context): i32 {
  const flow = tuple(ctx);
  if (flow != null) {
    const seen = ports.lookupOrInit(flow.dport);
    if (seen != null) {
      seen.packets += 1;
      seen.bytes += ctx.wireLength;
    }
  }
  const header = ipv4(ctx);
  return header != null && blocked.findMatch(header.saddr) != 0 ? ctx.drop(LISTED) : NEXT;
}
`;

const TRAP = `import { Context, NEXT } from "waxdp/program";
export function program(ctx: Context): i32 {
  if (ctx.length > 0) unreachable();
  return NEXT;
}
`;

beforeAll(() => {
  writeFileSync(at("guard.ts"), GUARD);
  writeFileSync(at("trap.ts"), TRAP);
  writeFileSync(at("blocked.json"), '[["10.244.1.9/32", 1]]');
  expect(waxdp(["program", "build", "guard.ts"]).status).toBe(0);
  expect(waxdp(["program", "build", "trap.ts"]).status).toBe(0);
  expect(guarded("--snapshot", "guarded.snap").status).toBe(0);
});

const guarded = (...args: string[]) =>
  replay("client.pcap", "--program", "guard.wasm", "--map", "blocked=blocked.json", ...args);

describe("program build", () => {
  test("says what it has made", () => {
    const { stdout } = waxdp(["program", "build", "guard.ts", "-o", "made.wasm"]);
    expect(stdout).toMatch(
      /^made\.wasm: [\d,]+ bytes, called for each packet, .* tag [0-9a-f]{16}\n$/,
    );
    expect(WebAssembly.validate(readFileSync(at("made.wasm")))).toBe(true);
  });

  test("a mistake is shown with file, line, column and the line itself, and nothing is written", () => {
    writeFileSync(at("wrong.ts"), GUARD.replace("seen.packets += 1", "seen.packet += 1"));
    const { status, stderr } = waxdp(["program", "build", "wrong.ts"]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^waxdp: wrong\.ts:18:12: .*packet.*\n {2} +seen\.packet \+= 1;\n +\^/m);
    expect(existsSync(at("wrong.wasm"))).toBe(false);
  });

  test.each([
    ["guard.wasm", "guard.wasm: the source of a program is a .ts file"],
    ["absent.ts", "cannot read absent.ts: there is no such file or folder"],
  ])("%s is refused", (source, message) => {
    const { status, stderr } = waxdp(["program", "build", source]);
    expect([status, stderr]).toEqual([2, `waxdp: ${message}\n`]);
  });

  test("nor is a file that it imports", () => {
    writeFileSync(at("lib.ts"), "export const PORT: u32 = 80;\n");
    const main = 'import { Context, NEXT } from "waxdp/program";\nimport { PORT } from "./lib";\n';
    writeFileSync(
      at("main.ts"),
      `${main}export function program(ctx: Context): i32 { return PORT > 0 ? NEXT : 1; }\n`,
    );
    const { status, stderr } = waxdp(["program", "build", "main.ts", "-o", "lib.ts"]);
    expect(status).toBe(2);
    expect(stderr).toContain("cannot write lib.ts: it is read in this run");
  });

  test("a source without a line has none to be shown", () => {
    writeFileSync(at("empty.ts"), "");
    const { status, stderr } = waxdp(["program", "build", "empty.ts"]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^waxdp: empty\.ts:1:1: a program exports function program[^\n]*\n$/);
  });

  test("the source is never written over", () => {
    const { status, stderr } = waxdp(["program", "build", "guard.ts", "-o", "guard.ts"]);
    expect([status, stderr]).toEqual([
      2,
      "waxdp: cannot write guard.ts: it is read in this run; name another file\n",
    ]);
  });
});

describe("replay --program", () => {
  test("a table of the links in order, and the program's own reason among the verdicts", () => {
    const { stdout } = guarded();
    expect(stdout).toMatch(/^DROP +drop +guard: listed +\d+/m);
    expect(stdout).toMatch(
      /^ingress +guard +guard +[0-9a-f]{16} .*\ningress +service-nat +service-nat +- /m,
    );
  });

  test("events name the link that has decided, and why", () => {
    const { stdout } = guarded("--events", "-");
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const dropped = events.filter(({ verdict }) => verdict === "DROP");
    expect(dropped.length).toBeGreaterThan(0);
    expect(dropped[0]).toMatchObject({
      reason: "program",
      program: "guard",
      programReason: "listed",
      mark: 0,
    });
  });

  test("both engines report the same, wherever the program stands", () => {
    for (const hook of ["ingress", "egress"]) {
      const [wasm, model] = ["wasm", "model"].map((engine) => {
        const args = ["--program", `guard.wasm@${hook}`, "--map", "blocked=blocked.json", "--json"];
        const {
          tookMs,
          engine: name,
          ...rest
        } = JSON.parse(replay("client.pcap", ...args, "--engine", engine).stdout);
        return rest;
      });
      expect(wasm).toEqual(model);
      expect(wasm.links).toHaveLength(2);
    }
  });

  test("a source is compiled on the way; a program named twice stands there twice", () => {
    const { stdout } = replay(
      "client.pcap",
      "--program",
      "guard.ts",
      "--program",
      "guard.ts@egress",
    );
    expect(stdout).toMatch(/^ingress +guard .*\n.*service-nat.*\negress +guard-2 /m);
  });

  test("Ctrl-C ends a program that does not end by itself", async () => {
    const source =
      'import { Context, NEXT } from "waxdp/program";\nexport function program(ctx: Context): i32 {\n';
    writeFileSync(
      at("loop.ts"),
      `${source}  while (ctx.length > 0) ctx.mark++;\n  return NEXT;\n}\n`,
    );
    waxdp(["program", "build", "loop.ts"]);
    const args = [MAIN, "replay", "client.pcap", ...cluster, "--program", "loop.wasm"];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: "ignore" });
    setTimeout(() => child.kill("SIGINT"), 3000);
    const [, signal] = await new Promise<unknown[]>((resolve) =>
      child.on("close", (...end) => resolve(end)),
    );
    expect(signal).toBe("SIGINT");
  });

  test("a program that traps costs its packets and is then detached", () => {
    const { status, stdout } = replay("client.pcap", "--program", "trap.wasm");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ABORTED +drop +trap: trap +\d+/m);
  });

  test.each([
    [["--program", "guard.wasm@nowhere"], 'there is no hook "nowhere": take @ingress or @egress'],
    [["--program", "@ingress"], "it must be FILE, FILE@ingress or FILE@egress"],
    [["--program", "/dev/zero"], "/dev/zero has more than 1,048,576 bytes"],
    [["--program", "absent.wasm"], "cannot read absent.wasm: there is no such file or folder"],
    [["--program", "client.pcap"], "client.pcap: "],
    [["--map", "blocked=blocked.json"], 'no program has a map "blocked": there are none'],
    [
      ["--program", "guard.wasm", "--map", "nope=blocked.json"],
      'no program has a map "nope": there are blocked, ports',
    ],
    [["--program", "guard.wasm", "--map", "blocked"], "it must be NAME=FILE"],
    [["--program", "guard.wasm", "--map", "ports=blocked.json"], "blocked.json: entry 1: "],
    [["--program", "guard.wasm", "--map", "blocked=cluster.yaml"], "not JSON"],
  ])("%j is refused", (args, message) => {
    const { status, stdout, stderr } = replay("client.pcap", ...args);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("internal error");
  });
});

describe("maps", () => {
  test("list: the dataplane's own and those of programs", () => {
    const { stdout } = waxdp(["maps", "list", "guarded.snap"]);
    expect(stdout).toMatch(/^ +- +conntrack +hash +- +- +\d+ +131,072 +- +service-nat$/m);
    expect(stdout).toMatch(/^ +1 +blocked +lpm_trie +8 +1 +1 +16 +[\d,]+ +guard$/m);
  });

  test("dump: a column per field, JSON and MessagePack with the same in it", () => {
    const { stdout } = waxdp(["maps", "dump", "guarded.snap", "ports"]);
    expect(stdout).toMatch(/^ *KEY +PACKETS +BYTES\n/);
    const json = JSON.parse(waxdp(["maps", "dump", "guarded.snap", "ports", "--json"]).stdout);
    expect(json).toContainEqual({
      key: 80,
      value: { packets: expect.any(Number), bytes: expect.any(Number) },
    });
    waxdp(["maps", "dump", "guarded.snap", "ports", "--msgpack", "-o", "ports.msgpack"]);
    expect(unpack(readFileSync(at("ports.msgpack")))).toEqual(json);
  });

  test("show: sizes and layouts", () => {
    const shown = JSON.parse(waxdp(["maps", "show", "guarded.snap", "ports", "--json"]).stdout);
    expect(shown).toMatchObject({
      type: "hash",
      keySize: 4,
      value: { packets: "u64", bytes: "u64" },
      programs: ["guard"],
    });
  });

  test.each([
    ["blocked", "10.244.1.9/32", "1"],
    ["ports", "80", '{"packets":'],
    ["config", "config", '{"'],
  ])("lookup in %s", (map, key, text) => {
    const { status, stdout } = waxdp(["maps", "lookup", "guarded.snap", map, key]);
    expect(status).toBe(0);
    expect(stdout.startsWith(text)).toBe(true);
  });

  test("an entry that is not there: exit 1", () => {
    const { status, stderr } = waxdp(["maps", "lookup", "guarded.snap", "ports", "81"]);
    expect([status, stderr]).toEqual([1, "waxdp: ports has no entry 81\n"]);
  });

  test.each([
    [["dump", "guarded.snap", "nope"], 'the snapshot has no map "nope": there are services,'],
    [["list", "client.pcap"], "client.pcap: "],
    [["list", "absent.snap"], "cannot read absent.snap"],
    [["lookup", "guarded.snap", "blocked", "10.0.0.0/33"], "33"],
    [["dump", "guarded.snap", "ports", "--json", "--msgpack"], "cannot be used with"],
  ])("%j is refused", (args, message) => {
    const { status, stderr } = waxdp(["maps", ...args]);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("internal error");
  });
});

describe("programs", () => {
  test("list: the links of a snapshot as the replay showed them", () => {
    const { stdout } = waxdp(["programs", "list", "guarded.snap"]);
    expect(stdout).toMatch(/^ingress +guard +guard +[0-9a-f]{16} +\d+/m);
  });

  test("show: a program of a snapshot, and one in a file", () => {
    const kept = JSON.parse(waxdp(["programs", "show", "guarded.snap", "guard", "--json"]).stdout);
    const file = JSON.parse(waxdp(["programs", "show", "guard.wasm", "--json"]).stdout);
    expect(kept).toMatchObject({ tag: file.tag, maps: ["blocked", "ports"] });
    expect(file.helpers).toContain("map_lookup");
  });

  test("show: from the standard input it has the name that the module says", () => {
    const { stdout } = waxdp(["programs", "show", "-", "--json"], readFileSync(at("guard.wasm")));
    expect(JSON.parse(stdout)).toMatchObject({ name: "guard", form: "packet" });
  });

  test("show: a snapshot wants the name of a program", () => {
    const { status, stderr } = waxdp(["programs", "show", "guarded.snap"]);
    expect(status).toBe(2);
    expect(stderr).toContain("guarded.snap is a snapshot: say which program of it");
  });

  test("one that is not there is refused with the names there are", () => {
    const { status, stderr } = waxdp(["programs", "show", "guarded.snap", "nope"]);
    expect(status).toBe(2);
    expect(stderr).toContain(
      'guarded.snap: it has no program "nope": there are service-nat, guard',
    );
  });
});

describe("replay --snapshot and --restore", () => {
  test("what was counted goes on being counted", () => {
    expect(guarded("--restore", "guarded.snap", "--snapshot", "twice.snap").status).toBe(0);
    const packets = (file: string) =>
      JSON.parse(waxdp(["maps", "lookup", file, "ports", "80", "--json"]).stdout).packets;
    expect(packets("twice.snap")).toBe(2 * packets("guarded.snap"));
  });

  test("a damaged snapshot is refused before anything is played", () => {
    const bytes = readFileSync(at("guarded.snap"));
    bytes[bytes.length >>> 1]! ^= 1;
    writeFileSync(at("damaged.snap"), bytes);
    const { status, stdout, stderr } = replay("client.pcap", "--restore", "damaged.snap");
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^waxdp: damaged\.snap: /);
  });

  test("a snapshot is written nowhere over what is read", () => {
    const args = [
      "replay",
      "client.pcap",
      ...cluster,
      "--restore",
      "guarded.snap",
      "--snapshot",
      "guarded.snap",
    ];
    const { status, stderr } = waxdp(args);
    expect(status).toBe(2);
    expect(stderr).toContain("cannot write guarded.snap");
  });
});
