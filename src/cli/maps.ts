/** `waxdp maps`: the maps in a snapshot, in the manner of bpftool map. */
import type { Command } from "commander";
import type { Dataplane, Maps } from "../dataplane/dataplane.ts";
import { fromJson, toJson } from "../maps/json.ts";
import type { Layout, MapInfo, RingBuffer, UserMap } from "../maps/map.ts";
import { EXIT_DIFFERENT, InputError } from "./failure.ts";
import { type Format, factLines, formatted, show, textOf } from "./format.ts";
import { type OpenedSnapshot, openSnapshot, SNAPSHOT } from "./snapshot.ts";
import { type Column, table } from "./table.ts";
import { count, type Paint, printable } from "./terminal.ts";

const EXAMPLES = `
Examples:
  waxdp replay cluster.pcapng -f manifests/ --node worker-1 --snapshot now.snap
  waxdp maps list now.snap
  waxdp maps dump now.snap conntrack
  waxdp maps dump now.snap conntrack --json | jq '.[] | select(.value.state == "ESTABLISHED")'
  waxdp maps lookup now.snap blocked 203.0.113.0/24`;

export function register(program: Command): void {
  const maps = program
    .command("maps")
    .description("Looks into the maps of a snapshot: the dataplane's own and those of programs.")
    .addHelpText("after", EXAMPLES);
  formatted(maps.command("list"))
    .description("Every map: type, sizes, entries, and who uses it.")
    .argument("<snapshot>", SNAPSHOT)
    .action(list);
  formatted(maps.command("show"))
    .description("One map, with the layout of its keys and values.")
    .argument("<snapshot>", SNAPSHOT)
    .argument("<name>", "name of the map")
    .action(describe);
  formatted(maps.command("dump"))
    .description("The entries of a map, or the records of a ring buffer that nobody has read.")
    .argument("<snapshot>", SNAPSHOT)
    .argument("<name>", "name of the map")
    .action(dump);
  formatted(maps.command("lookup"))
    .description("One entry of a map; exit status 1 when it is not there.")
    .argument("<snapshot>", SNAPSHOT)
    .argument("<name>", "name of the map")
    .argument("<key>", "JSON, or text as it is: an address, a prefix, bytes in hexadecimal")
    .action(lookup);
}

const LIST: readonly Column[] = [
  { title: "ID", right: true },
  { title: "NAME" },
  { title: "TYPE" },
  { title: "KEY", right: true },
  { title: "VALUE", right: true },
  { title: "ENTRIES", right: true },
  { title: "MAX", right: true },
  { title: "MEMORY", right: true },
  { title: "PROGRAMS" },
];

async function list(path: string, format: Format): Promise<void> {
  const maps = allMaps(await openSnapshot(path)).map((map) => map.info);
  await show(format, maps.map(toJson), (paint) => table(LIST, maps.map(listRow), heading(paint)));
}

function listRow(map: Listed): string[] {
  const size = (bytes: number | null) => (bytes === null ? "-" : count(bytes));
  return [
    map.id === null ? "-" : String(map.id),
    textOf(map.name),
    map.type,
    size(map.keySize),
    size(map.valueSize),
    count(map.length),
    count(map.maxEntries),
    size(map.memory),
    printable(map.programs.join(", ")) || "-",
  ];
}

async function describe(path: string, name: string, format: Format): Promise<void> {
  const { info } = mapNamed(await openSnapshot(path), name);
  await show(format, toJson(info), (paint) => factLines(info, paint));
}

async function dump(path: string, name: string, format: Format): Promise<void> {
  const map = mapNamed(await openSnapshot(path), name);
  if (map.info.type === "ringbuf") return dumpRecords(map, format);
  const entries = Array.from(map.entries(), ([key, value]) => ({
    key: toJson(key),
    value: toJson(value),
  }));
  await show(format, entries, (paint) => entryLines(entries, paint));
}

/** What nobody has read yet, in order. */
async function dumpRecords(map: AnyMap, format: Format): Promise<void> {
  const records = Array.from(map.entries(), ([, record]) => toJson(record));
  const { columns, cells } = columnsOf(records, "VALUE");
  await show(format, records, (paint) => {
    return records.length === 0
      ? ["no records"]
      : table(columns, records.map(cells), heading(paint));
  });
}

interface Entry {
  readonly key: unknown;
  readonly value: unknown;
}

/** A column per field, when all keys and all values have the same. */
function entryLines(entries: readonly Entry[], paint: Paint): string[] {
  if (entries.length === 0) return ["no entries"];
  const keys = columnsOf(
    entries.map(({ key }) => key),
    "KEY",
  );
  const values = columnsOf(
    entries.map(({ value }) => value),
    "VALUE",
  );
  const rows = entries.map(({ key, value }) => [...keys.cells(key), ...values.cells(value)]);
  return table([...keys.columns, ...values.columns], rows, heading(paint));
}

interface Columns {
  readonly columns: readonly Column[];
  cells(value: unknown): string[];
}

