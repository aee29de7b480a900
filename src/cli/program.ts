/** `waxdp program build`: a source becomes a module that any dataplane can load. */
import { basename, dirname, extname, join } from "node:path";
import type { Command } from "commander";
import type { Program } from "../index.ts";
import { InputError } from "./failure.ts";
import { checkOutputs, writeOutput } from "./output.ts";
import { readProgram } from "./programming.ts";
import { plural, printable } from "./terminal.ts";

const EXAMPLES = `
Examples:
  waxdp program build drop.ts
  waxdp program build drop.ts -o build/drop.wasm
  waxdp replay cluster.pcapng --program drop.wasm --map blocked=list.json`;

export function register(command: Command): void {
  const program = command
    .command("program")
    .description("Makes programs for the hooks of a dataplane.")
    .addHelpText("after", EXAMPLES);
  program
    .command("build")
    .description("Compiles a program: AssemblyScript that imports waxdp/program.")
    .argument("<source>", "a .ts file")
    .option("-o, --output <file>", "write there (default: beside the source, .wasm; - for stdout)")
    .action(build);
}

async function build(source: string, { output }: { readonly output?: string }): Promise<void> {
  if (extname(source) !== ".ts") {
    throw new InputError(`${source}: the source of a program is a .ts file`);
  }
  const target = output ?? join(dirname(source), `${basename(source, ".ts")}.wasm`);
  const files = new Set([source]);
  const program = await readProgram(source, files);
  await checkOutputs([target], [...files]);
  await writeOutput(target, program.bytes);
  if (target !== "-") process.stdout.write(`${summary(program, target)}\n`);
}

function summary({ bytes, tag, form, memory }: Program, path: string): string {
  const calls = form === "packet" ? "called for each packet" : "called for each batch";
  return (
    `${printable(path)}: ${plural(bytes.length, "byte")}, ${calls}, ` +
    `${plural(memory.size, "byte")} of memory, tag ${tag}`
  );
}
