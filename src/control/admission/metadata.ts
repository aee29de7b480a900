/** Names of objects, as the apiserver takes them. */
import type { Metadata } from "../kubernetes.ts";
import { checkLabel, checkSubdomain, type Report } from "./report.ts";

export function checkMetadata(
  kind: string,
  metadata: Metadata | null | undefined,
  report: Report,
): void {
  const name = metadata?.name ?? "";
  const path = ["metadata", "name"];
  if (name === "") report(path, "is required", "name the object");
  else if (kind === "Service") checkLabel(name, path, report);
  else checkSubdomain(name, path, report);
  const namespace = metadata?.namespace ?? "";
  if (kind !== "Node" && namespace !== "") checkLabel(namespace, ["metadata", "namespace"], report);
}
