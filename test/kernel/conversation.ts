/** What clients and endpoints say: connections opened, continued, complained about. */
import { type PacketSpec, packet } from "../../src/testing.ts";
import type { Frontend } from "./clusters.ts";
import type { Outcome } from "./comparison.ts";
import { type Endpoints, ICMP, ICMPV6, inverse, NAMES, SCTP, same, TCP, UDP } from "./datagram.ts";
import type { Duel, SendOptions } from "./duel.ts";
import { createFlow, type Direction, type Flow } from "./flow.ts";
import { familyOf, type Link, linkOf } from "./topology.ts";

/** Everything about a packet but who talks to whom. */
export type Shape = Omit<PacketSpec, "saddr" | "daddr" | "sport" | "dport" | "proto" | "link">;

const NUMBERS = { tcp: TCP, udp: UDP, sctp: SCTP } as const;
/** Where sequence numbers start; the endpoint's soon wrap around. */
const FIRST: Record<Direction, number> = { orig: 1000, reply: 0xffff_ffe0 };

/** A client dials a frontend: with a first packet, or with another when `shape` says so. */
export async function open(
  duel: Duel,
  { address, port, proto }: Pick<Frontend, "address" | "port" | "proto">,
  client: { readonly address: string; readonly port: number },
  shape: Shape = {},
  options: Pick<SendOptions, "unsteered"> = {},
): Promise<Outcome> {
  const orig: Endpoints = {
    proto: NUMBERS[proto],
    saddr: client.address,
    sport: client.port,
    daddr: address,
    dport: port,
  };
  const flow = flowOf(duel, orig);
  if (proto === "tcp" && (shape.flags ?? "S") === "S") restart(flow);
  const bytes = build(orig, { ...opening(orig.proto, flow), ...shape });
  const outcome = await duel.send(flow.link, bytes, { ...options, flow });
  if (flow.translated !== undefined && !duel.flows.includes(flow)) duel.flows.push(flow);
  heard(flow, "orig", bytes, outcome);
  flow.age ||= 1;
  return outcome;
}

function flowOf({ flows }: Duel, orig: Endpoints): Flow {
  return flows.find((flow) => same(flow.orig, orig)) ?? createFlow(orig, linkOf(orig.saddr));
}

function restart(flow: Flow): void {
  flow.age = 0;
  flow.next.orig = FIRST.orig;
  flow.next.reply = FIRST.reply;
}

function build({ proto, saddr, sport, daddr, dport }: Endpoints, shape: Shape): Uint8Array {
  const tuple = { saddr, sport, daddr, dport, proto: NAMES[proto] };
  return packet({ ...shape, ...tuple, link: "raw" });
}

/** The way a connection goes when nothing is wrong. */
interface Step {
  readonly from: Direction;
  readonly shape: Shape;
}

const SYN_OPTIONS = { mss: 1460, sackPermitted: true, windowScale: 7 };
const TCP_LIFE: readonly Step[] = [
  { from: "orig", shape: { flags: "S", tcpOptions: SYN_OPTIONS } },
  { from: "reply", shape: { flags: "SA", tcpOptions: SYN_OPTIONS } },
  { from: "orig", shape: { flags: "A" } },
  { from: "orig", shape: { flags: "PA", payload: "GET / HTTP/1.0" } },
  { from: "reply", shape: { flags: "A" } },
  { from: "reply", shape: { flags: "PA", payload: "HTTP/1.0 204" } },
  { from: "orig", shape: { flags: "FA" } },
  { from: "reply", shape: { flags: "FA" } },
  { from: "orig", shape: { flags: "A" } },
];
const UDP_LIFE: readonly Step[] = [
  { from: "orig", shape: { payload: "question" } },
  { from: "reply", shape: { payload: "an answer" } },
  { from: "orig", shape: { payload: "", checksum: 0 } },
  { from: "reply", shape: { payload: "odd", checksum: 0 } },
];
/** Initiation tags of both ends, RFC 9260 section 3.3.2: packets carry the other's. */
const TAGS: Readonly<Record<Direction, number>> = { orig: 0x11111111, reply: 0x22222222 };
const SCTP_LIFE: readonly Step[] = [
  { from: "orig", shape: { verificationTag: 0, chunks: [initiation("INIT", TAGS.orig)] } },
  { from: "reply", shape: chunk("INIT ACK", TAGS.orig, initiation("INIT ACK", TAGS.reply).value) },
  { from: "orig", shape: chunk("COOKIE ECHO", TAGS.reply, new Uint8Array(8)) },
  { from: "reply", shape: chunk("COOKIE ACK", TAGS.orig) },
  { from: "orig", shape: chunk("DATA", TAGS.reply, new Uint8Array(16)) },
  { from: "reply", shape: chunk("SACK", TAGS.orig, new Uint8Array(12)) },
  { from: "orig", shape: chunk("SHUTDOWN", TAGS.reply, new Uint8Array(4)) },
  { from: "reply", shape: chunk("SHUTDOWN ACK", TAGS.orig) },
  { from: "orig", shape: chunk("SHUTDOWN COMPLETE", TAGS.reply) },
];
const LIVES: Readonly<Record<number, readonly Step[]>> = {
  [TCP]: TCP_LIFE,
  [UDP]: UDP_LIFE,
  [SCTP]: SCTP_LIFE,
};

