/** How commands that look into something show it: a table, JSON or MessagePack. */
import { type Command, Option } from "commander";
import { Packr } from "msgpackr";
import type { Tuple } from "../dataplane/entries.ts";
import { formatEndpoint } from "../packet/address.ts";
import { checkOutputs, writeOutput } from "./output.ts";
import { table } from "./table.ts";
import { type Paint, painter, printable } from "./terminal.ts";

export interface Format {
  readonly json?: boolean;
  readonly msgpack?: boolean;
  readonly output?: string;
}

/** Of a command whose first argument is the file it looks into. */
export function formatted(command: Command): Command {
  return command
    .hook("preAction", (_, { args }) => checkOutputs([command.opts<Format>().output], [args[0]]))
    .addOption(new Option("--json", "print JSON").conflicts("msgpack"))
    .option("--msgpack", "write MessagePack")
    .option("-o, --output <file>", "write there, and not to the standard output");
}

/** Plain maps with text keys, no extension types: readable in every language. */
const packr = new Packr({ useRecords: false, variableMapSize: true });

/** `value` is what JSON and MessagePack hold, `lines` what people read. */
export async function show(
  { json, msgpack, output = "-" }: Format,
  value: unknown,
  lines: (paint: Paint) => readonly string[],
): Promise<void> {
  const paint: Paint = output === "-" ? painter(process.stdout) : (_, text) => text;
  const text = () => (json ? JSON.stringify(value) : lines(paint).join("\n"));
  const bytes = msgpack ? packr.pack(value) : new TextEncoder().encode(`${text()}\n`);
  await writeOutput(output, bytes);
}

/** A line per field. */
export function factLines(facts: object, paint: Paint): string[] {
  const rows = Object.entries(facts)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => [paint("bold", name), textOf(value)]);
  return table([{ title: "" }, { title: "" }], rows).slice(1);
}

/** A value in a cell. Texts come from files: nothing of them controls the terminal. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return "-";
  if (typeof value === "string") return value === "" ? '""' : printable(value);
  if (typeof value === "object") return printable(flowText(value) ?? JSON.stringify(value));
  return String(value);
}

/** "10.0.0.1:4000 -> 10.96.0.10:80/tcp" for a tuple. */
function flowText(value: object): string | undefined {
  const { saddr, sport, daddr, dport, proto } = value as Partial<Tuple>;
  if (saddr === undefined || daddr === undefined || proto === undefined) return undefined;
  const [from, to] = [formatEndpoint(saddr, sport ?? 0), formatEndpoint(daddr, dport ?? 0)];
  return `${from} -> ${to}/${proto}`;
}
