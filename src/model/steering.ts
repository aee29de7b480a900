/**
 * Which of several engines a packet belongs to. Each has the connections of one shard, so both
 * directions of a connection have to come to one of them, before and after translation. Nothing is
 * remembered about packets: that of the two ends which is the client says the shard, and a source
 * port is only given to a connection when the answers to it will come back to the same engine.
 */
import { SHARD_UNKNOWN } from "../../abi/limits.ts";
import type { FrameInput } from "../dataplane/engine.ts";
import type { Family, Proto, Tuple, Vip } from "../dataplane/entries.ts";
import { murmur3 } from "../murmur3.ts";
import { parse as parseAddress } from "../packet/address.ts";
import { type Icmp, parse, protocolName, TRANSPORT_HEADERS } from "../packet/parse.ts";
import { isError, readQuote } from "../packet/quote.ts";
import * as conntrack from "./conntrack.ts";
import { isMalformed, type Part, placeOf, portsOf, upperOf } from "./fragment/part.ts";
import { linkType } from "./link.ts";
import * as service from "./service.ts";
import type { Store } from "./store.ts";
import type { Passage } from "./walk.ts";

/** Where packets go that could be of no connection. */
const NOBODYS = 0;
/** Bytes of both ports, which stand first in every transport header. */
const PORTS = 4;

/**
 * The shard of a frame; checksums are the engine's to look at. SHARD_UNKNOWN for a fragment without
 * ports, which has to go where the first one of its datagram went.
 */
export function steer(store: Store, frame: Uint8Array, input: FrameInput): number {
  const passage: Passage = { store, frame, input };
  const parsed = parse(frame, linkType(input.link), input.wireLength);
  switch (parsed.found) {
    case "flow":
      return shardOf(store, parsed.ip.family, parsed.tuple);
    case "icmp":
      return steerError(passage, parsed);
    case "fragment":
      return steerPiece({ ...passage, piece: parsed });
    default:
      return NOBODYS;
  }
}

/** An error goes the other way than the packet it quotes. */
function steerError({ store, frame }: Passage, message: Icmp): number {
  const { family } = message.ip;
  if (!isError(family, message.type)) return NOBODYS;
  const quote = readQuote(frame, message);
  if (quote.found !== "flow") return NOBODYS;
  return shardOf(store, family, conntrack.inverse(quote.tuple));
}

function steerPiece(part: Part): number {
  const upper = upperOf(part);
  if (isMalformed(part) || typeof upper === "string") return NOBODYS;
  if (part.piece.ip.fragment.offset !== 0 || upper === undefined) return SHARD_UNKNOWN;
  const at = placeOf(part, upper.base);
  const hasPorts = TRANSPORT_HEADERS[upper.protocol] !== undefined;
  if (!hasPorts || at === undefined || at + PORTS > part.frame.length) return NOBODYS;
  return steerFirst(part, portsOf(part, upper), upper.protocol);
}

function steerFirst(
  { store, piece }: Part,
  ports: Pick<Tuple, "sport" | "dport">,
  protocol: number,
): number {
  const proto = protocolName(protocol);
  return shardOf(store, piece.ip.family, { ...piece.tuple, ...ports, proto });
}

/**
 * Whether answers with this tuple come to this engine: it may give away the port that they go to.
 */
export function isOwn(store: Store, family: Family, reply: Tuple): boolean {
  return shardOf(store, family, reply) === store.partition.shard;
}

/** The shard of packets with this tuple. */
function shardOf(store: Store, family: Family, tuple: Tuple): number {
  const proto = tuple.proto as Proto;
  const source: Vip = { family, address: tuple.saddr, port: tuple.sport, proto };
  const destination: Vip = { family, address: tuple.daddr, port: tuple.dport, proto };
  const client = clientOf(store, source, destination);
  return client === undefined ? NOBODYS : shardOfClient(store, client);
}

/**
 * The end that asks; undefined when both of them answer others. Then it could be either, and the
 * other end of what is translated will not tell: all of these go to one shard.
 */
function clientOf(store: Store, source: Vip, destination: Vip): Vip | undefined {
  const [from, to] = [roleOf(store, source), roleOf(store, destination)];
  if (to === "client") {
    // Of two that nobody knows any more the one with the higher port, whoever sends.
    return from !== "client" || source.port <= destination.port ? destination : source;
  }
  if (from === "client") return source;
  // The node's own ports are source ports as well: the same one may become a nodePort meanwhile.
  if (from === "frontend") return isLocal(store, source) ? source : undefined;
  return to === "frontend" && isLocal(store, destination) ? destination : undefined;
}

/** What is dialled is a frontend or an endpoint; everybody else dials. */
function roleOf(store: Store, end: Vip): "endpoint" | "frontend" | "client" {
  if (store.control.endpoints.lookup(end) !== undefined) return "endpoint";
  return service.owner(store, end.family, end) === undefined ? "client" : "frontend";
}

function isLocal(store: Store, { family, address }: Vip): boolean {
  return service.isLocal(store, family, address);
}

/** By its address, but for those that masquerade: what tells their clients apart is the port. */
function shardOfClient(store: Store, client: Vip): number {
  const { shards, steering } = store.partition;
  if (steering === "port" || isLocal(store, client)) return shardOfPort(client.port, shards);
  return Math.floor((murmur3(parseAddress(client.address), store.seed) * shards) / 2 ** 32);
}

/**
 * Knuth's multiplicative hash, "The Art of Computer Programming" 6.4, with 2^16 divided by the
 * golden ratio: Linux hands out ephemeral ports of one parity, which a remainder would show.
 */
function shardOfPort(port: number, shards: number): number {
  return (((port * 0x9e37) & 0xffff) * shards) >>> 16;
}
