/** The two sides of `waxdp diff`: manifests read, laid over the common ones, and applied. */
import type { Network } from "../dataplane/dataplane.ts";
import { capacityFor } from "../diff/capacity.ts";
import { detectionOf } from "../diff/detection.ts";
import { createSides, type Sides } from "../diff/diff.ts";
import { countObjects, overlay } from "../diff/objects.ts";
import {
  createDataplane,
  createModel,
  type Dataplane,
  type ObjectSet,
  parseManifests,
} from "../index.ts";
import { InputError } from "./failure.ts";
import { readManifests, readNetwork } from "./files.ts";
import type { EngineName } from "./setup.ts";
import { printable } from "./terminal.ts";

export interface DiffOptions {
  readonly file?: readonly string[];
  readonly node: string;
  readonly capture?: string;
  readonly engine: EngineName;
  readonly network?: string;
  readonly json?: boolean;
}

/** Reads everything the options name, and applies it. */
export async function prepareSides(
  old: string,
  next: string,
  options: DiffOptions,
): Promise<Sides> {
  const { file = [], node, engine } = options;
  const network = options.network === undefined ? undefined : await readNetwork(options.network);
  const common = await readObjects(file);
  const [before, after] = [await readSide(old, common), await readSide(next, common)];
  checkNode(node, [before, after]);
  const create = { engine, node, network };
  const applied = [
    await createApplied(create, before),
    await createApplied(create, after),
  ] as const;
  warn(old, next, applied);
  const [{ dataplane: a }, { dataplane: b }] = applied;
  return createSides(a, b, detectionOf(before, after));
}

async function readObjects(paths: readonly string[]): Promise<ObjectSet> {
  const sources = await readManifests(paths);
  return parseManifests(sources.map(({ name, text }) => ({ file: name, text })));
}

async function readSide(path: string, common: ObjectSet): Promise<ObjectSet> {
  const objects = await readObjects([path]);
  if (countObjects(objects) === 0) {
    process.stderr.write(
      `waxdp: warning: ${printable(path)} holds no Service, EndpointSlice, Node or KubeProxyConfiguration\n`,
    );
  }
  return overlay(common, objects);
}

/** A slip of the pen would compare two views of nobody, and find them equal. */
function checkNode(name: string, sides: readonly ObjectSet[]): void {
  const names = [...new Set(sides.flatMap(({ nodes }) => nodes.map((node) => node.name)))];
  if (names.length === 0 || names.includes(name)) return;
  throw new InputError(`there is no Node ${name} in the manifests; they have ${listNames(names)}`);
}

const NAMES_SHOWN = 5;

function listNames(names: readonly string[]): string {
  const shown = [...names].sort().slice(0, NAMES_SHOWN).join(", ");
  return names.length > NAMES_SHOWN ? `${shown} and ${names.length - NAMES_SHOWN} more` : shown;
}

interface Applied {
  readonly dataplane: Dataplane;
  readonly warnings: readonly string[];
}

/** The scheduler decides whom chance favours, not whom it may: the one that needs least memory is taken. */
async function createApplied(
  { engine, node, network }: { engine: EngineName; node: string; network: Network | undefined },
  objects: ObjectSet,
): Promise<Applied> {
  const capacity = capacityFor(objects, network);
  const options = { node, network, capacity, scheduler: "random" } as const;
  const dataplane = await (engine === "wasm" ? createDataplane(options) : createModel(options));
  return { dataplane, warnings: dataplane.apply(objects).warnings };
}

/** What both sides have to say is said once; else it is said whose it is. */
function warn(old: string, next: string, [before, after]: readonly [Applied, Applied]): void {
  for (const warning of new Set([...before.warnings, ...after.warnings])) {
    const both = before.warnings.includes(warning) && after.warnings.includes(warning);
    const side = both ? "" : `${before.warnings.includes(warning) ? old : next}: `;
    process.stderr.write(`waxdp: warning: ${printable(`${side}${warning}`)}\n`);
  }
}
