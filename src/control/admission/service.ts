/** Services that the apiserver would not have stored. */
import { parseAddress, parseCidr, specialUse } from "../address.ts";
import type { LoadBalancerIngress, Service, ServicePort, ServiceSpec } from "../kubernetes.ts";
import { quote } from "../problem.ts";
import { checkAddress, checkLabel, checkOneOf, checkPort, type Report } from "./report.ts";

const FAMILIES = { IPv4: "ipv4", IPv6: "ipv6" } as const;
/** A day, the longest affinity the API takes. */
const AFFINITY_SECONDS_MAX = 86_400;
/** One address per family. */
const CLUSTER_IPS_MAX = 2;

export function checkService(service: Service, report: Report): void {
  const spec = service.spec ?? {};
  checkNames(spec, report);
  checkClusterIPs(spec, report);
  checkPorts(spec, report);
  spec.externalIPs?.forEach((text, index) => {
    checkExternalIP(text, index, report);
  });
  spec.loadBalancerSourceRanges?.forEach((text, index) => {
    checkRange(text, index, report);
  });
  checkAffinity(spec, report);
  checkPort(spec.healthCheckNodePort ?? 0, 0, ["spec", "healthCheckNodePort"], report);
  service.status?.loadBalancer?.ingress?.forEach((ingress, index) => {
    checkIngress(ingress, index, report);
  });
}

function checkNames(spec: ServiceSpec, report: Report): void {
  checkOneOf(
    spec.type,
    ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"],
    ["spec", "type"],
    report,
  );
  checkOneOf(spec.sessionAffinity, ["None", "ClientIP"], ["spec", "sessionAffinity"], report);
  checkOneOf(
    spec.internalTrafficPolicy,
    ["Cluster", "Local"],
    ["spec", "internalTrafficPolicy"],
    report,
  );
  checkOneOf(
    spec.externalTrafficPolicy,
    ["Cluster", "Local"],
    ["spec", "externalTrafficPolicy"],
    report,
  );
}

function checkClusterIPs(spec: ServiceSpec, report: Report): void {
  const all = spec.clusterIPs ?? [];
  checkFamilies(spec.ipFamilies ?? [], report);
  if (all.length > CLUSTER_IPS_MAX)
    report(["spec", "clusterIPs"], "holds more than two addresses", "write one per family");
  all.forEach((text, index) => {
    checkClusterIP(text, ["spec", "clusterIPs", index], spec.ipFamilies?.[index], report);
  });
  const first = spec.clusterIP ?? "";
  if (first !== "" && all.length === 0)
    checkClusterIP(first, ["spec", "clusterIP"], spec.ipFamilies?.[0], report);
  if (first !== "" && all[0] !== undefined && first !== all[0]) {
    report(
      ["spec", "clusterIP"],
      `${quote(first)} is not the first of clusterIPs`,
      `write ${quote(all[0])}`,
    );
  }
  const families = all.map((text) => parseAddress(text)?.family);
  if (families[0] !== undefined && families[0] === families[1]) {
    report(
      ["spec", "clusterIPs", 1],
      "is of the same family as the first address",
      "write one per family",
    );
  }
}

function checkFamilies(families: readonly string[], report: Report): void {
  families.forEach((family, index) => {
    const path = ["spec", "ipFamilies", index];
    if (family === "") report(path, "is empty", "write IPv4 or IPv6");
    checkOneOf(family, Object.keys(FAMILIES), path, report);
    if (families.indexOf(family) < index)
      report(path, `${quote(family)} occurs twice`, "write each family once");
  });
}

function checkClusterIP(
  text: string,
  path: readonly (string | number)[],
  family: string | undefined,
  report: Report,
): void {
  if (text === "None" || text === "") return;
  const address = checkAddress(text, path, report);
  const expected = family === "IPv4" || family === "IPv6" ? FAMILIES[family] : undefined;
  if (!address || !expected || address.family === expected) return;
  report(
    path,
    `${quote(text)} is not of the family that ipFamilies has there`,
    `write an ${family} address`,
  );
}

function checkPorts(spec: ServiceSpec, report: Report): void {
  const ports = spec.ports ?? [];
  const isHeadless = spec.clusterIP === "None" || spec.clusterIPs?.[0] === "None";
  if (ports.length === 0 && !isHeadless && spec.type !== "ExternalName") {
    report(["spec", "ports"], "is required", "write at least one port");
  }
  const seen = new Map<string, number>();
  ports.forEach((port, index) => {
    checkServicePort(port, index, ports.length > 1, report);
    checkRepeats(port, index, seen, report);
  });
}

function checkServicePort(
  { name, protocol, port, nodePort }: ServicePort,
  index: number,
  isOneOfMany: boolean,
  report: Report,
): void {
  const at = (field: string) => ["spec", "ports", index, field];
  if (name) checkLabel(name, at("name"), report);
  else if (isOneOfMany)
    report(at("name"), "is required when there are several ports", "name every port");
  checkOneOf(protocol, ["TCP", "UDP", "SCTP"], at("protocol"), report);
  checkPort(port, 1, at("port"), report);
  checkPort(nodePort ?? 0, 0, at("nodePort"), report);
}

/** Names, (protocol, port) and (protocol, nodePort) are each unique within a Service. */
function checkRepeats(
  { name, protocol, port, nodePort }: ServicePort,
  index: number,
  seen: Map<string, number>,
  report: Report,
): void {
  const proto = protocol || "TCP";
  const claim = (field: string, value: string, text: string) => {
    const before = seen.get(`${field} ${value}`);
    seen.set(`${field} ${value}`, before ?? index);
    if (before === undefined) return;
    report(
      ["spec", "ports", index, field],
      `${text} is that of ports[${before}] already`,
      "write each once",
    );
  };
  if (name) claim("name", name, quote(name));
  claim("port", `${proto} ${port}`, `${port}/${proto}`);
  if (nodePort) claim("nodePort", `${proto} ${nodePort}`, `${nodePort}/${proto}`);
}

function checkExternalIP(text: string, index: number, report: Report): void {
  const path = ["spec", "externalIPs", index];
  const address = checkAddress(text, path, report);
  const special = address && specialUse(address);
  if (special)
    report(path, `${quote(text)} is ${special}`, "write an address that others can reach");
}

function checkRange(text: string, index: number, report: Report): void {
  if (parseCidr(text.trim())) return;
  report(
    ["spec", "loadBalancerSourceRanges", index],
    `${quote(text)} is no CIDR`,
    "write one such as 203.0.113.0/24",
  );
}

function checkAffinity(spec: ServiceSpec, report: Report): void {
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (
    seconds === null ||
    seconds === undefined ||
    (seconds >= 1 && seconds <= AFFINITY_SECONDS_MAX)
  )
    return;
  const path = ["spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"];
  report(path, `${seconds} is out of range`, `write 1 to ${AFFINITY_SECONDS_MAX}`);
}

function checkIngress({ ip, ipMode }: LoadBalancerIngress, index: number, report: Report): void {
  const path = ["status", "loadBalancer", "ingress", index];
  if (ip) checkAddress(ip, [...path, "ip"], report);
  checkOneOf(ipMode, ["VIP", "Proxy"], [...path, "ipMode"], report);
}
