/** KubeProxyConfiguration, its defaults filled in, as what the dataplane and the other decisions need. */
import { TIMEOUT_MAX } from "../../abi/limits.ts";
import type {
  AddressRange,
  Config,
  Family,
  Scheduler,
  Timeouts,
  Timer,
} from "../dataplane/entries.ts";
import type { PodInterfaces } from "../dataplane/snapshot/control.ts";
import {
  type Address,
  type Cidr,
  contains,
  isLoopback,
  mergeIntervals,
  parseAddress,
  parseCidr,
} from "./address.ts";
import { parseDuration } from "./duration.ts";
import type { ConntrackConfiguration, KubeProxyConfiguration } from "./kubernetes.ts";
import type { NodeView } from "./node.ts";
import { NO_POD_INTERFACES } from "./pod-interfaces.ts";
import type { Sysctls } from "./sysctls.ts";

/** What somebody asks of a dataplane beside the KubeProxyConfiguration. */
export interface Requests {
  readonly sysctls: Sysctls;
  /** Before the configuration's. */
  readonly scheduler?: Scheduler | undefined;
  readonly randomFully: boolean;
}

/** What the configuration comes to on one node. */
export interface Settings {
  readonly config: Config;
  readonly masqueradeAll: boolean;
  readonly scheduler: Scheduler;
  /** There is a way to tell pods of the family from other sources. */
  readonly detectsPods: { readonly [Name in Family]: boolean };
  /** Those that pods are behind. */
  readonly podInterfaces: PodInterfaces;
  /** NodePorts are served on the LOCAL address. */
  servesNodePorts(address: Address): boolean;
  readonly warnings: readonly string[];
}

/** kube-proxy's own defaults: pkg/proxy/apis/config/v1alpha1/defaults.go. */
const TCP_ESTABLISHED = "24h";
const TCP_CLOSE_WAIT = "1h";

/** A field that the configuration leaves out has kube-proxy's default, then the kernel's. */
export function settingsOf(
  configuration: KubeProxyConfiguration,
  node: NodeView,
  requests: Requests,
): Settings {
  const { iptables, mode, nodePortAddresses } = configuration;
  const detector = detectorOf(configuration, node);
  const nodePorts = nodePortsOf(nodePortAddresses ?? [], node);
  const localhost = (iptables?.localhostNodePorts ?? true) && nodePorts.loopback;
  return {
    config: {
      podRanges: detector.ranges,
      localhostNodePorts: localhost,
      ...trackingOf(configuration.conntrack ?? {}, requests),
    },
    masqueradeAll: iptables?.masqueradeAll ?? false,
    scheduler: requests.scheduler ?? schedulerOf(configuration),
    detectsPods: detector.detects,
    podInterfaces: detector.podInterfaces,
    servesNodePorts: nodePorts.serves,
    warnings: [...modeWarnings(mode), ...detector.warnings],
  };
}

function trackingOf(
  conntrack: ConntrackConfiguration,
  { sysctls, randomFully }: Requests,
): Omit<Config, "podRanges" | "localhostNodePorts"> {
  const { checksum, tcpNoWindowCheck, tcpLoose, tcpMaxRetrans, fragmentTimeouts } = sysctls;
  const tcpBeLiberal = (conntrack.tcpBeLiberal ?? false) || sysctls.tcpBeLiberal;
  const timeouts = timeoutsOf(conntrack, sysctls);
  return {
    tcpBeLiberal,
    tcpNoWindowCheck,
    tcpLoose,
    tcpMaxRetrans,
    checksum,
    randomFully,
    timeouts,
    fragmentTimeouts,
  };
}

interface Detector {
  readonly ranges: {
    readonly ipv4: readonly AddressRange[];
    readonly ipv6: readonly AddressRange[];
  };
  readonly detects: { readonly ipv4: boolean; readonly ipv6: boolean };
  readonly podInterfaces: PodInterfaces;
  readonly warnings: readonly string[];
}

