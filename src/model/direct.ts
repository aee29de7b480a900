/**
 * Connections that dial an endpoint by its own address. Nothing of them needs translating; but a
 * client may have one of them and one to a service with that endpoint, from one port, and then the
 * endpoint could not tell them apart, nor we its answers. So they are followed like the others, and
 * the later one of the two gets another port (nf_nat_core.c: every connection has a unique tuple).
 */
import type { Backend, Family, Proto } from "../dataplane/entries.ts";
import type { Flow } from "../packet/parse.ts";
import * as conntrack from "./conntrack.ts";
import * as eviction from "./eviction.ts";
import * as port from "./port.ts";
import type { Store, TrackedDirection } from "./store.ts";

/** Whether a backend listens where the packet goes. */
export function dialsEndpoint(store: Store, { ip, tuple }: Flow): boolean {
  return isBackend(store, ip.family, tuple.daddr, tuple.dport, tuple.proto);
}

/** Whether a backend sends it: all that such a one answers to is tracked. */
export function isEndpoints(store: Store, { ip, tuple }: Flow): boolean {
  return isBackend(store, ip.family, tuple.saddr, tuple.sport, tuple.proto);
}

function isBackend(
  store: Store,
  family: Family,
  address: string,
  port: number,
  proto: string,
): boolean {
  const key = { family, address, port, proto: proto as Proto };
  return store.control.endpoints.lookup(key) !== undefined;
}

/** The new connection; undefined when there is no room or no port for it, and it passes unfollowed. */
export function open(
  store: Store,
  flow: Flow,
  opening: conntrack.Opening,
): TrackedDirection | undefined {
  const { daddr, dport } = flow.tuple;
  const endpoint: Pick<Backend, "address" | "port"> = { address: daddr, port: dport };
  const reply = port.chooseReply(store, flow, endpoint, null);
  if (reply === undefined || !eviction.hasRoom(store, flow.ip.family)) return undefined;
  return conntrack.open(store, flow, opening, {
    reply,
    backend: 0,
    masquerade: false,
    direct: true,
  });
}
