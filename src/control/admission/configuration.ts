/** KubeProxyConfigurations that kube-proxy would not start with. */
import { parseCidr } from "../address.ts";
import { parseDuration } from "../duration.ts";
import type { KubeProxyConfiguration } from "../kubernetes.ts";
import { type Path, quote } from "../problem.ts";
import { checkOneOf, type Report } from "./report.ts";

const CLUSTER_CIDRS_MAX = 2;
const DETECT_LOCAL_MODES = ["ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix"];
const INTERFACE_NAME_LENGTH_MAX = 15;
const TIMEOUTS = [
  "tcpEstablishedTimeout",
  "tcpCloseWaitTimeout",
  "udpTimeout",
  "udpStreamTimeout",
] as const;

export function checkConfiguration(config: KubeProxyConfiguration, report: Report): void {
  checkOneOf(config.mode, ["iptables", "ipvs", "nftables"], ["mode"], report);
  checkOneOf(config.detectLocalMode, DETECT_LOCAL_MODES, ["detectLocalMode"], report);
  if (config.clusterCIDR) checkClusterCidr(config.clusterCIDR, report);
  checkDetector(config, report);
  checkNodePortAddresses(config.nodePortAddresses ?? [], report);
  for (const name of TIMEOUTS) checkTimeout(config.conntrack?.[name], ["conntrack", name], report);
}

function checkClusterCidr(text: string, report: Report): void {
  const cidrs = text.split(",").map((part) => parseCidr(part.trim()));
  const fix = "write one CIDR, or one per family with a comma between them";
  if (cidrs.includes(undefined)) report(["clusterCIDR"], `${quote(text)} is no list of CIDRs`, fix);
  const families = new Set(cidrs.map((cidr) => cidr?.family));
  if (
    cidrs.length > CLUSTER_CIDRS_MAX ||
    (cidrs.length === CLUSTER_CIDRS_MAX && families.size < CLUSTER_CIDRS_MAX)
  ) {
    report(["clusterCIDR"], `${quote(text)} holds two CIDRs of one family`, fix);
  }
}

function checkDetector(
  { detectLocalMode, detectLocal }: KubeProxyConfiguration,
  report: Report,
): void {
  if (detectLocalMode === "BridgeInterface")
    checkInterfaceName(detectLocal?.bridgeInterface, "bridgeInterface", report);
  if (detectLocalMode === "InterfaceNamePrefix")
    checkInterfaceName(detectLocal?.interfaceNamePrefix, "interfaceNamePrefix", report);
}

function checkInterfaceName(text: string | null | undefined, field: string, report: Report): void {
  const path = ["detectLocal", field];
  if (!text) report(path, "is required by detectLocalMode", "write a name");
  else if (text.length > INTERFACE_NAME_LENGTH_MAX)
    report(path, `${quote(text)} is too long for an interface`, "write at most 15 characters");
}

function checkNodePortAddresses(texts: readonly string[], report: Report): void {
  texts.forEach((text, index) => {
    if (parseCidr(text) || (text === "primary" && texts.length === 1)) return;
    report(
      ["nodePortAddresses", index],
      `${quote(text)} is no CIDR`,
      "write CIDRs, or primary alone",
    );
  });
}

function checkTimeout(text: string | null | undefined, path: Path, report: Report): void {
  if (text === null || text === undefined) return;
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined && milliseconds >= 0) return;
  report(path, `${quote(text)} is no duration`, "write one such as 24h0m0s or 0s");
}