function columnsOf(values: readonly unknown[], title: string): Columns {
  const names = fieldsOf(values[0]);
  if (names === undefined || !values.every((value) => fieldsOf(value)?.join() === names.join())) {
    const right = values.every((value) => typeof value === "number");
    return { columns: [{ title, right }], cells: (value) => [textOf(value)] };
  }
  const field = (value: unknown, name: string) => (value as Record<string, unknown>)[name];
  return {
    columns: names.map((name) => ({
      title: name.toUpperCase(),
      right: values.every((value) => typeof field(value, name) === "number"),
    })),
    cells: (value) => names.map((name) => textOf(field(value, name))),
  };
}

function fieldsOf(value: unknown): string[] | undefined {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? Object.keys(value) : undefined;
}

async function lookup(path: string, name: string, key: string, format: Format): Promise<void> {
  const map = mapNamed(await openSnapshot(path), name);
  const value = map.lookup(key);
  if (value === undefined) {
    process.stderr.write(`waxdp: ${name} has no entry ${key}\n`);
    process.exitCode = EXIT_DIFFERENT;
    return;
  }
  const shown = toJson(value);
  await show(format, shown, () => [textOf(shown)]);
}

const LONG: ReadonlySet<unknown> = new Set(["u64", "i64", "be64"]);

/** Digits are text where JSON would round them, and where bytes or text are wanted, which need no quotes. */
function keyOf(layout: Layout | undefined, text: string): unknown {
  const isText =
    typeof layout === "string" ? LONG.has(layout) && /^-?\d+$/.test(text) : !/^\s*["{[]/.test(text);
  return fromJson(layout, isText ? text : fromText(text));
}

/** JSON, or else the text itself: an address need not stand in quotes. */
function fromText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A map as the commands see it, whoever's it is. */
interface Listed extends Omit<MapInfo, "id" | "type" | "keySize" | "valueSize" | "memory"> {
  /** Null where it is the dataplane's own, whose keys and values are no plain bytes. */
  readonly id: number | null;
  readonly type: string;
  readonly keySize: number | null;
  readonly valueSize: number | null;
  readonly memory: number | null;
}

interface AnyMap {
  readonly info: Listed;
  /** By what was typed. */
  lookup(key: string): unknown;
  entries(): Iterable<[unknown, unknown]>;
}

function allMaps({ dataplane, info: { programs } }: OpenedSnapshot): AnyMap[] {
  const { maps } = dataplane;
  const own = Object.keys(TYPES).map((name) => ownMap(maps, name as keyof Maps));
  const users = (map: string) =>
    programs.filter((each) => each.maps.includes(map)).map(({ name }) => name);
  return [...own, ...maps.list().map((each) => userMap(dataplane, each, users(each.name)))];
}

/** The dataplane's own maps, each with the type bpf(2) would give it. */
const TYPES: Readonly<Record<keyof Maps, string>> = {
  services: "hash",
  backends: "array",
  rings: "array",
  endpoints: "hash",
  addresses: "hash",
  interfaces: "array",
  config: "array",
  affinity: "hash",
  conntrack: "hash",
};

function ownMap(maps: Maps, name: keyof Maps): AnyMap {
  const map = maps[name];
  const info: Listed = {
    id: null,
    name,
    type: TYPES[name],
    keySize: null,
    valueSize: null,
    maxEntries: map.capacity,
    flags: [],
    length: map.length,
    key: undefined,
    value: undefined,
    memory: null,
    programs: ["service-nat"],
  };
  return {
    info,
    // Its keys are objects and numbers as they stand in JSON.
    lookup: (key) => map.lookup(fromText(key) as never),
    entries: () => map.entries() as Iterable<[unknown, unknown]>,
  };
}

function userMap({ maps }: Dataplane, info: MapInfo, programs: readonly string[]): AnyMap {
  if (info.type === "ringbuf") return ringMap(maps.get(info.name) as RingBuffer, info, programs);
  const map = maps.get(info.name) as UserMap;
  return {
    info: { ...info, programs },
    lookup: (key) => map.lookup(keyOf(info.key, key)),
    entries: () => map.entries(),
  };
}

function ringMap(ring: RingBuffer, info: MapInfo, programs: readonly string[]): AnyMap {
  return {
    info: { ...info, programs },
    lookup() {
      throw new InputError(
        `${info.name} is a ring buffer, which has no keys: dump shows its records`,
      );
    },
    entries: () => ring.read().map((record) => [undefined, record]),
  };
}

function mapNamed(snapshot: OpenedSnapshot, name: string): AnyMap {
  const maps = allMaps(snapshot);
  const found = maps.find(({ info }) => info.name === name);
  if (found) return found;
  const names = maps.map(({ info }) => info.name).join(", ");
  throw new InputError(`the snapshot has no map "${name}": there are ${names}`);
}

function heading(paint: Paint): (text: string) => string {
  return (text) => paint("bold", text);
}
