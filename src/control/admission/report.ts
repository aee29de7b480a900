/** What the checks of one object share: reporting, and the rules that every object has. */
import { type Address, parseAddress } from "../address.ts";
import { type Path, quote } from "../problem.ts";

/** Tells of a wrong field. */
export type Report = (path: Path, message: string, fix: string) => void;

const PORT_MAX = 65535;
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN_LENGTH_MAX = 253;

/** The value is absent, empty (which the API takes for absent) or one of the names. */
export function checkOneOf(
  value: string | null | undefined,
  names: readonly string[],
  path: Path,
  report: Report,
): void {
  if (value === null || value === undefined || value === "" || names.includes(value)) return;
  report(path, `${quote(value)} is unknown`, `write ${alternatives(names)}`);
}

export function checkPort(value: number, lowest: number, path: Path, report: Report): void {
  if (value >= lowest && value <= PORT_MAX) return;
  report(path, `${value} is no port number`, `write ${lowest === 0 ? 1 : lowest} to ${PORT_MAX}`);
}

/** The address, after telling when there is none. */
export function checkAddress(text: string, path: Path, report: Report): Address | undefined {
  const address = parseAddress(text);
  if (address === undefined) report(path, `${quote(text)} is no IP address`, addressFix(text));
  return address;
}

export function checkLabel(text: string, path: Path, report: Report): void {
  if (LABEL.test(text)) return;
  report(
    path,
    `${quote(text)} is no DNS label (RFC 1123)`,
    "write at most 63 of a-z, 0-9 and -, none but letters and digits at the ends",
  );
}

export function checkSubdomain(text: string, path: Path, report: Report): void {
  if (text.length <= SUBDOMAIN_LENGTH_MAX && text.split(".").every((label) => LABEL.test(label)))
    return;
  report(
    path,
    `${quote(text)} is no DNS name (RFC 1123)`,
    "write labels of a-z, 0-9 and - with dots between them",
  );
}

function addressFix(text: string): string {
  if (text.includes("%")) return "write it without the zone";
  if (/^::ffff:/i.test(text)) return "write the IPv4 address itself";
  return "write an address such as 10.0.0.1 or fd00::1";
}

function alternatives(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
