/** The options that every command with a dataplane has, and the dataplane they describe. */
import { type Command, InvalidArgumentError, Option } from "commander";
import {
  createDataplane,
  createModel,
  type Dataplane,
  type DataplaneOptions,
  parseManifests,
  type Scheduler,
} from "../index.ts";
import { InputError } from "./failure.ts";
import { readBytes, readManifests, readNetwork } from "./files.ts";
import { type ProgramOptions, readProgramming } from "./programming.ts";
import { readAt } from "./snapshot.ts";

export type EngineName = Dataplane["engine"];

export interface SetupOptions extends ProgramOptions {
  /** A snapshot that the dataplane begins with. */
  readonly restore?: string;
  readonly file: readonly string[];
  readonly node: string;
  readonly engine: EngineName;
  readonly seed: number;
  readonly scheduler?: Scheduler;
  readonly network?: string;
  readonly sysctl?: readonly string[];
  readonly randomFully?: boolean;
}

export interface Setup {
  /** The files read: manifests, folders walked down, and programs with what fills their maps. */
  readonly files: readonly string[];
  /** A dataplane in its first state: the manifests applied, the programs attached. */
  create(engine: EngineName): Promise<Dataplane>;
}

export function addSetupOptions(command: Command): Command {
  return command
    .requiredOption("-f, --file <path...>", "manifests: files, folders, or - for standard input")
    .requiredOption("--node <name>", "the Node whose view it is")
    .addOption(
      new Option("--engine <engine>", "packet path: WebAssembly, or its model in TypeScript")
        .choices(["wasm", "model"])
        .default("wasm"),
    )
    .option("--seed <number>", "source of every random choice, 0 to 4294967295", parseSeed, 0)
    .addOption(
      new Option(
        "--scheduler <name>",
        "how new connections are spread (default: what the manifests say, else random)",
      ).choices(["random", "maglev"]),
    )
    .option(
      "--network <file>",
      'JSON with "addresses" and "routes": what ip -j addr and ip -j route print',
    )
    .option(
      "--sysctl <name=value>",
      "a setting of the node's kernel, such as nf_conntrack_checksum=0; may be repeated",
      (text: string, former: readonly string[] = []) => [...former, text],
    )
    .option("--random-fully", "masquerade to random source ports, as iptables' --random-fully");
}

/** Captures hold jumbo frames of 9,000 bytes; a fragment has to fit where it waits. */
const JUMBO = 9216;

/** Reads everything the options name. Throws before any packet is read. */
export async function prepare(options: SetupOptions): Promise<Setup> {
  const sources = await readManifests(options.file);
  const objects = parseManifests(sources.map(({ name, text }) => ({ file: name, text })));
  const network = options.network === undefined ? undefined : await readNetwork(options.network);
  const { node, seed, scheduler, randomFully = false, sysctl = [] } = options;
  const sysctls = parseSysctls(sysctl);
  const settings = {
    node,
    seed,
    scheduler,
    network,
    randomFully,
    sysctls,
    capacity: { frame: JUMBO },
  };
  const programming = await readProgramming(options);
  const { restore } = options;
  const snapshot =
    restore === undefined ? null : { path: restore, bytes: await readBytes(restore) };
  return {
    files: [...sources.map(({ name }) => name), ...programming.files],
    async create(engine) {
      const dataplane = await createRestored(engine, settings, snapshot);
      warn(dataplane.apply(objects).warnings);
      await programming.install(dataplane);
      return dataplane;
    },
  };
}

/** As `sysctl` takes them; a later one of a name goes before an earlier one. */
function parseSysctls(texts: readonly string[]): Record<string, string> {
  const pairs = texts.map((text) => {
    const [name = "", value, ...rest] = text.split("=").map((part) => part.trim());
    if (name !== "" && value && rest.length === 0) return [name, value] as const;
    throw new InputError(`--sysctl ${text}: it must be NAME=VALUE`);
  });
  return Object.fromEntries(pairs);
}

async function createRestored(
  engine: EngineName,
  options: DataplaneOptions,
  snapshot: { readonly path: string; readonly bytes: Uint8Array } | null,
): Promise<Dataplane> {
  const dataplane = await (engine === "wasm" ? createDataplane(options) : createModel(options));
  if (snapshot) readAt(snapshot.path, () => dataplane.restore(snapshot.bytes));
  return dataplane;
}

const warned = new Set<string>();

/** Once each, however many dataplanes are made. */
function warn(warnings: readonly string[]): void {
  for (const warning of warnings) {
    if (!warned.has(warning)) process.stderr.write(`waxdp: warning: ${warning}\n`);
    warned.add(warning);
  }
}

function parseSeed(text: string): number {
  const seed = /^(\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : Number.NaN;
  if (seed < 2 ** 32) return seed;
  throw new InvalidArgumentError("It must be an integer from 0 to 4294967295.");
}
