/** Nodes that the apiserver would not have stored. */
import { parseCidr } from "../address.ts";
import type { Node } from "../kubernetes.ts";
import { quote } from "../problem.ts";
import { checkAddress, type Report } from "./report.ts";

export function checkNode(node: Node, report: Report): void {
  node.spec?.podCIDRs?.forEach((text, index) => {
    checkPodCidr(text, ["spec", "podCIDRs", index], report);
  });
  if (node.spec?.podCIDR) checkPodCidr(node.spec.podCIDR, ["spec", "podCIDR"], report);
  node.status?.addresses?.forEach(({ type, address }, index) => {
    const isAddress = type === "InternalIP" || type === "ExternalIP";
    if (isAddress) checkAddress(address, ["status", "addresses", index, "address"], report);
  });
}

function checkPodCidr(text: string, path: readonly (string | number)[], report: Report): void {
  if (!parseCidr(text))
    report(path, `${quote(text)} is no CIDR`, "write one such as 10.244.1.0/24");
}
