/** The node of the recordings, as `ip -j addr` and `ip -j route` would print it. */
import type { Network } from "../../src/dataplane/dataplane.ts";
import { family, format, parse } from "../../src/packet/address.ts";
import type { Scenario, Topology } from "./recording.ts";

const LOOPBACK = ["127.0.0.1/8", "::1/128"];
/** Where `local_addrs` of a scenario are added. */
const LAB_LINK = "ext0";

export function networkOf(topology: Topology, { lab }: Scenario): Network {
  const links = Object.entries(topology.node).map(([name, { addresses }]) => ({
    name,
    addresses: [...addresses, ...(name === LAB_LINK ? (lab?.local_addrs ?? []) : [])],
  }));
  return {
    addresses: [{ name: "lo", addresses: LOOPBACK }, ...links].map(linkObject),
    routes: [...links.flatMap(connectedRoutes), ...topology.routes.map(routeObject)],
  };
}

/** The node's first address of the family of `peer` on a link. */
export function addressOn({ node }: Topology, link: string, peer: string): string {
  const addresses = node[link]!.addresses.map((cidr) => cidr.split("/")[0]!);
  return addresses.find((address) => family(address) === family(peer))!;
}

interface Link {
  readonly name: string;
  readonly addresses: readonly string[];
}

function linkObject({ name, addresses }: Link): object {
  const scope = name === "lo" ? "host" : "global";
  return { ifname: name, addr_info: addresses.map((cidr) => addressObject(cidr, scope)) };
}

function addressObject(cidr: string, scope: string): object {
  const [local, length] = cidr.split("/") as [string, string];
  const inet = family(local) === "ipv6" ? "inet6" : "inet";
  return { family: inet, local, prefixlen: Number(length), scope };
}

/** The routes that come with addresses: one for each network that has more than one of them. */
function connectedRoutes({ name, addresses }: Link): object[] {
  return addresses.flatMap((cidr) => {
    const [local, text] = cidr.split("/") as [string, string];
    const [address, length] = [parse(local), Number(text)];
    if (length === address.length * 8) return [];
    const source = family(local) === "ipv4" ? { prefsrc: local } : {};
    const dst = `${format(networkAddress(address, length))}/${length}`;
    return [{ dst, dev: name, protocol: "kernel", scope: "link", ...source }];
  });
}

function networkAddress(address: Uint8Array, length: number): Uint8Array {
  return address.map((byte, at) => byte & (0xff << Math.max(0, 8 - Math.max(0, length - at * 8))));
}

function routeObject(text: string): object {
  const [dst, , gateway, , dev] = text.split(" ");
  return { dst, gateway, dev };
}
