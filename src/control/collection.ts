/** Documents sorted into an object set: lists opened, kinds told apart, every object checked. */
import * as v from "valibot";
import { checkConfiguration } from "./admission/configuration.ts";
import { checkEndpointSlice } from "./admission/endpointslice.ts";
import { checkMetadata } from "./admission/metadata.ts";
import { checkNode } from "./admission/node.ts";
import type { Report } from "./admission/report.ts";
import { checkService } from "./admission/service.ts";
import type {
  Document,
  EndpointSlice,
  KubeProxyConfiguration,
  Manifest,
  Metadata,
  Node,
  ObjectSet,
  Service,
} from "./kubernetes.ts";
import { type Path, type Position, ProblemList, printPath, quote } from "./problem.ts";
import * as schema from "./schema.ts";

/** Lists within lists within lists: kubectl makes one, a pipeline of tools two. */
const LIST_DEPTH_MAX = 8;
/** Wrong fields told of one object. */
const OBJECT_PROBLEMS_MAX = 100;

/** The kinds that are read. */
export type Kind = "Service" | "EndpointSlice" | "Node" | "KubeProxyConfiguration";

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ["v1 Service", "Service"],
  ["discovery.k8s.io/v1 EndpointSlice", "EndpointSlice"],
  ["discovery.k8s.io/v1beta1 EndpointSlice", "EndpointSlice"],
  ["v1 Node", "Node"],
  ["kubeproxy.config.k8s.io/v1alpha1 KubeProxyConfiguration", "KubeProxyConfiguration"],
]);
export const READ_KINDS: ReadonlySet<string> = new Set(KINDS.values());

/** Objects found good, and the names of those of other kinds. */
export interface Collection {
  readonly services: readonly Manifest<Service>[];
  readonly endpointSlices: readonly Manifest<EndpointSlice>[];
  readonly nodes: readonly Manifest<Node>[];
  readonly configs: readonly Manifest<KubeProxyConfiguration>[];
  readonly skipped: readonly Identity[];
}

/** Which object it is. */
export interface Identity {
  /** Of ours or another. */
  readonly kind: string;
  /** "default" where the object names none, "" where it can have none. */
  readonly namespace: string;
  readonly name: string;
}

/** Documents being read, and what becomes of each object in them. */
interface Reading {
  readonly problems: ProblemList;
  take(item: Item): void;
}

/** Objects being collected. */
interface Collecting extends Reading {
  readonly services: Manifest<Service>[];
  readonly endpointSlices: Manifest<EndpointSlice>[];
  readonly nodes: Manifest<Node>[];
  readonly configs: Manifest<KubeProxyConfiguration>[];
  readonly skipped: Identity[];
  /** Where what was collected stood, by its text. */
  readonly places: Map<string, string>;
}

/** A value of a document that should be an object of the API. */
interface Item {
  readonly document: Document;
  readonly path: Path;
  readonly value: Readonly<Record<string, unknown>>;
  readonly apiVersion: string;
  readonly kind: string;
  readonly position: Position;
}

type Documents = (problems: ProblemList) => Iterable<Document>;

/** Throws ManifestError with every problem there is. Nobody can change what it returns. */
export function collectObjects(documentsOf: Documents): ObjectSet {
  const { services, endpointSlices, nodes, configs, skipped } = collect(documentsOf);
  for (const list of [services, endpointSlices, nodes]) Object.freeze(list);
  return Object.freeze({
    services,
    endpointSlices,
    nodes,
    config: configs[0],
    skipped: countKinds(skipped),
  });
}

