/** Which service port a packet dials, whom it lets in, and as what it sees the source. */
import type { FrameInput } from "../dataplane/engine.ts";
import type {
  AddressRange,
  Family,
  Proto,
  Route,
  Service,
  Tuple,
  Vip,
} from "../dataplane/entries.ts";
import { compare } from "../packet/address.ts";
import type { Flow } from "../packet/parse.ts";
import { configOf, type Store } from "./store.ts";

/** The service port that is dialled. */
export function lookup(store: Store, { ip, tuple }: Flow): Service | undefined {
  const { daddr: address, dport: port } = tuple;
  return owner(store, ip.family, { address, port, proto: tuple.proto as Proto });
}

/** The service port whose vip this is; else, where nodePorts are served, the one whose port it is. */
export function owner(
  store: Store,
  family: Family,
  { address, port, proto }: Omit<Vip, "family">,
): Service | undefined {
  const { services } = store.control;
  const found = services.lookup({ family, address, port, proto });
  if (found !== undefined || !servesNodePorts(store, family, address)) return found;
  return services.lookup(nodePortVip(family, port, proto));
}

/** A nodePort is dialled on any address that serves them, so its vip has none. */
export function nodePortVip(family: Family, port: number, proto: Proto): Vip {
  return { family, address: "", port, proto };
}

function servesNodePorts(store: Store, family: Family, address: string): boolean {
  if (store.control.addresses.lookup({ family, address })?.nodePorts) return true;
  return isLoopback4(address) && configOf(store).localhostNodePorts;
}

/** Whether the address is one of the node's own, of type LOCAL in the words of fib_semantics.c. */
export function isLocal(store: Store, family: Family, address: string): boolean {
  return isLoopback4(address) || store.control.addresses.lookup({ family, address }) !== undefined;
}

/** 127.0.0.0/8, RFC 1122 section 3.2.1.3. */
function isLoopback4(address: string): boolean {
  return address.startsWith("127.");
}

/**
 * kube-proxy drops what conntrack calls INVALID unless tcpBeLiberal says otherwise. What the node
 * itself receives does not come through the chain (FORWARD) that does so.
 */
export function toleratesInvalid(store: Store, family: Family, daddr: string): boolean {
  return configOf(store).tcpBeLiberal || isLocal(store, family, daddr);
}

/** loadBalancerSourceRanges: null lets in everybody. */
export function admits(service: Service, saddr: string): boolean {
  return service.sourceRanges === null || contains(service.sourceRanges, saddr);
}

/** A service treats its own pods, its own node and everybody else each by a route of its own. */
export function routeOf(store: Store, service: Service, flow: Flow, input: FrameInput): Route {
  return service.routes[sourceClass(store, flow.ip.family, flow.tuple, input)];
}

/**
 * Refusals of external frontends stand in the chains INPUT and FORWARD: what the node itself sends to
 * an address elsewhere meets neither, and leaves by the default route.
 */
export function evadesRefusal(
  store: Store,
  { frontend }: Service,
  { ip, tuple }: Flow,
  input: FrameInput,
): boolean {
  return input.local && frontend !== "cluster-ip" && !isLocal(store, ip.family, tuple.daddr);
}

function sourceClass(
  store: Store,
  family: Family,
  { saddr }: Tuple,
  input: FrameInput,
): keyof Service["routes"] {
  const behindPodInterface = store.control.interfaces.lookup(input.interface)?.pod === true;
  if (behindPodInterface || contains(configOf(store).podRanges[family], saddr)) return "pod";
  return input.local || isLocal(store, family, saddr) ? "local" : "other";
}

function contains(ranges: readonly AddressRange[], address: string): boolean {
  return ranges.some(({ first, last }) => {
    return compare(first, address) <= 0 && compare(address, last) <= 0;
  });
}
