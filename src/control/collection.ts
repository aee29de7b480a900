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

type Kind = "Service" | "EndpointSlice" | "Node" | "KubeProxyConfiguration";

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ["v1 Service", "Service"],
  ["discovery.k8s.io/v1 EndpointSlice", "EndpointSlice"],
  ["discovery.k8s.io/v1beta1 EndpointSlice", "EndpointSlice"],
  ["v1 Node", "Node"],
  ["kubeproxy.config.k8s.io/v1alpha1 KubeProxyConfiguration", "KubeProxyConfiguration"],
]);
const READ_KINDS: ReadonlySet<string> = new Set(KINDS.values());

interface Collection {
  readonly problems: ProblemList;
  readonly services: Manifest<Service>[];
  readonly endpointSlices: Manifest<EndpointSlice>[];
  readonly nodes: Manifest<Node>[];
  readonly configs: Manifest<KubeProxyConfiguration>[];
  readonly skipped: Map<string, number>;
  /** What was collected, by "Kind namespace/name". */
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

export function collectObjects(
  documentsOf: (problems: ProblemList) => Iterable<Document>,
): ObjectSet {
  const collection: Collection = {
    problems: new ProblemList(),
    services: [],
    endpointSlices: [],
    nodes: [],
    configs: [],
    skipped: new Map(),
    places: new Map(),
  };
  for (const document of documentsOf(collection.problems)) {
    openValue(collection, document, [], document.value, {}, 0);
  }
  collection.problems.throwAny();
  const { services, endpointSlices, nodes, skipped } = collection;
  return { services, endpointSlices, nodes, config: collection.configs[0], skipped };
}

/** Items of a typed list ("ServiceList") carry no kind of their own: they inherit it. */
function openValue(
  collection: Collection,
  document: Document,
  path: Path,
  value: unknown,
  inherited: { apiVersion?: string; kind?: string },
  depth: number,
): undefined {
  const position = document.position(path);
  const refuse = refusal(collection, document.file, path, position);
  if (!isRecord(value))
    return refuse(`must be an object, not ${quote(value)}`, "write apiVersion, kind and metadata");
  const apiVersion = value.apiVersion ?? inherited.apiVersion;
  const kind = value.kind ?? inherited.kind;
  if (typeof kind !== "string" || kind === "")
    return refuse("has no kind", "write kind: Service, for example");
  if (typeof apiVersion !== "string" || apiVersion === "")
    return refuse("has no apiVersion", "write apiVersion: v1, for example");
  const item = { document, path, value, apiVersion, kind, position };
  if (kind.endsWith("List") && "items" in value) openList(collection, item, depth, refuse);
  else takeItem(collection, item);
}

/** Notes what is wrong with a value whose kind and name are not known yet. */
type Refuse = (message: string, fix: string) => undefined;

function refusal({ problems }: Collection, file: string, path: Path, position: Position): Refuse {
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

function openList(collection: Collection, list: Item, depth: number, refuse: Refuse): undefined {
  const items = list.value.items ?? [];
  if (!Array.isArray(items))
    return refuse(`items must be a list, not ${quote(items)}`, "write a list");
  if (depth >= LIST_DEPTH_MAX)
    return refuse(`is a list within more than ${LIST_DEPTH_MAX} lists`, "write one list");
  const kind = list.kind.slice(0, -"List".length);
  const inherited = kind === "" ? {} : { apiVersion: list.apiVersion, kind };
  items.forEach((item, index) => {
    openValue(
      collection,
      list.document,
      [...list.path, "items", index],
      item,
      inherited,
      depth + 1,
    );
  });
}

function takeItem(collection: Collection, item: Item): void {
  const kind = KINDS.get(`${item.apiVersion} ${item.kind}`);
  if (kind === "Service") take(collection, item, schema.service, collection.services, checkService);
  else if (kind === "EndpointSlice")
    take(collection, item, schema.endpointSlice, collection.endpointSlices, checkEndpointSlice);
  else if (kind === "Node") take(collection, item, schema.node, collection.nodes, checkNode);
  else if (kind)
    take(collection, item, schema.kubeProxyConfiguration, collection.configs, checkConfiguration);
  else skip(collection, item);
}

/** A kind of ours in a version or group that is not is counted under its full name. */
function skip({ skipped }: Collection, { apiVersion, kind }: Item): void {
  const name = READ_KINDS.has(kind) ? `${apiVersion} ${kind}` : kind;
  skipped.set(name, (skipped.get(name) ?? 0) + 1);
}

function take<T>(
  collection: Collection,
  item: Item,
  shape: v.GenericSchema<unknown, T & Named>,
  taken: Manifest<T>[],
  check: (object: T, report: Report) => void,
): void {
  const { namespace, name } = nameOf(item);
  const report = reportOf(collection, item, namespace === "" ? name : `${namespace}/${name}`);
  const parsed = v.safeParse(shape, item.value, { abortPipeEarly: true });
  if (!parsed.success) {
    for (const issue of parsed.issues) reportShape(issue, report);
    return;
  }
  if (item.kind !== "KubeProxyConfiguration")
    checkMetadata(item.kind, parsed.output.metadata, report);
  check(parsed.output, report);
  checkUnique(collection, item, `${item.kind} ${namespace}/${name}`, report);
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

function reportOf({ problems }: Collection, { document, path, kind }: Item, name: string): Report {
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

function checkUnique({ places }: Collection, item: Item, name: string, report: Report): void {
  const key = item.kind === "KubeProxyConfiguration" ? item.kind : name;
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
