/** A change of the dataplane's maps: printed for people, applied whole or not at all. */
import type {
  Backend,
  Config,
  Endpoint,
  Entries,
  Interface,
  Ring,
  RingKey,
  Route,
  Service,
  Vip,
} from "./entries.ts";

/** The maps that the control plane writes; conntrack and affinity belong to the packet path. */
export type ControlMap =
  | "services"
  | "backends"
  | "rings"
  | "endpoints"
  | "addresses"
  | "interfaces"
  | "config";

/** One entry written or deleted; `label` names it for people. */
export type Operation = {
  [Name in ControlMap]:
    | {
        readonly op: "update";
        readonly map: Name;
        readonly key: Entries[Name]["key"];
        readonly value: Entries[Name]["value"];
        readonly create: boolean;
        readonly label: string;
      }
    | {
        readonly op: "delete";
        readonly map: Name;
        readonly key: Entries[Name]["key"];
        readonly label: string;
      };
}[ControlMap];

/** What an apply changes, in the order in which it does. */
export interface Transaction {
  readonly operations: readonly Operation[];
  /** What a reader should know: frontends claimed twice, objects of a kind that was skipped. */
  readonly warnings: readonly string[];
  readonly empty: boolean;
  /** One line per operation. */
  toString(): string;
}

export function createTransaction(
  operations: readonly Operation[],
  warnings: readonly string[] = [],
): Transaction {
  return {
    operations,
    warnings,
    empty: operations.length === 0,
    toString: () => operations.map(printOperation).join("\n"),
  };
}

/** "+ backends 7 10.244.1.5:8080 of default/web:http: rings cluster"; + creates, ~ changes, - deletes. */
function printOperation(operation: Operation): string {
  const sign = operation.op === "delete" ? "-" : operation.create ? "+" : "~";
  const subject = [operation.map, printKey(operation), operation.label]
    .filter((part) => part !== "")
    .join(" ");
  return operation.op === "delete"
    ? `${sign} ${subject}`
    : `${sign} ${subject}: ${printValue(operation)}`;
}

function printKey(operation: Operation): string {
  switch (operation.map) {
    case "services":
    case "endpoints":
      return printVip(operation.key);
    case "rings":
      return printRingKey(operation.key);
    case "addresses":
      return operation.key.address;
    case "config":
      return "";
    default:
      return String(operation.key);
  }
}

function printValue(operation: Extract<Operation, { op: "update" }>): string {
  switch (operation.map) {
    case "services":
      return printService(operation.value);
    case "backends":
      return printBackend(operation.value);
    case "rings":
      return printRing(operation.value);
    case "endpoints":
      return printEndpoint(operation.value);
    case "addresses":
      return operation.value.nodePorts ? "nodePorts served" : "nodePorts not served";
    case "interfaces":
      return printInterface(operation.value);
    case "config":
      return printConfig(operation.value);
  }
}

/** "10.96.0.1:80/tcp"; no two vips have one text. */
export function printVip({ family, address, port, proto }: Vip): string {
  if (address === "") return `nodePort:${port}/${proto} ${family}`;
  return family === "ipv6" ? `[${address}]:${port}/${proto}` : `${address}:${port}/${proto}`;
}

function printRingKey({ service, ring }: RingKey): string {
  return `${service}/${ring}`;
}

function printService({ frontend, service, affinity, sourceRanges, routes }: Service): string {
  const parts = [`${frontend} of service ${service}`];
  for (const source of ["pod", "local", "other"] as const)
    parts.push(`${source} ${printRoute(routes[source])}`);
  if (affinity > 0) parts.push(`affinity ${affinity / 1000} s`);
  if (sourceRanges)
    parts.push(`sources ${sourceRanges.map(({ first, last }) => `${first}-${last}`).join(" ")}`);
  return parts.join(", ");
}

function printRoute(route: Route): string {
  if (route.action !== "dnat") return `${route.action} ${route.reason}`;
  return route.masquerade ? `dnat ${route.ring} masquerade` : `dnat ${route.ring}`;
}

function printBackend({ service, rings, masquerade, proto }: Backend): string {
  const membership = rings.length === 0 ? "draining" : `rings ${rings.join(" ")}`;
  return `${proto} of service ${service}, ${membership}, masquerade ${masquerade || "none"}`;
}

function printEndpoint({ backend }: Endpoint): string {
  return `backend ${backend}`;
}

/** A Maglev table says nothing to a reader; a short ring does. */
function printRing({ scheduler, slots }: Ring): string {
  return slots.length <= PRINTED_SLOTS_MAX
    ? `${scheduler} ${slots.join(" ")}`
    : `${scheduler}, ${slots.length} slots`;
}

const PRINTED_SLOTS_MAX = 16;

function printInterface({ ipv4, ipv6, pod }: Interface): string {
  return [ipv4, ipv6, pod ? "pods" : ""].filter((part) => part !== "").join(" ") || "no address";
}

function printConfig(config: Config): string {
  const ranges = [...config.podRanges.ipv4, ...config.podRanges.ipv6].map(
    ({ first, last }) => `${first}-${last}`,
  );
  return [
    `pods ${ranges.join(" ") || "not detected by address"}`,
    `localhost nodePorts ${onOff(config.localhostNodePorts)}`,
    `liberal ${onOff(config.tcpBeLiberal)}`,
    `window check ${onOff(!config.tcpNoWindowCheck)}`,
    `loose ${onOff(config.tcpLoose)}`,
    `checksums ${onOff(config.checksum)}`,
    `random ports ${onOff(config.randomFully)}`,
    `max retrans ${config.tcpMaxRetrans}`,
    `timeouts ${printTimes(config.timeouts)} s`,
    `fragments ${printTimes(config.fragmentTimeouts)} s`,
  ].join(", ");
}

function onOff(on: boolean): string {
  return on ? "on" : "off";
}

function printTimes(times: Readonly<Record<string, number>>): string {
  return Object.entries(times)
    .map(([name, milliseconds]) => `${name} ${milliseconds / 1000}`)
    .join(" ");
}
