/** Source ports: the client's own, unless answers to another connection could look the same. */
import { PORT_ATTEMPTS_MAX } from "../../abi/limits.ts";
import type { Backend, Family, Proto, Tuple } from "../dataplane/entries.ts";
import type { Flow } from "../packet/parse.ts";
import * as conntrack from "./conntrack.ts";
import { draw } from "./random.ts";
import { nodePortVip } from "./service.ts";
import * as steering from "./steering.ts";
import { configOf, type Store } from "./store.ts";

/**
 * The tuple of the backend's answers, or undefined when no port is free. `masquerade` is the address
 * that hides the client's, null when none does. Tries the client's own port, then those of its class
 * from a random one on: nf_nat_l4proto_unique_tuple in nf_nat_core.c.
 */
export function chooseReply(
  store: Store,
  { ip, tuple: orig }: Flow,
  { address, port }: Pick<Backend, "address" | "port">,
  masquerade: string | null,
): Tuple | undefined {
  const { sport, proto } = orig;
  const daddr = masquerade ?? orig.saddr;
  const reply: Tuple = { saddr: address, sport: port, daddr, dport: sport, proto };
  const hidden = masquerade !== null;
  const isFree = (dport: number) =>
    steering.isOwn(store, ip.family, { ...reply, dport }) &&
    isUnused(store, orig, { ...reply, dport }) &&
    !(hidden && isNodePort(store, ip.family, proto as Proto, dport));
  // MASQUERADE --random-fully, lest two nodes find the same port free at the same time.
  const keeps = !(hidden && configOf(store).randomFully) && isFree(sport);
  const dport = keeps ? sport : search(store, sport, isFree);
  return dport === undefined ? undefined : { ...reply, dport };
}

/** An answer must lead to one connection, and must not look like what opens this one. */
function isUnused(store: Store, orig: Tuple, reply: Tuple): boolean {
  return conntrack.lookup(store, reply) === undefined && !conntrack.isSame(reply, orig);
}

/** Answers to a nodePort of the node would be taken for new connections to that nodePort. */
function isNodePort(store: Store, family: Family, proto: Proto, port: number): boolean {
  return store.control.services.lookup(nodePortVip(family, port, proto)) !== undefined;
}

function search(
  store: Store,
  sport: number,
  isFree: (port: number) => boolean,
): number | undefined {
  const [low, high] = portClass(sport);
  const size = high - low + 1;
  const start = draw(store, size);
  // Of so many ports in a row every engine that shares them has its part.
  const attempts = PORT_ATTEMPTS_MAX * store.partition.shards;
  for (let attempt = 0; attempt < Math.min(size, attempts); attempt++) {
    const port = low + ((start + attempt) % size);
    if (isFree(port)) return port;
  }
  return undefined;
}

/** Privileged ports stay privileged: the kernel has the same three ranges. */
function portClass(sport: number): [low: number, high: number] {
  if (sport < 512) return [1, 511];
  if (sport < 1024) return [600, 1023];
  return [1024, 65535];
}