/** Tag, window, streams each way and first sequence number. */
function initiation(type: "INIT" | "INIT ACK", tag: number) {
  const value = Buffer.alloc(16);
  value.writeUInt32BE(tag);
  value.writeUInt32BE(65536, 4);
  value.writeUInt16BE(1, 8);
  value.writeUInt16BE(1, 10);
  return { type, value };
}

function chunk(
  type: NonNullable<PacketSpec["chunks"]>[number]["type"],
  verificationTag: number,
  value = new Uint8Array(0),
): Shape {
  return { verificationTag, chunks: [{ type, value }] };
}

function opening(proto: number, flow: Flow): Shape {
  return shaped(flow, (LIVES[proto] as readonly Step[])[0] as Step);
}

/** What either end says next. */
export async function proceed(duel: Duel, flow: Flow, over: Shape = {}): Promise<Outcome> {
  const life = LIVES[flow.orig.proto] as readonly Step[];
  if (flow.orig.proto === TCP && flow.age >= life.length) restart(flow);
  const step = life[flow.age % life.length] as Step;
  const outcome = await say(duel, flow, step.from, { ...step.shape, ...over });
  if (outcome.kind === "forward") flow.age++;
  return outcome;
}

/** Anything, from either end; `seqBy` and `ackBy` say how far its numbers are off. */
export async function say(
  duel: Duel,
  flow: Flow,
  from: Direction,
  shape: Shape & { readonly seqBy?: number; readonly ackBy?: number },
): Promise<Outcome> {
  const { seqBy = 0, ackBy = 0, ...rest } = shape;
  const full = shaped(flow, { from, shape: rest }, seqBy, ackBy);
  const tuple = from === "orig" ? flow.orig : inverse(flow.translated as Endpoints);
  const bytes = build(tuple, full);
  const link = from === "orig" ? flow.link : linkOf(tuple.saddr);
  const outcome = await duel.send(link, bytes, from === "orig" ? { flow } : {});
  if (seqBy === 0) heard(flow, from, bytes, outcome);
  return outcome;
}

function shaped(flow: Flow, { from, shape }: Step, seqBy = 0, ackBy = 0): Shape {
  if (flow.orig.proto !== TCP) return shape;
  const acknowledges = /[A.]/.test(shape.flags ?? "");
  const [own, other] =
    from === "orig" ? (["orig", "reply"] as const) : (["reply", "orig"] as const);
  return {
    window: 502,
    seq: (flow.next[own] + seqBy) >>> 0,
    ack: acknowledges ? (flow.next[other] + ackBy) >>> 0 : 0,
    ...shape,
  };
}

/** What came out at the other end counts as said. */
function heard(flow: Flow, from: Direction, sent: Uint8Array, { kind, packet, link }: Outcome) {
  if (kind !== "forward" || packet === undefined || link === undefined) return;
  flow.last[from] = { packet, link };
  if (flow.orig.proto === TCP) flow.next[from] = sequenceAfter(sent);
}

/** The number behind the segment: SYN and FIN take one too. */
function sequenceAfter(sent: Uint8Array): number {
  const at = (sent[0] as number) >> 4 === 4 ? 20 : 40;
  const view = new DataView(sent.buffer, sent.byteOffset + at, sent.length - at);
  const flags = view.getUint8(13);
  const data = view.byteLength - (view.getUint8(12) >> 4) * 4;
  return (view.getUint32(4) + data + (flags & 1) + ((flags >> 1) & 1)) >>> 0;
}

export interface Complaint {
  /** The direction of the packet it is about: it travels the other way. */
  readonly about: Direction;
  readonly type: number;
  readonly code: number;
  readonly rest?: number;
  /** Bytes of the packet behind its IP header that it quotes. */
  readonly quoted?: number;
  /** Sent by a router on the way instead of the one addressed. */
  readonly router?: boolean;
  readonly checksum?: number;
}

const ROUTERS: Readonly<Record<Link, readonly [ipv4: string, ipv6: string]>> = {
  ext0: ["192.0.2.1", "2001:db8:f::1"],
  pod0: ["10.244.1.99", "fd00:10:1::99"],
  net1: ["192.168.1.3", "2001:db8:1::3"],
};

/** An ICMP error about the last packet that came out in one direction, from where it came out. */
export async function complain(duel: Duel, flow: Flow, one: Complaint): Promise<Outcome | null> {
  const last = flow.last[one.about];
  if (last === undefined) return null;
  const to = one.about === "orig" ? flow.translated : inverse(flow.orig);
  if (to === undefined) return null;
  const ipv6 = familyOf(to.saddr) === "ipv6";
  const bytes = packet({
    saddr: one.router ? ROUTERS[last.link][ipv6 ? 1 : 0] : to.daddr,
    daddr: to.saddr,
    proto: ipv6 ? ICMPV6 : ICMP,
    icmp: { type: one.type, code: one.code, rest: one.rest ?? 0 },
    payload: last.packet.subarray(0, (ipv6 ? 40 : 20) + (one.quoted ?? 1000)),
    ...(one.checksum === undefined ? {} : { checksum: one.checksum }),
    link: "raw",
  });
  return duel.send(last.link, bytes);
}
