/**
 * kube-proxy's rules in iptables mode, as text for iptables-restore: chains, their names and their order are
 * those of pkg/proxy/iptables. Written from the objects, so that waxdp's own reading of them is judged too.
 */
import { createHash } from "node:crypto";
import { BlockList } from "node:net";
import type { Family } from "../../src/index.ts";
import type { Rules } from "./lab.ts";
import { type Endpoint, type ServicePort, servicePortsOf } from "./serviceport.ts";
import { CLUSTER_CIDRS, familyOf, INTERNAL_IPS, NODE_ADDRESSES } from "./topology.ts";

/** The settings of kube-proxy that change rules. */
export interface Settings {
  readonly masqueradeAll: boolean;
  /** Pods are known by the cluster CIDRs, or not at all. */
  readonly detectLocal: boolean;
  /** Every address of the node serves nodePorts when there are none. */
  readonly nodePortAddresses: readonly string[];
  readonly localhostNodePorts: boolean;
  readonly tcpBeLiberal: boolean;
  readonly randomFully: boolean;
  /** "nth" takes endpoints by turns, which shows all of them; kube-proxy's is "random". */
  readonly spread: "random" | "nth";
}

/** What kube-proxy would have written for Services and EndpointSlices. */
export function rulesOf(objects: readonly object[], settings: Settings): Rules {
  return {
    ipv4: tables(servicePortsOf(objects, "ipv4"), settings, "ipv4"),
    ipv6: tables(servicePortsOf(objects, "ipv6"), settings, "ipv6"),
  };
}

/** Lines of one table: each chain is declared where it is first written to. */
class Table {
  readonly #chains = new Set<string>();
  readonly #lines: string[] = [];
  readonly #name: string;

  constructor(name: string, ...chains: readonly string[]) {
    this.#name = name;
    for (const chain of chains) this.#chains.add(chain);
  }

  add(chain: string, ...words: readonly string[]): void {
    this.#chains.add(chain);
    this.#lines.push(["-A", chain, ...words].join(" "));
  }

