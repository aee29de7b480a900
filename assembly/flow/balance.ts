/** Choosing a backend: the one the client stays with, or one of the ring by its scheduler. */
import { FAMILY_IPV4, SCHEDULER_MAGLEV } from "../../abi/layout";
import { REASON_NO_ENDPOINTS, REASON_NO_MASQUERADE_ADDRESS } from "../../abi/verdict";
import { Backend } from "../maps/backends";
import * as backends from "../maps/backends";
import { finish, mix } from "../maps/hash";
import { Ring } from "../maps/rings";
import * as rings from "../maps/rings";
import { Service } from "../maps/services";
import { Packet } from "../packet";
import { Ipv4 } from "../wire/ipv4";
import { Ipv6 } from "../wire/ipv6";
import * as affinity from "./affinity";
import { unspecified } from "./address";
import { Opening } from "./opening";
import { CONTINUE, drop } from "./outcome";
import * as random from "./random";
import { rejectPacket } from "./reject";

let seed: u32 = 0;

export function init(value: u32): void {
  seed = value;
}

export function choose(packet: Packet, opening: Opening): u32 {
  const wanted = packet.wanted;
  const number = takes(wanted, opening) ? wanted : draw(packet, opening);
  const backend = backends.lookup(number);
  if (backend == null || !serves(backend, opening)) {
    return rejectPacket(packet, opening, REASON_NO_ENDPOINTS);
  }
  opening.backendNumber = number;
  aim(opening, backend);
  return chooseSource(opening, backend);
}

/** Whether there is such a backend for what is dialled; the client is then remembered by it. */
function takes(wanted: u32, opening: Opening): bool {
  const backend = backends.lookup(wanted);
  if (backend == null || backend.proto != opening.proto) return false;
  if (!serves(backend, opening)) return false;
  affinity.find(opening);
  return true;
}

/** The number of the backend to stay with, or of one of the ring; 0 when there is none. */
function draw(packet: Packet, opening: Opening): u32 {
  const ring = rings.lookup(opening.number, opening.route.ring);
  if (ring == null || ring.length == 0) return 0;
  const number = affinity.recall(opening, ring);
  return number != 0 ? number : pick(ring, packet, opening);
}

/** A ring written by hand may name a row that no backend has, or one of the other family. */
function serves(backend: Backend, opening: Opening): bool {
  return backend.service != 0 && backend.family == opening.family;
}

function pick(ring: Ring, packet: Packet, opening: Opening): u32 {
  if (ring.scheduler != SCHEDULER_MAGLEV) return rings.slot(ring, random.below(ring.length));
  return rings.slot(ring, hashOf(packet, opening.service) % ring.length);
}

/**
 * What Maglev goes by: the bytes of source, port of the source, port dialled and protocol. With
 * affinity the source port does not count, so that a client's connections stay together.
 */
export function hashOf(packet: Packet, service: Service): u32 {
  const is4 = packet.family == FAMILY_IPV4;
  const source = is4 ? sizeof<u32>() : 2 * sizeof<u64>();
  const saddr = is4 ? packet.l3 + offsetof<Ipv4>("saddr") : changetype<Ipv6>(packet.l3).saddr;
  let state = seed;
  for (let at: usize = 0; at < source; at += 4) state = mix(state, load<u32>(saddr + at));
  const ports = load<u32>(packet.l4);
  const proto: u32 = packet.proto;
  if (service.affinity == 0) return finish(mix(state, ports), proto, <u32>source + 5);
  return finish(state, (ports >>> 16) | (proto << 16), <u32>source + 3);
}

/** The reply will come from the backend. */
function aim(opening: Opening, backend: Backend): void {
  opening.newDaddr0 = backend.address0;
  opening.newDaddr1 = backend.address1;
  opening.newDport = backend.port;
}

/** Masquerades where the route says so, and a client that is its own backend (hairpin). */
function chooseSource(opening: Opening, backend: Backend): u32 {
  const isHairpin = backend.address0 == opening.saddr0 && backend.address1 == opening.saddr1;
  opening.masquerade = opening.route.masquerade != 0 || isHairpin;
  opening.newSaddr0 = opening.masquerade ? backend.masquerade0 : opening.saddr0;
  opening.newSaddr1 = opening.masquerade ? backend.masquerade1 : opening.saddr1;
  if (!opening.masquerade || !isUnspecified(backend)) return CONTINUE;
  return drop(REASON_NO_MASQUERADE_ADDRESS);
}

function isUnspecified(backend: Backend): bool {
  return backend.masquerade0 == 0 && backend.masquerade1 == unspecified(backend.family);
}
