/** waxdp bench as people call it. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { HEATS, titleOf } from "../../bench/heats/heats.ts";
import type { Report } from "../../bench/report.ts";
import { waxdp } from "../cli/command.ts";

const folder = mkdtempSync(join(tmpdir(), "waxdp-bench-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("waxdp bench", () => {
  it("lists its rows, all or chosen ones", () => {
    const all = waxdp(["bench", "--list"]);
    expect([all.status, all.stderr]).toEqual([0, ""]);
    for (const heat of HEATS.filter(({ lanes }) => lanes.every(({ row }) => row.windows))) {
      expect(all.stdout).toContain(`${titleOf(heat)} `);
    }
    const { stdout } = waxdp(["bench", "--list", "--rows", "^family, 1,024"]);
    expect(stdout).toMatch(/^ROW .*\nFamily, 1,024 flows +IPv4 \| IPv6\n$/);
  });

  it("prints one JSON object, and writes a chart", () => {
    const chart = join(folder, "chart.svg");
    const { status, stdout, stderr } = waxdp([
      "bench",
      "--rows",
      "^Family, 1,024",
      "--rounds",
      "1",
      "--json",
      "--plot",
      chart,
    ]);
    expect([status, stderr]).toEqual([0, ""]);
    const report: Report = JSON.parse(stdout);
    expect(report.heats.map(({ heat }) => heat.topic)).toEqual(["Family, 1,024 flows"]);
    expect(report.heats[0]?.lanes.map(({ lane }) => lane.name)).toEqual(["IPv4", "IPv6"]);
    expect(report.rounds).toBe(1);
    expect(readFileSync(chart, "utf8")).toMatch(/^<svg /);
  });

  it.each([
    { name: "no row", args: ["--rows", "frobnicate"], message: /no row matches "frobnicate"/ },
    { name: "a bad pattern", args: ["--rows", "("], message: /must be a regular expression/ },
    { name: "no rounds", args: ["--rounds", "0"], message: /integer from 1 to 1000/ },
    {
      name: "a chart in no folder",
      args: ["--rows", "Bytes of Wasm", "--plot", join(folder, "none", "chart.svg")],
      message: /cannot write .*none/,
    },
    {
      name: "a chart among the tables",
      args: ["--plot", "-"],
      message: /--plot needs a file/,
    },
    { name: "a list as JSON", args: ["--list", "--json"], message: /'--json'/ },
    { name: "a quick check", args: ["--check", "--quick"], message: /'--quick'/ },
    { name: "a chart of a check", args: ["--check", "--plot", "x.svg"], message: /'--plot/ },
  ])("ends with 2 for $name", ({ args, message }) => {
    const { status, stdout, stderr } = waxdp(["bench", ...args]);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});