export function countKinds(identities: readonly Identity[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { kind } of identities) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Of everything that was collected. */
export function* identitiesOf(collection: Collection): IterableIterator<Identity> {
  const { services, endpointSlices, nodes, configs, skipped } = collection;
  const lists: [Kind, readonly Manifest<unknown>[]][] = [
    ["Service", services],
    ["EndpointSlice", endpointSlices],
    ["Node", nodes],
    ["KubeProxyConfiguration", configs],
  ];
  for (const [kind, manifests] of lists)
    for (const { namespace, name } of manifests) yield { kind, namespace, name };
  yield* skipped;
}

/** "Service ns/name": objects of one text are one object. Of configurations there is one, by whatever name. */
export function identityText({ kind, namespace, name }: Identity): string {
  return kind === "KubeProxyConfiguration" ? kind : `${kind} ${namespace}/${name}`;
}

/** Throws as `collectObjects`. */
export function collect(documentsOf: Documents): Collection {
  const collecting: Collecting = {
    problems: new ProblemList(),
    services: [],
    endpointSlices: [],
    nodes: [],
    configs: [],
    skipped: [],
    places: new Map(),
    take: (item) => takeItem(collecting, item),
  };
  read(collecting, documentsOf);
  return collecting;
}

/** Which objects they are; of the objects themselves nothing else is looked at. Throws as `collectObjects`. */
export function identify(documentsOf: Documents): Identity[] {
  const found: Identity[] = [];
  const reading: Reading = {
    problems: new ProblemList(),
    take(item) {
      const { namespace, name } = nameOf(item);
      const kind = KINDS.get(`${item.apiVersion} ${item.kind}`);
      if (kind && kind !== "KubeProxyConfiguration" && name === "")
        reportOf(reading, item, "")(["metadata", "name"], "is required", "name the object");
      found.push({ kind: kind ?? skippedKind(item), namespace, name });
    },
  };
  read(reading, documentsOf);
  return found;
}

function read(reading: Reading, documentsOf: Documents): void {
  for (const document of documentsOf(reading.problems))
    openValue(reading, document, NO_PATH, document.value, NOTHING_INHERITED, 0);
  reading.problems.throwAny();
}

const NO_PATH: Path = [];
const NOTHING_INHERITED = {};

/** Items of a typed list ("ServiceList") carry no kind of their own: they inherit it. */
function openValue(
  reading: Reading,
  document: Document,
  path: Path,
  value: unknown,
  inherited: { apiVersion?: string; kind?: string },
  depth: number,
): undefined {
  const position = document.position(path);
  const refuse = refusal(reading, document.file, path, position);
  if (!isRecord(value))
    return refuse(`must be an object, not ${quote(value)}`, "write apiVersion, kind and metadata");
  const apiVersion = value.apiVersion ?? inherited.apiVersion;
  const kind = value.kind ?? inherited.kind;
  if (typeof kind !== "string" || kind === "")
    return refuse("has no kind", "write kind: Service, for example");
  if (typeof apiVersion !== "string" || apiVersion === "")
    return refuse("has no apiVersion", "write apiVersion: v1, for example");
  const item = { document, path, value, apiVersion, kind, position };
  if (kind.endsWith("List") && "items" in value) openList(reading, item, depth, refuse);
  else reading.take(item);
}

/** Notes what is wrong with a value whose kind and name are not known yet. */
type Refuse = (message: string, fix: string) => undefined;

function refusal({ problems }: Reading, file: string, path: Path, position: Position): Refuse {
  return (message, fix) => {
    problems.add("bad-object", {
      file,
      ...position,
      object: "",
      path: printPath(path),
      message,
      fix,
    });
  };
}

function openList(reading: Reading, list: Item, depth: number, refuse: Refuse): undefined {
  const items = list.value.items ?? [];
  if (!Array.isArray(items))
    return refuse(`items must be a list, not ${quote(items)}`, "write a list");
  if (depth >= LIST_DEPTH_MAX)
    return refuse(`is a list within more than ${LIST_DEPTH_MAX} lists`, "write one list");
  const kind = list.kind.slice(0, -"List".length);
  const inherited = kind === "" ? {} : { apiVersion: list.apiVersion, kind };
  items.forEach((item, index) => {
    openValue(reading, list.document, [...list.path, "items", index], item, inherited, depth + 1);
  });
}

function takeItem(collecting: Collecting, item: Item): void {
  const { services, endpointSlices, nodes, configs, skipped } = collecting;
  const kind = KINDS.get(`${item.apiVersion} ${item.kind}`);
  if (kind === "Service") take(collecting, item, schema.service, services, checkService);
  else if (kind === "EndpointSlice")
    take(collecting, item, schema.endpointSlice, endpointSlices, checkEndpointSlice);
  else if (kind === "Node") take(collecting, item, schema.node, nodes, checkNode);
  else if (kind) take(collecting, item, schema.kubeProxyConfiguration, configs, checkConfiguration);
  else skipped.push({ kind: skippedKind(item), ...nameOf(item) });
}

/** A kind of ours in a version or group that is not goes by its full name. */
function skippedKind({ apiVersion, kind }: Item): string {
  return READ_KINDS.has(kind) ? `${apiVersion} ${kind}` : kind;
}

function take<T>(
  collecting: Collecting,
  item: Item,
  shape: v.GenericSchema<unknown, T & Named>,
  taken: Manifest<T>[],
  check: (object: T, report: Report) => void,
): void {
  const { namespace, name } = nameOf(item);
  const report = reportOf(collecting, item, namespace === "" ? name : `${namespace}/${name}`);
  const parsed = v.safeParse(shape, item.value, { abortPipeEarly: true });
  if (!parsed.success) {
    for (const issue of parsed.issues) reportShape(issue, report);
    return;
  }
  if (item.kind !== "KubeProxyConfiguration")
    checkMetadata(item.kind, parsed.output.metadata, report);
  check(parsed.output, report);
  checkUnique(collecting, item, identityText({ kind: item.kind, namespace, name }), report);
  const origin = { file: item.document.file, line: item.position.line };
  taken.push({ namespace, name, origin, object: parsed.output });
}

interface Named {
  readonly metadata?: Metadata | null | undefined;
}

/** For messages too, so it copes with metadata of any shape. */
function nameOf({ kind, value }: Item): { namespace: string; name: string } {
  const metadata = isRecord(value.metadata) ? value.metadata : {};
  const name = typeof metadata.name === "string" ? metadata.name : "";
  if (kind === "Node" || kind === "KubeProxyConfiguration") return { namespace: "", name };
  const namespace = metadata.namespace;
  return {
    namespace: typeof namespace === "string" && namespace !== "" ? namespace : "default",
    name,
  };
}

function reportOf({ problems }: Reading, { document, path, kind }: Item, name: string): Report {
  const object = name === "" ? kind : `${kind} ${quote(name).slice(1, -1)}`;
  let told = 0;
  return (field, message, fix) => {
    told += 1;
    if (told > OBJECT_PROBLEMS_MAX) return;
    const position = document.position([...path, ...field]);
    problems.add("bad-object", {
      file: document.file,
      ...position,
      object,
      path: printPath(field),
      message,
      fix,
    });
  };
}

function reportShape(issue: v.BaseIssue<unknown>, report: Report): void {
  const path = (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
  const expected = EXPECTED.get(issue.expected ?? issue.type) ?? "a value of the right kind";
  if (issue.input === undefined) report(path, "is required", `write ${expected}`);
  else report(path, `must be ${expected}, not ${quote(issue.input)}`, `write ${expected}`);
}

/** Valibot's names of what it wanted, in our words. */
const EXPECTED: ReadonlyMap<string, string> = new Map([
  ["string", "a string"],
  ["number", "an integer"],
  ["integer", "an integer"],
  ["boolean", "true or false"],
  ["Array", "a list"],
  ["Object", "an object"],
  // The expected kind of a missing key is its name in quotes; only these keys are required.
  ['"port"', "an integer"],
  ['"addresses"', "a list"],
  ['"addressType"', "IPv4, IPv6 or FQDN"],
  ['"name"', "a name"],
  ['"type"', "an address type"],
  ['"address"', "an address"],
  ['"key"', "a taint key"],
  ["(string | Date)", "a time"],
]);

function checkUnique({ places }: Collecting, item: Item, key: string, report: Report): void {
  const place = places.get(key);
  if (place !== undefined)
    report([], `is in the input twice; the first one is ${place}`, "keep one of them");
  const { line } = item.position;
  const { file } = item.document;
  const here = line === 0 ? "in the same list" : `at ${file === "" ? "line " : `${file}:`}${line}`;
  if (place === undefined) places.set(key, here);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