  toString(): string {
    const builtin = /^[A-Z]+$/;
    const chains = [...this.#chains].map(
      (chain) => `:${chain} ${builtin.test(chain) ? "ACCEPT" : "-"} [0:0]`,
    );
    return [`*${this.#name}`, ...chains, ...this.#lines, "COMMIT", ""].join("\n");
  }
}

function tables(ports: readonly ServicePort[], settings: Settings, family: Family): string {
  const nat = new Table("nat", "KUBE-SERVICES", "KUBE-NODEPORTS");
  const filter = new Table(
    "filter",
    "KUBE-SERVICES",
    "KUBE-EXTERNAL-SERVICES",
    "KUBE-PROXY-FIREWALL",
    "KUBE-NODEPORTS",
  );
  writeHooks(nat, filter, settings, family);
  for (const port of ports) {
    writeFrontends(nat, port);
    writeInternal(nat, port, settings);
    writeExternal(nat, port, settings);
    writeFirewall(nat, filter, port);
    writeEndpoints(nat, port, settings);
    writeRefusals(filter, port);
  }
  writeNodePorts(nat, settings, family);
  return `${nat}${filter}`;
}

const NEW = ["-m", "conntrack", "--ctstate", "NEW"];
const MARKED = "0x4000/0x4000";
const LOCAL_SOURCE = ["-m", "addrtype", "--src-type", "LOCAL"];
const LOCAL_DESTINATION = ["-m", "addrtype", "--dst-type", "LOCAL"];
const MASQUERADE = ["-j", "KUBE-MARK-MASQ"];

/** kube-proxy puts its jumps in front of what is there, so the last it writes is the first. */
function writeHooks(nat: Table, filter: Table, settings: Settings, family: Family): void {
  nat.add("PREROUTING", "-j KUBE-SERVICES");
  nat.add("OUTPUT", "-j KUBE-SERVICES");
  nat.add("POSTROUTING", "-j KUBE-POSTROUTING");
  nat.add("KUBE-MARK-MASQ", "-j MARK --or-mark 0x4000");
  nat.add("KUBE-POSTROUTING", "-m mark ! --mark", MARKED, "-j RETURN");
  nat.add("KUBE-POSTROUTING", "-j MARK --xor-mark 0x4000");
  nat.add("KUBE-POSTROUTING", "-j MASQUERADE", settings.randomFully ? "--random-fully" : "");

  filter.add("INPUT", ...NEW, "-j KUBE-PROXY-FIREWALL");
  filter.add("INPUT", "-j KUBE-NODEPORTS");
  filter.add("INPUT", ...NEW, "-j KUBE-EXTERNAL-SERVICES");
  filter.add("INPUT", "-j KUBE-FIREWALL");
  filter.add("FORWARD", ...NEW, "-j KUBE-PROXY-FIREWALL");
  filter.add("FORWARD", "-j KUBE-FORWARD");
  filter.add("FORWARD", ...NEW, "-j KUBE-SERVICES");
  filter.add("FORWARD", ...NEW, "-j KUBE-EXTERNAL-SERVICES");
  filter.add("OUTPUT", ...NEW, "-j KUBE-PROXY-FIREWALL");
  filter.add("OUTPUT", ...NEW, "-j KUBE-SERVICES");
  filter.add("OUTPUT", "-j KUBE-FIREWALL");
  writeForward(filter, settings);
  writeLoopback(filter, settings, family);
}

function writeForward(filter: Table, settings: Settings): void {
  if (!settings.tcpBeLiberal) {
    filter.add("KUBE-FORWARD", "-m conntrack --ctstate INVALID -j DROP");
  }
  filter.add("KUBE-FORWARD", "-m mark --mark", MARKED, "-j ACCEPT");
  filter.add("KUBE-FORWARD", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
}

/** With nodePorts on loopback addresses these are routed, which nobody outside is to make use of. */
function writeLoopback(filter: Table, settings: Settings, family: Family): void {
  if (family === "ipv4" && settings.localhostNodePorts) {
    const known = "-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT";
    filter.add("KUBE-FIREWALL", "-d 127.0.0.0/8 ! -s 127.0.0.0/8", known, "-j DROP");
  } else {
    filter.add("KUBE-FIREWALL", "-j RETURN");
  }
}

function protocol({ proto }: ServicePort, port: number): string[] {
  return ["-p", proto, "-m", proto, "--dport", String(port)];
}

function at(port: ServicePort, address: string): string[] {
  return ["-d", address, ...protocol(port, port.port)];
}

function firewalled({ hasEndpoints, vips, sourceRanges }: ServicePort): boolean {
  return hasEndpoints && vips.length > 0 && sourceRanges.length > 0;
}

/** The endpoints of a policy are there. */
function hasInternal(port: ServicePort): boolean {
  return port.hasEndpoints && (!port.internalLocal || port.local.length > 0);
}

function hasExternal(port: ServicePort): boolean {
  return port.hasEndpoints && (!port.externalLocal || port.local.length > 0);
}

function chain(kind: "SVC" | "SVL" | "EXT" | "FW", { name, proto }: ServicePort): string {
  return `KUBE-${kind}-${hashOf(name + proto)}`;
}

function endpointChain({ name, proto }: ServicePort, { text }: Endpoint): string {
  return `KUBE-SEP-${hashOf(name + proto + text)}`;
}

function policyChain(port: ServicePort, local: boolean): string {
  return chain(local ? "SVL" : "SVC", port);
}

function writeFrontends(nat: Table, port: ServicePort): void {
  if (hasInternal(port)) {
    const target = policyChain(port, port.internalLocal);
    nat.add("KUBE-SERVICES", ...at(port, port.clusterIP), "-j", target);
  }
  if (!port.hasEndpoints) return;
  for (const address of port.externalIPs) {
    nat.add("KUBE-SERVICES", ...at(port, address), "-j", chain("EXT", port));
  }
  const target = chain(firewalled(port) ? "FW" : "EXT", port);
  for (const vip of port.vips) nat.add("KUBE-SERVICES", ...at(port, vip), "-j", target);
  if (port.nodePort !== undefined) {
    nat.add("KUBE-NODEPORTS", ...protocol(port, port.nodePort), "-j", chain("EXT", port));
  }
}

function writeInternal(nat: Table, port: ServicePort, settings: Settings): void {
  if (!hasInternal(port)) return;
  const from = policyChain(port, port.internalLocal);
  const dialled = at(port, port.clusterIP);
  if (settings.masqueradeAll) nat.add(from, ...dialled, ...MASQUERADE);
  else if (settings.detectLocal) {
    nat.add(from, ...dialled, "! -s", CLUSTER_CIDRS[port.family], ...MASQUERADE);
  }
}

function writeExternal(nat: Table, port: ServicePort, settings: Settings): void {
  const reached = port.nodePort !== undefined || port.externalIPs.length + port.vips.length > 0;
  if (!port.hasEndpoints || !reached) return;
  const from = chain("EXT", port);
  if (port.externalLocal) {
    const everyone = chain("SVC", port);
    if (settings.detectLocal) nat.add(from, "-s", CLUSTER_CIDRS[port.family], "-j", everyone);
    nat.add(from, ...LOCAL_SOURCE, ...MASQUERADE);
    nat.add(from, ...LOCAL_SOURCE, "-j", everyone);
  } else {
    nat.add(from, ...MASQUERADE);
  }
  if (hasExternal(port)) nat.add(from, "-j", policyChain(port, port.externalLocal));
}

/** Source ranges keep VIPs from being translated here; what is not is dropped in the filter table. */
function writeFirewall(nat: Table, filter: Table, port: ServicePort): void {
  if (!firewalled(port)) return;
  const from = chain("FW", port);
  const accept = ["-j", chain("EXT", port)];
  for (const range of port.sourceRanges) nat.add(from, "-s", range, ...accept);
  if (includesNode(port)) for (const vip of port.vips) nat.add(from, "-s", vip, ...accept);
  nat.add(from, `-m comment --comment "other traffic to ${port.name} will be dropped"`);
  for (const vip of port.vips) filter.add("KUBE-PROXY-FIREWALL", ...at(port, vip), "-j DROP");
}

function includesNode({ sourceRanges, family }: ServicePort): boolean {
  const primary = INTERNAL_IPS.find((address) => familyOf(address) === family) as string;
  return sourceRanges.some((range) => contains(range, primary));
}

function contains(range: string, address: string): boolean {
  const [network = "", prefix] = range.split("/");
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), familyOf(network));
  return list.check(address, familyOf(address));
}

