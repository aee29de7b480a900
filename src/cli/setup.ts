/** The options that every command with a dataplane has, and the dataplane they describe. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Network } from "../dataplane/dataplane.ts";
import {
  createDataplane,
  createModel,
  type Dataplane,
  type DataplaneOptions,
  type ObjectSet,
  parseManifests,
  type Scheduler,
} from "../index.ts";
import { InputError } from "./failure.ts";
import { nameOf, readManifests, readNetwork } from "./files.ts";
import { type ProgramOptions, readProgramming } from "./programming.ts";
import { createRestored, type Kept, readKept } from "./snapshot.ts";

export type EngineName = Dataplane["engine"];

export interface SetupOptions extends ProgramOptions {
  /** A snapshot that the dataplane begins with. */
  readonly restore?: string;
  /** Absent where programs alone are played, or what a snapshot holds. */
  readonly file?: readonly string[];
  readonly node?: string;
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
  /** The Node whose view it is; null for programs alone. */
  readonly node: string | null;
  /** A dataplane in its first state: the manifests applied, the programs attached. */
  create(engine: EngineName): Promise<Dataplane>;
}

/** Of a command that needs a cluster, or of one that may do without. */
export function addSetupOptions(command: Command, cluster: "needed" | "optional"): Command {
  const mandatory = cluster === "needed";
  const files = "manifests: files, folders, or - for standard input";
  return command
    .addOption(new Option("-f, --file <path...>", files).makeOptionMandatory(mandatory))
    .addOption(
      new Option("--node <name>", "the Node whose view it is").makeOptionMandatory(mandatory),
    )
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
  checkCluster(options);
  const { file, restore } = options;
  const sources = file === undefined ? [] : await readManifests(file);
  const objects = file && parseManifests(sources.map(({ name, text }) => ({ file: name, text })));
  const network = options.network === undefined ? undefined : await readNetwork(options.network);
  const settings = settingsOf(options, network);
  const programming = await readProgramming(options);
  const snapshot = restore === undefined ? null : await readKept(restore);
  const node = objects ? options.node : nodeOf(options, snapshot);
  return {
    files: [...sources.map(({ name }) => name), ...programming.files],
    node: node ?? null,
    async create(engine) {
      const dataplane = await createAt(snapshot, engine, { ...settings, node });
      lead(dataplane, objects);
      await programming.install(dataplane);
      return dataplane;
    },
  };
}

/** What says something of Services is not passed over in silence where there are none. */
const OF_MANIFESTS = {
  network: "--network",
  scheduler: "--scheduler",
  randomFully: "--random-fully",
};

/** Packets go through Services as a Node sees them, through programs, or through what a snapshot holds. */
function checkCluster(options: SetupOptions): void {
  const { file, node, program, restore } = options;
  if (file !== undefined) {
    if (node !== undefined) return;
    throw new InputError("-f needs --node NAME: the Node whose view of the manifests it is");
  }
  if (program === undefined && restore === undefined) {
    throw new InputError(
      "through what? Give -f PATH and --node NAME, --program FILE, or --restore FILE",
    );
  }
  for (const [name, flag] of Object.entries(OF_MANIFESTS)) {
    if (options[name as keyof typeof OF_MANIFESTS] === undefined) continue;
    throw new InputError(`${flag} is about Services: it needs -f PATH and --node NAME`);
  }
}

function settingsOf(options: SetupOptions, network: Network | undefined): DataplaneOptions {
  const { seed, scheduler, randomFully = false, sysctl = [] } = options;
  const sysctls = parseSysctls(sysctl);
  return { seed, scheduler, network, randomFully, sysctls, capacity: { frame: JUMBO } };
}

/** Without manifests the Services are the snapshot's, as its Node saw them. */
function nodeOf({ node }: SetupOptions, snapshot: Kept | null): string | undefined {
  const kept = snapshot?.info.node ?? undefined;
  if (node === undefined || kept === undefined || node === kept) return node ?? kept;
  throw new InputError(
    `--node ${node}: ${nameOf(snapshot?.path ?? "")} is what ${kept} sees; another Node needs -f PATH`,
  );
}

/** From the beginning, or where a snapshot has left off. */
function createAt(
  snapshot: Kept | null,
  engine: EngineName,
  options: DataplaneOptions,
): Promise<Dataplane> {
  const create = engine === "wasm" ? createDataplane : createModel;
  return snapshot === null ? create(options) : createRestored(snapshot, create, options);
}

/** Nobody's Services: then service NAT is not in the way of the programs, with fragments that wait or are refused. */
function lead(dataplane: Dataplane, objects: ObjectSet | undefined): void {
  if (objects) warn(dataplane.apply(objects).warnings);
  // The one entry of config comes with the first apply: before it here, or before the snapshot.
  if (dataplane.maps.config.length > 0) return;
  for (const link of dataplane.hooks.ingress.links()) link.detach();
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
