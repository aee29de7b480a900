/** waxdp bench --check: ratios against the bounds in bench/floors.json. */
import { readFileSync } from "node:fs";
import { createField } from "../../bench/heats/contestants.ts";
import { check, type Finding, type Floor, type Floors, select } from "../../bench/heats/floors.ts";
import type { Heat } from "../../bench/heats/heat.ts";
import { titleOf } from "../../bench/heats/heats.ts";
import { EXIT_DIFFERENT } from "./failure.ts";
import { table } from "./table.ts";
import { painter, progress } from "./terminal.ts";

const ROUNDS = 5;

interface CheckOptions {
  readonly json?: boolean;
  readonly rounds?: number;
}

export async function checkBench(heats: readonly Heat[], options: CheckOptions): Promise<void> {
  const floors = readFloors(heats);
  const lanes = select(floors, heats).flatMap((heat) => heat.lanes);
  const field = await createField(new Set(lanes.map(({ contestant }) => contestant)));
  const line = progress();
  const effort = { rounds: options.rounds ?? ROUNDS, repeat: false };
  try {
    const findings = await check(floors, heats, field.contestants, effort, (heat, done, of) =>
      line.update(() => `row ${done + 1} of ${of}: ${titleOf(heat)}`),
    );
    line.clear();
    const absent = field.absent.map(({ name, reason }) => `Without ${name}: ${reason}.`);
    process.stdout.write(
      options.json ? `${JSON.stringify(findings)}\n` : printFindings(findings, absent),
    );
    if (findings.some(({ holds }) => !holds)) process.exitCode = EXIT_DIFFERENT;
  } finally {
    line.clear();
    await field.close();
  }
}

/** With `--rows`, the bounds of those rows. */
function readFloors(heats: readonly Heat[]): Floors {
  const path = new URL("../../bench/floors.json", import.meta.url);
  const floors = JSON.parse(readFileSync(path, "utf8")) as Floors;
  const titles = heats.map((heat) => `${titleOf(heat)}: `);
  return Object.fromEntries(
    Object.entries(floors).filter(([name]) => titles.some((title) => name.startsWith(title))),
  );
}

export function printFindings(findings: readonly Finding[], absent: readonly string[]): string {
  const paint = painter(process.stdout);
  const rows = findings.map(({ name, floor, ratios, holds }) => [
    ratios.length === 0
      ? paint("dim", "absent")
      : paint(holds ? "green" : "red", holds ? "holds" : "fell"),
    name,
    ratios.map((ratio) => `${ratio.toFixed(2)}x`).join(", "),
    boundText(floor),
    holds ? "" : paint("red", missText(floor, ratios)),
  ]);
  const columns = ["", "RATIO", "MEASURED", "BOUND", ""].map((title) => ({ title }));
  const fallen = findings.filter(({ holds }) => !holds).length;
  const verdict =
    fallen === 0
      ? "Every ratio that could be measured holds."
      : `${fallen} of ${findings.length} ratios fell, measured three times.`;
  return `${[...table(columns, rows), "", ...absent, verdict].join("\n")}\n`;
}

function boundText({ atLeast, atMost }: Floor): string {
  const low = atLeast === undefined ? [] : [`at least ${atLeast}x`];
  return [...low, ...(atMost === undefined ? [] : [`at most ${atMost}x`])].join(", ");
}

/** By how much the best of them misses. */
function missText(
  { atLeast = 0, atMost = Number.POSITIVE_INFINITY }: Floor,
  ratios: readonly number[],
): string {
  const misses = ratios.map((ratio) =>
    ratio < atLeast ? 1 - ratio / atLeast : ratio / atMost - 1,
  );
  return `by ${(Math.min(...misses) * 100).toFixed(0)} %`;
}
