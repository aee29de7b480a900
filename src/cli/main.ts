#!/usr/bin/env node
/** The command line: sets up the commands, and turns every way they can end into an exit code. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { EXIT_BAD_INPUT, fileError, report } from "./failure.ts";
import { removeUnfinished } from "./output.ts";

const EXAMPLES = `
Examples:
  waxdp replay cluster.pcapng -f manifests/ --node worker-1 -o out.pcapng
  kubectl get svc,endpointslices,nodes -A -o yaml | waxdp explain -f - --node worker-1 --from 10.244.1.9 --to 10.96.0.10:53 --proto udp
  waxdp diff old/ new/ -f manifests/ --node worker-1
  waxdp bench

Exit status: 0 fine, 1 a difference was found, 2 wrong usage or bad input.`;

async function createProgram(): Promise<Command> {
  const program = new Command("waxdp")
    .description(
      "What a Kubernetes node does to packets for Services, replayed, explained and measured.",
    )
    .version(version())
    .helpCommand(true)
    .showHelpAfterError("waxdp: --help shows how to use it")
    .configureOutput({ outputError: (text, write) => write(mend(text)) })
    .addHelpText("after", EXAMPLES)
    .exitOverride();
  for (const load of COMMANDS) (await load()).register(program);
  return program;
}

/** Commander's message in our words; a path behind -f is taken for one more manifest. */
function mend(text: string): string {
  return text
    .replace(/^error: /, "waxdp: ")
    .replace(
      /argument '(capture|old|new)'$/m,
      "$& (it stands before -f, which takes every path behind it)",
    );
}

const COMMANDS: readonly (() => Promise<{ register(program: Command): void }>)[] = [
  () => import("./replay.ts"),
  () => import("./explain.ts"),
  () => import("./diff.ts"),
  () => import("./program.ts"),
  () => import("./programs.ts"),
  () => import("./maps.ts"),
  () => import("./bench.ts"),
];

/** dist/src/cli/main.js and src/cli/main.ts are not equally deep in the package. */
function version(): string {
  const places = ["../../package.json", "../../../package.json"].map(
    (path) => new URL(path, import.meta.url),
  );
  for (const place of places) {
    try {
      return (JSON.parse(readFileSync(place, "utf8")) as { version: string }).version;
    } catch {
      // The other place, then.
    }
  }
  return "unknown";
}

/** `waxdp ... | head` closes the pipe early: nobody is left to tell anything. */
function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      removeUnfinished();
      if (error.code === "EPIPE") process.exit();
      report(fileError("write", "the standard output", error));
      process.exit(EXIT_BAD_INPUT);
    });
  }
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof CommanderError)) {
    report(error);
    return EXIT_BAD_INPUT;
  }
  // Commander has printed its message; help and version end with 0.
  return error.exitCode === 0 ? 0 : EXIT_BAD_INPUT;
}

endQuietlyOnClosedPipe();
try {
  await (await createProgram()).parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  removeUnfinished();
}
