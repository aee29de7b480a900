/**
 * Which of several engines a packet belongs to. Each has the connections of one shard, so both
 * directions of a connection have to come to one of them, before and after translation. Nothing is
 * remembered about packets: that of the two ends which is the client says the shard, and a source
 * port is only given to a connection when the answers to it will come back to the same engine.
 */
import { FAMILY_IPV4 } from "../../abi/layout";
import { PORT_ATTEMPTS_MAX } from "../../abi/limits";
import * as endpoints from "../maps/endpoints";
import { finish, mix } from "../maps/hash";
import * as ports from "../maps/ports";
import { Vip } from "../maps/services";
import { isLocal } from "./address";
import { Opening } from "./opening";
import * as service from "./service";

/** Where packets go that could be of no connection. */
export const NOBODYS: u32 = 0;

let shard: u32 = 0;
let shards: u32 = 1;
let isByAddress: bool = false;
let seed: u32 = 0;

/** Which shard of how many this engine has, and whether a client's address chooses its shard. */
export function partition(index: u32, length: u32, byAddress: bool, key: u32): void {
  shard = index;
  shards = length;
  isByAddress = byAddress;
  seed = key;
}

/** The ends of a packet; there is one at a time. */
export const SOURCE = changetype<Vip>(memory.data(24, 8));
export const DESTINATION = changetype<Vip>(memory.data(24, 8));

/** Whether answers to the opening's new source come to this engine. */
export function isOwn(opening: Opening): bool {
  if (shards == 1) return true;
  const proto = opening.proto;
  const family = opening.family;
  SOURCE.init(opening.newDaddr0, opening.newDaddr1, opening.newDport, proto, family);
  DESTINATION.init(opening.newSaddr0, opening.newSaddr1, opening.newSport, proto, family);
  return ofEnds() == shard;
}

/** How many ports are tried: of so many in a row every engine that shares them has its part. */
export function attempts(): u32 {
  return <u32>PORT_ATTEMPTS_MAX * shards;
}

/** The shard of a packet from SOURCE to DESTINATION. */
export function ofEnds(): u32 {
  const client = findClient();
  return client == null ? NOBODYS : ofClient(client);
}

/**
 * The end that asks; null when both of them answer others. Then it could be either, and the other
 * end of what is translated will not tell: all of these go to one shard.
 */
function findClient(): Vip | null {
  if (!answers(DESTINATION)) {
    // Of two that nobody knows any more the one with the higher port, whoever sends.
    const isHigher = bswap<u16>(SOURCE.port) <= bswap<u16>(DESTINATION.port);
    return isHigher || answers(SOURCE) ? DESTINATION : SOURCE;
  }
  return answers(SOURCE) ? findNodes() : SOURCE;
}

/** Whether it is dialled: a frontend or an endpoint. Everybody else dials. */
function answers(end: Vip): bool {
  return ports.isMarked(end.port) && (isFrontend(end) || isEndpoint(end));
}

/**
 * Of two that answer the node's own: its ports are source ports as well, and one may become a
 * nodePort while a connection has it.
 */
function findNodes(): Vip | null {
  if (!isEndpoint(SOURCE)) return isOfNode(SOURCE) ? SOURCE : null;
  return !isEndpoint(DESTINATION) && isOfNode(DESTINATION) ? DESTINATION : null;
}

function isFrontend(end: Vip): bool {
  return service.lookup(end, null) != null;
}

function isEndpoint(end: Vip): bool {
  return endpoints.lookup(changetype<usize>(end)) != null;
}

function isOfNode(end: Vip): bool {
  return isLocal(end.address0, end.address1, end.family);
}

/** By its address, but for those that masquerade: what tells their clients apart is the port. */
function ofClient(client: Vip): u32 {
  if (isByAddress && !isOfNode(client)) return ofAddress(client);
  return ofPort(bswap<u16>(client.port));
}

function ofAddress(client: Vip): u32 {
  const end = changetype<usize>(client) + 16;
  const length: u32 = client.family == FAMILY_IPV4 ? 4 : 16;
  let state = seed;
  for (let at = end - length; at < end; at += 4) state = mix(state, load<u32>(at));
  return <u32>((<u64>finish(state, 0, length) * shards) >>> 32);
}

/**
 * Knuth's multiplicative hash, "The Art of Computer Programming" 6.4, with 2^16 divided by the
 * golden ratio: Linux hands out ephemeral ports of one parity, which a remainder would show.
 */
function ofPort(port: u32): u32 {
  return (((port * 0x9e37) & 0xffff) * shards) >>> 16;
}
