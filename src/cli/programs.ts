/** `waxdp programs`: the programs and links of a snapshot, or what is in a program's file. */
import type { Command } from "commander";
import type { KeptLink, KeptProgram, Program } from "../index.ts";
import { InputError } from "./failure.ts";
import { nameOf } from "./files.ts";
import { type Format, factLines, formatted, show } from "./format.ts";
import { linkLines } from "./links.ts";
import { readProgram } from "./programming.ts";
import { isSnapshotFile, readKept, SNAPSHOT } from "./snapshot.ts";
import { printable } from "./terminal.ts";

const EXAMPLES = `
Examples:
  waxdp programs list now.snap
  waxdp programs show now.snap drop-list
  waxdp programs show drop-list.wasm`;

export function register(program: Command): void {
  const programs = program
    .command("programs")
    .description("Looks into the programs of a snapshot, or into a program's file.")
    .addHelpText("after", EXAMPLES);
  formatted(programs.command("list"))
    .description(
      "The links of both hooks in the order packets meet them, and programs without one.",
    )
    .argument("<snapshot>", SNAPSHOT)
    .action(list);
  formatted(programs.command("show"))
    .description("Everything about one program.")
    .argument("<file>", "snapshot, or a program: .wasm, .ts")
    .argument("[name]", "name of the program, in a snapshot")
    .action(describe);
}

async function list(path: string, format: Format): Promise<void> {
  const { programs, links } = (await readKept(path)).info;
  const idle = programs.filter(
    (each) => !each.builtin && !links.some((link) => link.program.name === each.name),
  );
  await show(format, { links, programs }, (paint) => [
    ...linkLines(links, paint),
    ...(idle.length === 0 ? [] : ["", ...idle.map(idleLine)]),
  ]);
}

function idleLine({ name, tag }: KeptProgram): string {
  return printable(`${name} (${tag}) is loaded and stands at no hook.`);
}

async function describe(path: string, name: string | undefined, format: Format): Promise<void> {
  if (name !== undefined) return describeKept(path, name, format);
  const facts = fileFacts(await readFile(path));
  await show(format, facts, (paint) => factLines(facts, paint));
}

async function describeKept(path: string, name: string, format: Format): Promise<void> {
  const { links, ...facts } = await factsOf(path, name);
  await show(format, { ...facts, links }, (paint) => [
    ...factLines(facts, paint),
    ...(links.length === 0 ? [] : ["", ...linkLines(links, paint)]),
  ]);
}

async function readFile(path: string): Promise<Program> {
  return readProgram(path).catch(async (error: unknown) => {
    if (!(await isSnapshotFile(path))) throw error;
    throw new InputError(
      `${path} is a snapshot: say which program of it, one of those that \`waxdp programs list\` shows`,
    );
  });
}

function fileFacts(program: Program): Record<string, unknown> {
  const { name, tag, form, bytes, memory, functions, helpers, types } = program;
  return { name, tag, form, size: bytes.length, memory, functions, helpers, types };
}

async function factsOf(
  path: string,
  name: string,
): Promise<KeptProgram & { readonly links: readonly KeptLink[] }> {
  const { programs, links } = (await readKept(path)).info;
  const found = programs.find((each) => each.name === name);
  if (found === undefined) {
    const names = programs.map((each) => each.name).join(", ");
    throw new InputError(`${nameOf(path)}: it has no program "${name}": there are ${names}`);
  }
  return { ...found, links: links.filter((link) => link.program.name === found.name) };
}