function detectorOf(
  { detectLocalMode, detectLocal, clusterCIDR }: KubeProxyConfiguration,
  node: NodeView,
): Detector {
  const { bridgeInterface, interfaceNamePrefix } = detectLocal ?? {};
  if (detectLocalMode === "BridgeInterface")
    return interfaceDetector({ kind: "name", text: bridgeInterface ?? "" });
  if (detectLocalMode === "InterfaceNamePrefix")
    return interfaceDetector({ kind: "prefix", text: interfaceNamePrefix ?? "" });
  if (detectLocalMode === "NodeCIDR")
    return rangeDetector(node.podCidrs, "NodeCIDR is asked for, but the Node has no podCIDRs");
  const cidrs = (clusterCIDR ?? "").split(",").map((text) => parseCidr(text.trim()));
  return rangeDetector(
    cidrs.filter((cidr) => cidr !== undefined),
    "there is no clusterCIDR: pods cannot be told from other sources",
  );
}

function interfaceDetector(podInterfaces: PodInterfaces): Detector {
  return {
    ranges: { ipv4: [], ipv6: [] },
    detects: { ipv4: true, ipv6: true },
    podInterfaces,
    warnings: [],
  };
}

function rangeDetector(cidrs: readonly Cidr[], warning: string): Detector {
  const ranges = (family: Family) => mergeIntervals(cidrs.filter((cidr) => cidr.family === family));
  const [ipv4, ipv6] = [ranges("ipv4"), ranges("ipv6")];
  return {
    ranges: { ipv4, ipv6 },
    detects: { ipv4: ipv4.length > 0, ipv6: ipv6.length > 0 },
    podInterfaces: NO_POD_INTERFACES,
    warnings: cidrs.length === 0 ? [warning] : [],
  };
}

interface NodePorts {
  readonly serves: (address: Address) => boolean;
  /** 127.0.0.0/8 is not excluded by the list. */
  readonly loopback: boolean;
}

/** A list without CIDRs of a family leaves that family unrestricted; ::1 never serves nodePorts. */
function nodePortsOf(texts: readonly string[], { primary }: NodeView): NodePorts {
  if (texts.includes("primary")) {
    return { serves: ({ family, text }) => primary[family]?.text === text, loopback: false };
  }
  const cidrs = texts.map(parseCidr).filter((cidr) => cidr !== undefined);
  const of = (family: Family) => cidrs.filter((cidr) => cidr.family === family);
  const lists = { ipv4: of("ipv4"), ipv6: of("ipv6") };
  const serves = (address: Address): boolean => {
    const list = lists[address.family];
    return (
      !isLoopback(address) && (list.length === 0 || list.some((cidr) => contains(cidr, address)))
    );
  };
  const loopback = lists.ipv4.length === 0 || texts.some(admitsLoopback);
  return { serves, loopback };
}

/** kube-proxy looks at the address as it is written, not at the network, and lets 0.0.0.0/0 include it. */
function admitsLoopback(text: string): boolean {
  const address = parseAddress(text.split("/")[0] ?? "");
  const cidr = parseCidr(text);
  return address?.family === "ipv4" && (isLoopback(address) || cidr?.prefix === 0);
}

/**
 * What the configuration says; else what was set by a sysctl; else kube-proxy's default; else the kernel's. A zero
 * leaves the kernel's own.
 */
function timeoutsOf(conntrack: ConntrackConfiguration, { timeouts, given }: Sysctls): Timeouts {
  const timeoutOf = (timer: Timer, text: string | null | undefined, fallback = "0s") =>
    wholeMilliseconds(
      parseDuration(text ?? (given.has(timer) ? "0s" : fallback)) || timeouts[timer],
    );
  return {
    ...timeouts,
    ESTABLISHED: timeoutOf("ESTABLISHED", conntrack.tcpEstablishedTimeout, TCP_ESTABLISHED),
    CLOSE_WAIT: timeoutOf("CLOSE_WAIT", conntrack.tcpCloseWaitTimeout, TCP_CLOSE_WAIT),
    UDP: timeoutOf("UDP", conntrack.udpTimeout),
    UDP_STREAM: timeoutOf("UDP_STREAM", conntrack.udpStreamTimeout),
  };
}

function wholeMilliseconds(milliseconds: number): number {
  return Math.min(Math.ceil(milliseconds), TIMEOUT_MAX);
}

/** IPVS's mh is Maglev hashing; its other schedulers have no counterpart here yet. */
function schedulerOf({ mode, ipvs }: KubeProxyConfiguration): Scheduler {
  return mode === "ipvs" && ipvs?.scheduler === "mh" ? "maglev" : "random";
}

function modeWarnings(mode: string | null | undefined): string[] {
  if (!mode || mode === "iptables") return [];
  return [`mode ${mode}: the rules of kube-proxy's iptables mode are used instead`];
}
