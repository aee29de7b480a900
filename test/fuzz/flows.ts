/** Conversations as their two ends know them, and who can be talked to. */
import type { Maps } from "../../src/dataplane/dataplane.ts";
import type { Proto, Tuple } from "../../src/dataplane/entries.ts";
import type { PacketSpec } from "../../src/packet/build.ts";
import { PODS_IPV4, PODS_IPV6 } from "./clusters.ts";
import type { Dice } from "./dice.ts";
import { isIPv4, SOURCE_PORTS, SOURCES, type Target } from "./packets.ts";

/** Sources of which nothing is wrong. */
const CLIENTS = [...PODS_IPV4, ...PODS_IPV6, "203.0.113.9", "203.0.113.200", "2001:db8:f::9"];

export type Direction = "orig" | "reply";

export function opposite(direction: Direction): Direction {
  return direction === "orig" ? "reply" : "orig";
}

/** Everything of a packet but who sends it to whom. */
export type Shape = Omit<PacketSpec, "saddr" | "daddr" | "sport" | "dport" | "proto">;

/** A packet of a conversation, before it has addresses. */
export interface Utterance {
  readonly from: Direction;
  readonly shape: Shape;
}

/** One end of a conversation. */
export interface End {
  /** TCP: the sequence number it sends next. */
  next: number;
  /** TCP: where its last segment began. */
  last: number;
  window: number;
  /** TCP: whether it has said that it scales its window, and by how much. */
  scale: number;
  /** SCTP: the tag it wants to see in what it gets. */
  tag: number;
}

export interface Flow {
  readonly proto: Proto;
  /** As the client sends; the answers come as the dataplane has arranged it. */
  readonly orig: Tuple;
  readonly ends: Readonly<Record<Direction, End>>;
  /** How many steps of an orderly life it has behind it. */
  age: number;
}

function createEnd(dice: Dice): End {
  const next = dice.oneOf([0, 1, 1000, 0x7fff_ff00, 0xffff_fff0, dice.word()]);
  const window = dice.oneOf([65535, 65535, 1024, 1, 0]);
  return { next, last: next, window, scale: 0, tag: dice.oneOf([1, 0x1111_1111, dice.word()]) };
}

export function createFlow(proto: Proto, orig: Tuple, dice: Dice): Flow {
  return { proto, orig, age: 0, ends: { orig: createEnd(dice), reply: createEnd(dice) } };
}

/** How a packet of one direction comes in; undefined while nobody knows what answers look like. */
export function tupleOf(flow: Flow, from: Direction, maps: Maps): Tuple | undefined {
  return from === "orig" ? flow.orig : maps.conntrack.lookup(flow.orig)?.reply;
}

export function inverse({ saddr, sport, daddr, dport, proto }: Tuple): Tuple {
  return { saddr: daddr, sport: dport, daddr: saddr, dport: sport, proto };
}

/** Few clients, so that what one connection does meets another. */
export function dial({ address, port, proto }: Target, dice: Dice): Flow {
  const sport = dice.oneOf(SOURCE_PORTS);
  const saddr = clientOf(address, dice);
  return createFlow(proto, { saddr, sport, daddr: address, dport: port, proto }, dice);
}

function clientOf(address: string, dice: Dice): string {
  // Hairpin: the client is at home where the answer comes from.
  if (dice.once(16)) return address;
  const clients = dice.once(8) ? SOURCES : CLIENTS;
  return dice.oneOf(clients.filter((client) => isIPv4(client) === isIPv4(address)));
}

/** The addresses and ports of pods that serve something. */
export function endpointsOf({ endpoints }: Maps): Target[] {
  return [...endpoints.entries()].map(([{ address, port, proto }]) => ({ address, port, proto }));
}
