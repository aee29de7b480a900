/** Nodes that the apiserver would not have stored. */
import { parseCidr } from "../address.ts";
import type { Node } from "../kubernetes.ts";
import { quote } from "../problem.ts";
import { checkAddress, checkSubdomain, type Report } from "./report.ts";

/** RFC 3339 section 5.6, as metav1.Time reads it. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const QUALIFIED_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

export function checkNode(node: Node, report: Report): void {
  checkDeletion(node.metadata?.deletionTimestamp, report);
  node.spec?.taints?.forEach(({ key }, index) => {
    checkTaintKey(key, ["spec", "taints", index, "key"], report);
  });
  node.spec?.podCIDRs?.forEach((text, index) => {
    checkPodCidr(text, ["spec", "podCIDRs", index], report);
  });
  if (node.spec?.podCIDR) checkPodCidr(node.spec.podCIDR, ["spec", "podCIDR"], report);
  node.status?.addresses?.forEach(({ type, address }, index) => {
    const isAddress = type === "InternalIP" || type === "ExternalIP";
    if (isAddress) checkAddress(address, ["status", "addresses", index, "address"], report);
  });
}

function checkDeletion(time: string | Date | null | undefined, report: Report): void {
  if (time === null || time === undefined || time instanceof Date) return;
  if (TIME.test(time) && !Number.isNaN(Date.parse(time))) return;
  const path = ["metadata", "deletionTimestamp"];
  report(path, `${quote(time)} is no time`, "write one such as 2025-01-31T12:00:00Z");
}

/** A name, or a DNS name and a name with a slash between them. */
function checkTaintKey(key: string, path: readonly (string | number)[], report: Report): void {
  const slash = key.indexOf("/");
  if (slash >= 0) checkSubdomain(key.slice(0, slash), path, report);
  if (QUALIFIED_NAME.test(key.slice(slash + 1))) return;
  report(path, `${quote(key)} is no taint key`, "write one such as example.com/dedicated");
}

function checkPodCidr(text: string, path: readonly (string | number)[], report: Report): void {
  if (!parseCidr(text))
    report(path, `${quote(text)} is no CIDR`, "write one such as 10.244.1.0/24");
}
