/**
 * The node's addresses and routes as `ip -j addr` and `ip -j route` print them, and the source address that
 * the kernel would choose for a masqueraded connection.
 */
import * as v from "valibot";
import type { Network } from "../dataplane/dataplane.ts";
import type { Family } from "../dataplane/entries.ts";
import { DataplaneError } from "../dataplane/error.ts";
import {
  type Address,
  type Cidr,
  cidrOf,
  contains,
  hostCidr,
  isLinkLocal,
  isLoopback,
  numberOf,
  parseAddress,
  parseCidr,
} from "./address.ts";
import { printPath } from "./problem.ts";

/** An interface of the node, its addresses in the order the kernel has them. */
export interface Link {
  readonly name: string;
  readonly addresses: readonly LinkAddress[];
}

export interface LinkAddress extends Address {
  readonly subnet: Cidr;
  /** The kernel may choose it as the source of a connection that leaves the node. */
  readonly usable: boolean;
  /** Usable, but others are preferred: deprecated or temporary. */
  readonly avoided: boolean;
}

export interface NodeNetwork {
  readonly links: readonly Link[];
  /** Source of masqueraded connections to the address; "" when there is none. */
  sourceTowards(destination: Address): string;
}

interface NodeRoute {
  readonly destination: Cidr;
  readonly dev: string;
  readonly gateway: Address | undefined;
  readonly metric: number;
}

const flag = v.nullish(v.boolean());
const text = v.nullish(v.string());

const linkSchema = v.object({
  ifname: v.string(),
  addr_info: v.nullish(
    v.array(
      v.object({
        local: text,
        prefixlen: v.nullish(v.number()),
        scope: text,
        secondary: flag,
        deprecated: flag,
        temporary: flag,
        tentative: flag,
      }),
    ),
  ),
});

const hop = { dev: text, gateway: text, via: v.nullish(v.object({ host: v.string() })) };
const routeSchema = v.object({
  ...hop,
  dst: v.string(),
  type: text,
  metric: v.nullish(v.number()),
  prefsrc: text,
  pref: text,
  nexthops: v.nullish(v.array(v.object(hop))),
});
const networkSchema = v.object({ addresses: v.array(linkSchema), routes: v.array(routeSchema) });

type AddressInfo = NonNullable<v.InferOutput<typeof linkSchema>["addr_info"]>[number];
type RouteInfo = v.InferOutput<typeof routeSchema>;

/** Throws DataplaneError "bad-option" when it is not what `ip -j` prints. */
export function parseNetwork(network: Network): NodeNetwork {
  const parsed = v.safeParse(networkSchema, network);
  if (!parsed.success) throw badNetwork(parsed.issues[0]);
  const links = parsed.output.addresses.map(({ ifname, addr_info }) => ({
    name: ifname,
    addresses: (addr_info ?? []).flatMap(linkAddressOf),
  }));
  const routes = createRouteTable(parsed.output.routes.flatMap(routeOf));
  return {
    links,
    sourceTowards: (destination) => sourceTowards(links, routes(destination), destination),
  };
}

function badNetwork(issue: v.BaseIssue<unknown>): DataplaneError {
  const path = printPath(
    (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key))),
  );
  const mend = "pass what `ip -j addr` and `ip -j route` print";
  return new DataplaneError("bad-option", `network.${path}: ${issue.message}; ${mend}`);
}

function linkAddressOf(info: AddressInfo): LinkAddress[] {
  const address = parseAddress(info.local ?? "");
  if (!address) return [];
  const full = address.family === "ipv4" ? 32 : 128;
  const prefix = Math.min(Math.max(Math.trunc(info.prefixlen ?? full), 0), full);
  const isGlobal =
    (info.scope ?? "global") === "global" && !isLoopback(address) && !isLinkLocal(address);
  const isSecondary = address.family === "ipv4" && info.secondary === true;
  return [
    {
      ...address,
      subnet: cidrOf(address, prefix),
      usable: isGlobal && !isSecondary && info.tentative !== true,
      avoided: info.deprecated === true || info.temporary === true,
    },
  ];
}

