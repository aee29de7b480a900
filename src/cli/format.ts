/** How commands that look into something show it: a table, JSON or MessagePack. */
import { type Command, Option } from "commander";
import { Packr } from "msgpackr";
import type { Tuple } from "../dataplane/entries.ts";
import { formatEndpoint } from "../packet/address.ts";
import { checkOutputs, openOutput } from "./output.ts";
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
  const texts = () => (json ? jsonTexts(value) : lineTexts(lines(paint)));
  await write(output, msgpack ? [packr.pack(value)] : encoded(texts()));
}

async function write(path: string, parts: Iterable<Uint8Array>): Promise<void> {
  const output = await openOutput(path);
  try {
    for (const part of parts) await output.write(part);
    await output.finish();
  } finally {
    await output.abandon();
  }
}

function* encoded(texts: Iterable<string>): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (const text of texts) yield encoder.encode(text);
}

/** Item by item: all entries of a map may be more than one string can be. */
function* jsonTexts(value: unknown): Generator<string> {
  if (!Array.isArray(value)) return yield `${JSON.stringify(value)}\n`;
  let before = "[";
  for (const item of value) {
    yield `${before}${JSON.stringify(item)}`;
    before = ",";
  }
  yield value.length === 0 ? "[]\n" : "]\n";
}

function* lineTexts(lines: readonly string[]): Generator<string> {
  for (const line of lines) yield `${line}\n`;
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