function writeEndpoints(nat: Table, port: ServicePort, settings: Settings): void {
  writeChoice(nat, chain("SVC", port), port, port.cluster, settings);
  writeChoice(nat, chain("SVL", port), port, port.local, settings);
  const reachable = new Map([...port.cluster, ...port.local].map((one) => [one.text, one]));
  for (const endpoint of reachable.values()) {
    const from = endpointChain(port, endpoint);
    nat.add(from, "-s", endpoint.address, ...MASQUERADE);
    const remember = port.affinity === undefined ? [] : [`-m recent --name ${from} --set`];
    const { proto } = port;
    nat.add(from, ...remember, `-p ${proto} -m ${proto} -j DNAT --to-destination`, endpoint.text);
  }
}

function writeChoice(
  nat: Table,
  from: string,
  port: ServicePort,
  endpoints: readonly Endpoint[],
  { spread }: Settings,
): void {
  if (port.affinity !== undefined) {
    for (const endpoint of endpoints) {
      const target = endpointChain(port, endpoint);
      const known = `-m recent --name ${target} --rcheck --seconds ${port.affinity} --reap`;
      nat.add(from, known, "-j", target);
    }
  }
  endpoints.forEach((endpoint, index) => {
    const left = endpoints.length - index;
    nat.add(from, left > 1 ? share(left, spread) : "", "-j", endpointChain(port, endpoint));
  });
}

/** One in `left`. */
function share(left: number, spread: Settings["spread"]): string {
  return spread === "random"
    ? `-m statistic --mode random --probability ${(1 / left).toFixed(10)}`
    : `-m statistic --mode nth --every ${left} --packet 0`;
}

/** After every other frontend, so that an address of the node can be one too. */
function writeNodePorts(nat: Table, settings: Settings, family: Family): void {
  const target = "-j KUBE-NODEPORTS";
  const ranges = settings.nodePortAddresses.filter((range) => familyOf(range) === family);
  if (ranges.length === 0) {
    const loopback = family === "ipv6" ? "! -d ::1/128" : "! -d 127.0.0.0/8";
    const spared = family === "ipv4" && settings.localhostNodePorts ? "" : loopback;
    nat.add("KUBE-SERVICES", ...LOCAL_DESTINATION, spared, target);
    return;
  }
  const addresses = [...NODE_ADDRESSES, ...(settings.localhostNodePorts ? ["127.0.0.1"] : [])];
  for (const address of addresses.filter((one) => familyOf(one) === family)) {
    if (ranges.some((range) => contains(range, address))) {
      nat.add("KUBE-SERVICES", "-d", address, target);
    }
  }
}

/** Rejects where nobody serves, drops where only a policy keeps those who do from it. */
function writeRefusals(filter: Table, port: ServicePort): void {
  const verdict = port.hasEndpoints ? "-j DROP" : "-j REJECT";
  if (!hasInternal(port)) filter.add("KUBE-SERVICES", ...at(port, port.clusterIP), verdict);
  if (port.healthCheckNodePort !== undefined) {
    const health = `-p tcp -m tcp --dport ${port.healthCheckNodePort}`;
    filter.add("KUBE-NODEPORTS", health, "-j ACCEPT");
  }
  if (hasExternal(port)) return;
  for (const address of [...port.externalIPs, ...port.vips]) {
    filter.add("KUBE-EXTERNAL-SERVICES", ...at(port, address), verdict);
  }
  if (port.nodePort !== undefined) {
    const dialled = protocol(port, port.nodePort);
    filter.add("KUBE-EXTERNAL-SERVICES", ...LOCAL_DESTINATION, ...dialled, verdict);
  }
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HASH_LENGTH = 16;

/** The first characters of base32(sha256(text)), which name chains. */
function hashOf(text: string): string {
  const bits = [...createHash("sha256").update(text).digest()]
    .map((byte) => byte.toString(2).padStart(8, "0"))
    .join("");
  return Array.from({ length: HASH_LENGTH }, (_, index) =>
    BASE32.charAt(Number.parseInt(bits.slice(index * 5, index * 5 + 5), 2)),
  ).join("");
}
