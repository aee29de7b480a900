/** waxdp bench: the Wasm packet path beside other engines, on the same packets, in one run. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { createField, runnable } from "../../bench/heats/contestants.ts";
import type { Effort, Heat } from "../../bench/heats/heat.ts";
import { HEATS, isQuick, titleOf } from "../../bench/heats/heats.ts";
import { runSeries, type Standing } from "../../bench/heats/series.ts";
import { EXTRAS, measureExtras } from "../../bench/measurements/extras.ts";
import { plot } from "../../bench/plot.ts";
import { machine, type Report } from "../../bench/report.ts";
import { checkBench } from "./bench-check.ts";
import { list, print } from "./bench-table.ts";
import { EXIT_DIFFERENT, InputError } from "./failure.ts";
import { type Output, openOutput } from "./output.ts";
import { duration, progress } from "./terminal.ts";

const ROUNDS = 7;
const QUICK_ROUNDS = 5;

const QUICK_EXTRAS: ReadonlySet<string> = new Set([EXTRAS.maps, EXTRAS.startup, EXTRAS.footprints]);

interface BenchOptions {
  readonly json?: boolean;
  readonly quick?: boolean;
  readonly list?: boolean;
  readonly check?: boolean;
  readonly rows?: RegExp;
  readonly rounds?: number;
  readonly plot?: string;
}

const HELP = `
Examples:
  waxdp bench
  waxdp bench --quick
  waxdp bench --rows "65,536 flows" --rounds 15
  waxdp bench --plot bench.svg --json > bench.json
  waxdp bench --check`;

export function register(program: Command): void {
  program
    .command("bench")
    .description(
      "Measures the Wasm packet path against the model, TypeScript, C and XDP, on the same packets in one run.",
    )
    .option(
      "--rows <pattern>",
      "only rows whose title matches, upper and lower case alike",
      toPattern,
    )
    .addOption(
      new Option("--list", "print the titles of the rows and end").conflicts([
        "check",
        "json",
        "plot",
      ]),
    )
    .option("--quick", "a few rows, in a quarter of the time")
    .option("--rounds <number>", "rounds of each row, by turns", toRounds)
    .option("--json", "print one JSON object")
    .option("--plot <file.svg>", "write a chart as well")
    .addOption(
      new Option(
        "--check",
        "compare ratios with the committed bounds; exit 1 when one has fallen",
      ).conflicts(["quick", "plot"]),
    )
    .addHelpText("after", HELP)
    .action(bench);
}

function toRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= 1000) return rounds;
  throw new InvalidArgumentError("It must be an integer from 1 to 1000.");
}

function toPattern(text: string): RegExp {
  try {
    return new RegExp(text, "i");
  } catch (error) {
    throw new InvalidArgumentError(`It must be a regular expression: ${(error as Error).message}.`);
  }
}

async function bench(options: BenchOptions): Promise<void> {
  const heats = await runnable(HEATS.filter((heat) => isChosen(options, heat)));
  const extras = Object.values(EXTRAS).filter((title) => isChosenExtra(options, title));
  if (heats.length + extras.length === 0) {
    throw new InputError(`no row matches "${options.rows?.source}": see waxdp bench --list`);
  }
  if (options.list) process.stdout.write(list(heats, extras));
  else if (options.check) await checkBench(heats, options);
  else await measure(heats, options);
}

function isChosen({ rows, quick }: BenchOptions, heat: Heat): boolean {
  if (rows) return rows.test(titleOf(heat));
  return !quick || isQuick(heat);
}

function isChosenExtra({ rows, quick }: BenchOptions, title: string): boolean {
  if (rows) return rows.test(title);
  return !quick || QUICK_EXTRAS.has(title);
}

async function measure(heats: readonly Heat[], options: BenchOptions): Promise<void> {
  // A file that cannot be written is told of at once, not after minutes.
  const chart = options.plot === undefined ? undefined : await openChart(options.plot);
  const report = await run(heats, options);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : print(report));
  if (report.heats.some(({ failures }) => failures.length > 0)) process.exitCode = EXIT_DIFFERENT;
  await chart?.write(Buffer.from(plot(report)));
  await chart?.finish();
}

async function openChart(path: string): Promise<Output> {
  if (path !== "-") return openOutput(path);
  throw new InputError("--plot needs a file: the standard output is for the table");
}

async function run(heats: readonly Heat[], options: BenchOptions): Promise<Report> {
  const { quick } = options;
  const rounds = options.rounds ?? (quick ? QUICK_ROUNDS : ROUNDS);
  const wanted = heats.flatMap(({ lanes }) => lanes.map(({ contestant }) => contestant));
  const field = await createField(new Set(wanted));
  const line = progress();
  try {
    const effort: Effort = { rounds, repeat: quick !== true };
    const results = await runSeries(heats, field.contestants, effort, (standing) =>
      line.update(() => describe(standing)),
    );
    const isWanted = (title: string) => isChosenExtra(options, title);
    const extras = await measureExtras(isWanted, rounds, (title) => line.update(() => title));
    return { machine: machine(), rounds, heats: results, absent: field.absent, ...extras };
  } finally {
    line.clear();
    await field.close();
  }
}

function describe({ heat, number, of, left }: Standing): string {
  const rest = left === undefined ? "" : `, ${duration(Math.ceil(left))} left`;
  return `row ${number} of ${of}: ${titleOf(heat)}${rest}`;
}