/** Routes that deliver nowhere (unreachable, blackhole, local) choose no interface and are left out. */
function routeOf(info: RouteInfo): NodeRoute[] {
  const next = info.dev ? info : (info.nexthops?.[0] ?? info);
  const destination = destinationOf(info);
  if (!destination || !next.dev || (info.type && info.type !== "unicast")) return [];
  const gateway = parseAddress(next.gateway ?? next.via?.host ?? "");
  return [{ destination, dev: next.dev, gateway, metric: info.metric ?? 0 }];
}

/** "default" does not say its family: its gateway does, or the preference that only IPv6 routes have. */
function destinationOf(info: RouteInfo): Cidr | undefined {
  const host = parseAddress(info.dst);
  if (host) return hostCidr(host);
  if (info.dst !== "default") return parseCidr(info.dst);
  const hint = parseAddress(
    info.gateway ?? info.prefsrc ?? info.nexthops?.[0]?.gateway ?? "",
  )?.family;
  return parseCidr((hint ?? (info.pref ? "ipv6" : "ipv4")) === "ipv4" ? "0.0.0.0/0" : "::/0");
}

/** Longest prefix first, then the lowest metric, then the first. */
function createRouteTable(
  routes: readonly NodeRoute[],
): (destination: Address) => NodeRoute | undefined {
  const tables: Record<Family, Map<number, Map<bigint, NodeRoute>>> = {
    ipv4: new Map(),
    ipv6: new Map(),
  };
  for (const route of routes) {
    const { family, prefix, first } = route.destination;
    const table = tables[family].get(prefix) ?? new Map<bigint, NodeRoute>();
    tables[family].set(prefix, table);
    const known = table.get(first);
    if (!known || route.metric < known.metric) table.set(first, route);
  }
  const prefixes = { ipv4: descending(tables.ipv4), ipv6: descending(tables.ipv6) };
  return (destination) => {
    for (const prefix of prefixes[destination.family]) {
      const route = tables[destination.family].get(prefix)?.get(cidrOf(destination, prefix).first);
      if (route) return route;
    }
    return undefined;
  };
}

function descending(table: ReadonlyMap<number, unknown>): number[] {
  return [...table.keys()].sort((a, b) => b - a);
}

/** The outgoing interface's own addresses come first, then those of the others, as in the kernel. */
function sourceTowards(
  links: readonly Link[],
  route: NodeRoute | undefined,
  destination: Address,
): string {
  if (!route) return "";
  const out = links.filter(({ name }) => name === route.dev);
  const others = links.filter(({ name }) => name !== route.dev);
  for (const group of [out, ...others.map((link) => [link])]) {
    const source = chooseSource(group, route.gateway ?? destination, destination);
    if (source) return source.text;
  }
  return "";
}

function chooseSource(
  links: readonly Link[],
  nextHop: Address,
  destination: Address,
): LinkAddress | undefined {
  const all = links.flatMap(({ addresses }) => addresses);
  const usable = all.filter((address) => address.usable && address.family === destination.family);
  return destination.family === "ipv4"
    ? sourceIpv4(usable, nextHop)
    : sourceIpv6(usable, destination);
}

/** inet_select_addr in net/ipv4/devinet.c: the address in whose subnet the next hop is, else the first. */
function sourceIpv4(usable: readonly LinkAddress[], nextHop: Address): LinkAddress | undefined {
  return usable.find(({ subnet }) => contains(subnet, nextHop)) ?? usable[0];
}

/** RFC 6724 section 5, rules 3, 7 and 8: neither deprecated nor temporary, then the longest common prefix. */
function sourceIpv6(usable: readonly LinkAddress[], destination: Address): LinkAddress | undefined {
  const rank = (address: LinkAddress): number =>
    (address.avoided ? 0 : 1000) + commonPrefix(address, destination);
  let best: LinkAddress | undefined;
  for (const address of usable) if (!best || rank(address) > rank(best)) best = address;
  return best;
}

/** Never counted beyond the prefix of the source's subnet. */
function commonPrefix(source: LinkAddress, destination: Address): number {
  const differing = (numberOf(source) ^ numberOf(destination))
    .toString(2)
    .replace(/^0$/, "").length;
  return Math.min(128 - differing, source.subnet.prefix);
}
