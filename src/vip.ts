/** Which vip a packet dials, read from a dataplane's maps; the packet path has found it by the same rule. */
import type { Maps } from "./dataplane/dataplane.ts";
import type { Proto, Tuple, Vip } from "./dataplane/entries.ts";
import { family } from "./packet/address.ts";

/** What records hold where a nodePort's vip has no address; dialled, it is nobody's. */
const UNSPECIFIED: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** The key of `services` that is hit: that of the address itself, else a nodePort's where they are served. */
export function dialledVip(
  maps: Maps,
  { daddr, dport, proto }: Pick<Tuple, "daddr" | "dport" | "proto">,
): Vip | undefined {
  if (UNSPECIFIED.has(daddr)) return undefined;
  const own: Vip = { family: family(daddr), address: daddr, port: dport, proto: proto as Proto };
  if (maps.services.lookup(own)) return own;
  const nodePort: Vip = { ...own, address: "" };
  return servesNodePorts(maps, daddr) && maps.services.lookup(nodePort) ? nodePort : undefined;
}

function servesNodePorts(maps: Maps, address: string): boolean {
  if (maps.addresses.lookup({ family: family(address), address })?.nodePorts) return true;
  return address.startsWith("127.") && maps.config.lookup("config")?.localhostNodePorts === true;
}
