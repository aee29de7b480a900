/** Chooses the backend of a new connection. */
import type { FrameInput } from "../dataplane/engine.ts";
import type { Backend, Ring, RingName, Service } from "../dataplane/entries.ts";
import { murmur3 } from "../murmur3.ts";
import { family, parse } from "../packet/address.ts";
import type { Flow } from "../packet/parse.ts";
import * as affinity from "./affinity.ts";
import { draw } from "./random.ts";
import type { Store } from "./store.ts";

export interface Choice {
  readonly number: number;
  readonly backend: Backend;
}

/** The backend that a program has asked for, whosever it is; undefined when it is not one for this packet. */
export function wanted(
  store: Store,
  { ip, tuple }: Flow,
  { backend: number }: FrameInput,
): Choice | undefined {
  const backend = number === 0 ? undefined : store.control.backends.lookup(number);
  const suits = backend?.family === ip.family && backend.proto === tuple.proto;
  return suits ? { number, backend } : undefined;
}

/** The backend the client had last, or what the ring has for it; undefined for an empty ring. */
export function choose(
  store: Store,
  service: Service,
  name: RingName,
  flow: Flow,
): Choice | undefined {
  const ring = store.control.rings.lookup({ service: service.service, ring: name });
  if (ring === undefined || ring.slots.length === 0) return undefined;
  const remembered = affinity.recall(store, service, name, ring, flow.tuple.saddr);
  const number = remembered ?? (ring.slots[slotOf(store, ring, service, flow)] as number);
  const backend = store.control.backends.lookup(number);
  // A ring written by hand may name a backend that is not there, or one of the other family.
  if (backend === undefined || backend.family !== family(flow.tuple.saddr)) return undefined;
  return { number, backend };
}

function slotOf(store: Store, ring: Ring, service: Service, flow: Flow): number {
  const { length } = ring.slots;
  if (ring.scheduler === "random") return draw(store, length);
  return murmur3(identity(service, flow), store.seed) % length;
}

/**
 * What Maglev hashes of a flow, in packet order: source, destination port, protocol. With session
 * affinity all connections of a client are one, so its port is left out.
 */
function identity(service: Service, { tuple, ip }: Flow): Uint8Array {
  const sport = service.affinity > 0 ? [] : bigEndian16(tuple.sport);
  return Uint8Array.of(...parse(tuple.saddr), ...sport, ...bigEndian16(tuple.dport), ip.protocol);
}

function bigEndian16(value: number): number[] {
  return [value >>> 8, value & 0xff];
}
