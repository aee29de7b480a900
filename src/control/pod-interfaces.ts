/** Which interfaces pods are behind, by their names: detectLocalMode of kube-proxy. */
import type { PodInterfaces } from "../dataplane/snapshot/control.ts";

export const NO_POD_INTERFACES: PodInterfaces = { kind: "none" };

export function isPodInterface(interfaces: PodInterfaces, name: string): boolean {
  if (name === "" || interfaces.kind === "none") return false;
  const { kind, text } = interfaces;
  return kind === "name" ? name === text : name.startsWith(text);
}
