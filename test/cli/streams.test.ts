/** Standard streams that several would like to have, long names, and Ctrl-C where nobody listens. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { at, capture, folder, MAIN, waxdp } from "./command.ts";

const HEAD = 'import { Context, NEXT } from "waxdp/program";\n';
const PASS = `${HEAD}export function program(ctx: Context): i32 { return NEXT; }\n`;

beforeAll(() => {
  writeFileSync(at("pass.ts"), PASS);
  expect(waxdp(["program", "build", "pass.ts"]).status).toBe(0);
});

describe("the standard input has one reader", () => {
  test.each([
    [["-", "--program", "-"], "CAPTURE and --program -"],
    [
      ["client.pcap", "--program", "-", "--program", "-@egress"],
      "--program - and --program -@egress",
    ],
    [["client.pcap", "--program", "-", "--map", "a=-"], "--program - and --map a=-"],
    [["-", "--restore", "-"], "CAPTURE and --restore"],
    [["client.pcap", "-f", "-", "--node", "a", "--network", "-"], "--network and -f"],
  ])("%j", (args, readers) => {
    const { status, stderr } = waxdp(["replay", ...args]);
    expect(stderr).toBe(`waxdp: only one of ${readers} can be the standard input\n`);
    expect(status).toBe(2);
  });
});

describe("the standard output", () => {
  test("takes a snapshot, and the report goes to stderr", () => {
    const args = [MAIN, "replay", "client.pcap", "--program", "pass.wasm", "--no-rate"];
    const shell = `"$0" ${args.map((arg) => `'${arg}'`).join(" ")} --snapshot - | "$0" '${MAIN}' programs list -`;
    const { status, stdout, stderr } = runShell(shell);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ingress +pass +pass /m);
    expect(stderr).toMatch(/^client\.pcap through programs alone /);
  });

  test.each([
    ["-o", "--snapshot"],
    ["--events", "--snapshot"],
  ])("does not take %s and %s", (one, other) => {
    const args = ["client.pcap", "--program", "pass.wasm", one, "-", other, "-"];
    expect(waxdp(["replay", ...args]).stderr).toBe(
      `waxdp: ${one} and ${other} cannot both write to the standard output; give one of them a file\n`,
    );
  });
});

describe("long names", () => {
  test("a file may be called what the system lets it be called", () => {
    const name = `${"n".repeat(250)}.snap`;
    const args = ["client.pcap", "--program", "pass.wasm", "--no-rate", "--snapshot", name];
    expect(waxdp(["replay", ...args]).stderr).toBe("");
    expect(existsSync(at(name))).toBe(true);
  });

  test("one that is too long is told of before anything is played", () => {
    const name = "n".repeat(300);
    const { stdout, stderr } = waxdp([
      "replay",
      "client.pcap",
      "--program",
      "pass.wasm",
      "-o",
      name,
    ]);
    expect([stdout, stderr]).toEqual(["", `waxdp: cannot write ${name}: the name is too long\n`]);
  });
});

describe("Ctrl-C", () => {
  test("ends a program that does not end while it is loaded", async () => {
    const loop = "let n: u32 = 0;\nwhile (n < 1 || memory.size() > 0) n++;\n";
    const rest = "export function program(ctx: Context): i32 { return n > 5 ? NEXT : 1; }\n";
    writeFileSync(at("start.ts"), `${HEAD}${loop}${rest}`);
    expect(waxdp(["program", "build", "start.ts"]).status).toBe(0);
    const args = ["replay", "client.pcap", "--program", "start.wasm", "-o", "start.pcap"];
    expect(await interrupted(args, 2500)).toBe("SIGINT");
  });

  test("ends a compiler that is at work for long", async () => {
    const names = Array.from({ length: 12_000 }, (_, n) => n);
    const functions = names.map((n) => `function f${n}(x: u32): u32 { return x * ${n} + 1; }\n`);
    const calls = names.map((n) => `sum += f${n}(sum);\n`);
    const body = `let sum: u32 = 0;\n${calls.join("")}return sum == 5 ? 1 : NEXT;`;
    const main = `export function program(ctx: Context): i32 {\n${body}\n}\n`;
    writeFileSync(at("long.ts"), `${HEAD}${functions.join("")}${main}`);
    expect(await interrupted(["program", "build", "long.ts"], 3000)).toBe("SIGINT");
    expect(existsSync(at("long.wasm"))).toBe(false);
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s takes unfinished files away",
    async (name) => {
      const args = [
        MAIN,
        "replay",
        "-",
        "--program",
        "pass.wasm",
        "-o",
        "cut.pcap",
        "--events",
        "cut.json",
      ];
      const child = spawn(process.execPath, args, {
        cwd: folder,
        stdio: ["pipe", "ignore", "ignore"],
      });
      child.stdin.write(capture);
      await expect.poll(() => unfinished().length, { timeout: 20_000 }).toBe(2);
      child.kill(name);
      const [, signal] = await once(child, "exit");
      expect(signal).toBe(name);
      expect(unfinished()).toEqual([]);
    },
  );
});

const unfinished = () => readdirSync(folder).filter((name) => name.startsWith(".cut."));

async function interrupted(args: readonly string[], afterMs: number): Promise<unknown> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, stdio: "ignore" });
  setTimeout(() => child.kill("SIGINT"), afterMs);
  const last = setTimeout(() => child.kill("SIGKILL"), afterMs + 8000);
  const [, signal] = await once(child, "exit");
  clearTimeout(last);
  return signal;
}

function runShell(line: string) {
  return spawnSync("sh", ["-c", line, process.execPath], { cwd: folder, encoding: "utf8" });
}
