/** EndpointSlices that the apiserver would not have stored. */
import { specialUse } from "../address.ts";
import type { Endpoint, EndpointPort, EndpointSlice } from "../kubernetes.ts";
import { quote } from "../problem.ts";
import { checkAddress, checkLabel, checkOneOf, checkPort, type Report } from "./report.ts";

const FAMILIES: ReadonlyMap<string, string> = new Map([
  ["IPv4", "ipv4"],
  ["IPv6", "ipv6"],
]);
const ADDRESS_TYPES = [...FAMILIES.keys(), "FQDN"];

export function checkEndpointSlice(slice: EndpointSlice, report: Report): void {
  if (slice.addressType === "")
    report(["addressType"], "is required", `write ${ADDRESS_TYPES.join(", ")}`);
  checkOneOf(slice.addressType, ADDRESS_TYPES, ["addressType"], report);
  const family = FAMILIES.get(slice.addressType);
  slice.endpoints?.forEach((endpoint, index) => {
    checkEndpoint(endpoint, index, family, report);
  });
  const names = new Set<string>();
  slice.ports?.forEach((port, index) => {
    checkEndpointPort(port, index, names, report);
  });
}

function checkEndpoint(
  { addresses }: Endpoint,
  index: number,
  family: string | undefined,
  report: Report,
): void {
  if (addresses.length === 0)
    report(["endpoints", index, "addresses"], "is empty", "write an address");
  if (family === undefined) return;
  addresses.forEach((text, at) => {
    const path = ["endpoints", index, "addresses", at];
    const address = checkAddress(text, path, report);
    const special = address && specialUse(address);
    if (special) report(path, `${quote(text)} is ${special}`, "write the address of a pod");
    if (!address || address.family === family) return;
    report(
      path,
      `${quote(text)} is not of the slice's addressType`,
      "keep it in a slice of its own family",
    );
  });
}

/** Port 0 and a missing port are legal; kube-proxy ignores both. */
function checkEndpointPort(
  { name, protocol, port }: EndpointPort,
  index: number,
  names: Set<string>,
  report: Report,
): void {
  const at = (field: string) => ["ports", index, field];
  const text = name ?? "";
  if (text !== "") checkLabel(text, at("name"), report);
  if (names.has(text)) report(at("name"), `${quote(text)} occurs twice`, "write each name once");
  names.add(text);
  checkOneOf(protocol, ["TCP", "UDP", "SCTP"], at("protocol"), report);
  checkPort(port ?? 0, 0, at("port"), report);
}
