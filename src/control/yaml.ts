/**
 * YAML documents with the places of their fields. The library is kept from what makes YAML dangerous: names
 * that occur twice are compared by a set instead of pairwise, and aliases are weighed before they are opened.
 */
import {
  Composer,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  Parser,
  type Document as YamlDocument,
} from "yaml";
import type { Path } from "./problem.ts";

/** A document of a text, or what is wrong with it. */
export interface YamlResult {
  readonly value: unknown;
  readonly faults: readonly Fault[];
  /** Offset of the field, or of the nearest one around it. */
  offset(path: Path): number;
}

export interface Fault {
  readonly offset: number;
  readonly message: string;
  readonly fix: string;
}

/** Nodes that the aliases of one document may add to it. */
const ALIASED_NODES_MAX = 1_000_000;
const ALIASES_MAX = 10_000;
/** Syntax errors told of one document; the later ones mostly follow from the first. */
const FAULTS_MAX = 20;
const TOO_DEEP = "is nested too deeply";

export function* parseYaml(text: string): Generator<YamlResult> {
  const composer = new Composer({ uniqueKeys: false, merge: true, logLevel: "silent" });
  const documents = composer.compose(new Parser().parse(text), false, text.length);
  for (;;) {
    const next = nextDocument(documents);
    if (next === undefined) return;
    yield next;
    if (next.faults.length > 0) return;
  }
}

/** The composer recurses; a text of a million brackets ends its stack, not ours. */
function nextDocument(documents: Generator<YamlDocument.Parsed>): YamlResult | undefined {
  try {
    const next = documents.next();
    return next.done ? undefined : resultOf(next.value);
  } catch (error) {
    return failure(0, error instanceof RangeError ? TOO_DEEP : String(error));
  }
}

function resultOf(document: YamlDocument.Parsed): YamlResult {
  const syntax = syntaxFaults(document);
  if (syntax.length > 0) return { value: undefined, faults: syntax, offset: () => 0 };
  const faults = inspect(document);
  if (faults.length > 0) return { value: undefined, faults, offset: () => 0 };
  return {
    value: document.toJS({ maxAliasCount: -1 }),
    faults,
    offset: (path) => offsetOf(document, path),
  };
}

/** The library turns the end of its stack into an error for every level on the way back. */
function syntaxFaults({ errors }: YamlDocument.Parsed): Fault[] {
  const tooDeep = errors.find(({ message }) => message.includes("call stack"));
  if (tooDeep) return [faultAt(tooDeep.pos[0], TOO_DEEP)];
  return errors.slice(0, FAULTS_MAX).map(({ pos, message }) => faultAt(pos[0], message));
}

function failure(offset: number, message: string): YamlResult {
  return { value: undefined, faults: [faultAt(offset, message)], offset: () => offset };
}

function faultAt(offset: number, message: string): Fault {
  return { offset, message, fix: "mend the YAML" };
}

function offsetOf(document: YamlDocument.Parsed, path: Path): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range[0] ?? document.range[0];
}

/** Names that occur twice in a mapping, and aliases that lead nowhere or to too much. */
function inspect(document: YamlDocument.Parsed): Fault[] {
  const inspection: Inspection = { faults: [], sizes: new Map(), aliases: 0, aliased: 0 };
  sizeOf(document.contents, inspection);
  return inspection.faults;
}

interface Inspection {
  readonly faults: Fault[];
  /** Nodes under each anchor that is complete, aliases opened. */
  readonly sizes: Map<string, number>;
  aliases: number;
  aliased: number;
}

/** Nodes of a subtree with its aliases opened. */
function sizeOf(node: unknown, inspection: Inspection): number {
  if (isAlias(node)) return aliasSize(node.source, node.range?.[0] ?? 0, inspection);
  if (isMap(node)) checkNames(node.items, inspection);
  let size = 1;
  if (isCollection(node)) for (const item of node.items) size += itemSize(item, inspection);
  if (isNode(node) && (isScalar(node) || isCollection(node)) && node.anchor)
    inspection.sizes.set(node.anchor, size);
  return size;
}

function itemSize(item: unknown, inspection: Inspection): number {
  if (!isPair(item)) return sizeOf(item, inspection);
  return sizeOf(item.key, inspection) + sizeOf(item.value, inspection);
}

function aliasSize(anchor: string, offset: number, inspection: Inspection): number {
  const size = inspection.sizes.get(anchor);
  inspection.aliases += 1;
  inspection.aliased += size ?? 0;
  if (size === undefined) {
    inspection.faults.push({
      offset,
      message: `alias *${anchor} has no anchor before it`,
      fix: "set the anchor first",
    });
  } else if (inspection.aliases > ALIASES_MAX || inspection.aliased > ALIASED_NODES_MAX) {
    const fault = {
      offset,
      message: "aliases make the document too large",
      fix: "write the values out",
    };
    if (!inspection.faults.some(({ message }) => message === fault.message))
      inspection.faults.push(fault);
  }
  return size ?? 1;
}

function checkNames(items: readonly unknown[], inspection: Inspection): void {
  const names = new Set<unknown>();
  for (const item of items) {
    if (!isPair(item) || !isScalar(item.key) || typeof item.key.value === "symbol") continue;
    const name = item.key.value;
    if (names.has(name)) {
      const offset = item.key.range?.[0] ?? 0;
      inspection.faults.push({
        offset,
        message: `the name ${JSON.stringify(name)} occurs twice`,
        fix: "keep one",
      });
    }
    names.add(name);
  }
}
