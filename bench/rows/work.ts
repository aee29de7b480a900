/**
 * Makes a row's packets: what opens its connections, a frame of each direction of each of them, and the order
 * they are visited in. The endpoints are those the Wasm engine chooses; every contestant is held to them.
 * Typed arrays throughout: a million small objects would push the tables that are measured out of the caches.
 */
import type { Dataplane, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { createDataplane, parseObjects } from "../../src/index.ts";
import { parse } from "../../src/packet/address.ts";
import { tupleOf } from "../../src/packet/parse.ts";
import type { Opened, Pack, Row, Work } from "../heats/contestant.ts";
import { NODE, objects, PLANS, PORT } from "./cluster.ts";
import { FIELDS, seal, type Template, template, write16, write32 } from "./frame.ts";
import { newcomers, visits } from "./order.ts";

/** Frames in the arena at a time, however many of them a call takes. */
export const ARENA = 4096;
/** Connections there is room for at least: the default of createDataplane. */
const CONNECTIONS = 65536;
/** The 32-bit golden ratio: multiplying by it permutes any power-of-two range. */
const GOLDEN = 0x9e3779b1;
const ETHERNET = 1;

/** Throws when the dataplane lets a packet through untranslated, or not at all. */
export async function makeWork(row: Row): Promise<Work> {
  const options = optionsOf(row);
  const dialled = objects(row);
  if (row.kind === "new") return { ...news(row), row, options, objects: dialled };
  const syn = requests(row, row.flows, "S");
  const [synAck, reply] = await repliesTo(row, syn, options, dialled);
  const { first, replied } = starts(row);
  const forward = requests(row, row.flows + newcomers(row), "A");
  return {
    row,
    options,
    objects: dialled,
    opening: [
      syn.pack,
      synAck.pack,
      part(forward.pack, row.flows),
      ...(row.kind === "conversation" || row.kind === "mixed" ? [pick(reply.pack, replied)] : []),
    ],
    forward: forward.pack,
    reply: reply.pack,
    ...visits(row, first),
    opened: (flow) => openedOf(frameAt(forward.pack, flow), frameAt(reply.pack, flow)),
  };
}

/** What the endpoints say to the SYNs that the dataplane has sent them, and after that. */
async function repliesTo(
  row: Row,
  syn: Draft,
  options: DataplaneOptions,
  dialled: Work["objects"],
): Promise<[synAck: Draft, reply: Draft]> {
  const dataplane = await createDataplane(options);
  dataplane.apply(parseObjects(dialled));
  const synAck = answers(row, "SA");
  const reply = answers(row, "A");
  translate(dataplane, syn, (packet, at, flow) => {
    answerTo(row, packet, at, synAck, flow);
    answerTo(row, packet, at, reply, flow);
  });
  sealAll(row, synAck);
  sealAll(row, reply);
  return [synAck, reply];
}

/** What every contestant goes by. */
function optionsOf(row: Row): DataplaneOptions {
  const room = Math.max(CONNECTIONS, row.flows + newcomers(row));
  const ports = row.services * (row.proto === "mixed" ? 2 : 1);
  const backends = ports * row.endpoints;
  return {
    node: NODE,
    seed: 1,
    sysctls: row.windows ? {} : { nf_conntrack_tcp_no_window_check: 1 },
    capacity: {
      services: Math.max(1024, ports),
      frontends: Math.max(1024, ports * (row.masquerade ? 2 : 1)),
      backends: Math.max(1024, backends),
      slots: Math.max(4096, backends * 2),
      connections: row.family === "ipv4" ? room : 1,
      connections6: row.family === "ipv6" ? room : 1,
      batch: ARENA,
      frame: template(row.family, "tcp", row.payload, "S").bytes.length,
    },
  };
}

function news(row: Row): Omit<Work, "row" | "options" | "objects"> {
  const { pack } = requests(row, row.flows, "S");
  return {
    opening: [],
    forward: pack,
    reply: { size: pack.size, bytes: new Uint8Array(0) },
    ...visits(row, new Uint8Array(row.flows)),
    opened(flow) {
      throw new RangeError(`flow ${flow} is not open: the row is about new connections`);
    },
  };
}

/** Frames of a row on their way to be sealed. */
interface Draft {
  readonly pack: Pack;
  readonly templates: Readonly<Record<"tcp" | "udp", Template>>;
}

function draft(row: Row, count: number, flags: "S" | "SA" | "A"): Draft {
  const { family, payload } = row;
  const templates = {
    tcp: template(family, "tcp", payload, flags),
    udp: template(family, "udp", payload, flags),
  };
  const size = templates.tcp.bytes.length;
  const bytes = new Uint8Array(size * count);
  for (let flow = 0; flow < count; flow++) {
    bytes.set(templates[protoOf(row, flow)].bytes, flow * size);
  }
  return { pack: { size, bytes }, templates };
}

function protoOf({ proto }: Row, flow: number): "tcp" | "udp" {
  if (proto === "mixed") return flow & 1 ? "tcp" : "udp";
  return proto;
}

/**
 * Frames of clients. What belongs to an open connection ("A") follows on its SYN, which carried as many bytes;
 * flows beyond those of the row are SYNs at any time.
 */
function requests(row: Row, count: number, flags: "S" | "A"): Draft {
  const { family } = row;
  const made = draft(row, count, flags);
  const late = flags === "A" && count > row.flows ? requests(row, count, "S") : undefined;
  const { pack, templates } = made;
  const { saddr, daddr, sport, dport } = FIELDS[family];
  const client = low(PLANS[family].client);
  const vip = low(row.masquerade ? PLANS[family].externalIp : PLANS[family].clusterIp);
  for (let flow = 0, at = 0; flow < count; flow++, at += pack.size) {
    if (late && flow >= row.flows) {
      pack.bytes.set(frameAt(late.pack, flow), at);
      continue;
    }
    const proto = protoOf(row, flow);
    putAddress(pack.bytes, at + saddr, client, flow >>> 4);
    putAddress(pack.bytes, at + daddr, vip, serviceOf(row, flow));
    write16(pack.bytes, at + sport, sportOf(row, flow));
    write16(pack.bytes, at + dport, PORT);
    if (proto === "tcp") putNumbers(row, pack.bytes, at, flow, flags);
    seal(templates[proto], pack.bytes, at);
  }
  return made;
}

/** Frames of endpoints; `answerTo` fills in who they are. */
function answers(row: Row, flags: "SA" | "A"): Draft {
  const made = draft(row, row.flows, flags);
  const { size, bytes } = made.pack;
  for (let flow = 0; flow < row.flows; flow++) {
    if (protoOf(row, flow) === "tcp") putNumbers(row, bytes, flow * size, flow, flags, true);
  }
  return made;
}

/** Where an address is counted on from. */
interface Low {
  readonly prefix: Uint8Array;
  readonly first: number;
}

function low(text: string): Low {
  const bytes = parse(text);
  return {
    prefix: bytes.subarray(0, bytes.length - 4),
    first: new DataView(bytes.buffer).getUint32(bytes.length - 4),
  };
}

function putAddress(bytes: Uint8Array, at: number, { prefix, first }: Low, index: number): void {
  if (prefix.length > 0) bytes.set(prefix, at);
  write32(bytes, at + prefix.length, first + index);
}

function serviceOf({ dialled }: Row, flow: number): number {
  return (Math.imul(flow, GOLDEN) >>> 12) % dialled;
}

/**
 * Sixteen ports of each client. Behind the node's address all clients are one, so of a masqueraded row every
 * port is another and none has to be changed.
 */
function sportOf({ masquerade }: Row, flow: number): number {
  return masquerade ? 1024 + (flow % 64512) : 32768 + (flow & 15) * 7;
}

/** SYN and SYN-ACK carry a payload as well, so that all frames are as long; each takes one number more. */
function putNumbers(
  row: Row,
  bytes: Uint8Array,
  at: number,
  flow: number,
  flags: "S" | "SA" | "A",
  answer = false,
): void {
  const { payload } = row;
  const { seq, ack } = FIELDS[row.family];
  const client = Math.imul(flow, 0x85ebca6b);
  const server = Math.imul(flow, 0xc2b2ae35);
  const opened = payload + 1;
  if (flags === "S") write32(bytes, at + seq, client);
  else if (flags === "SA") {
    write32(bytes, at + seq, server);
    write32(bytes, at + ack, client + opened);
  } else if (answer) {
    write32(bytes, at + seq, server + opened);
    write32(bytes, at + ack, client + opened + payload);
  } else {
    write32(bytes, at + seq, client + opened);
    write32(bytes, at + ack, server + opened);
  }
}

/** Takes packets through a dataplane, all of which have to come out translated. */
function translate(
  dataplane: Dataplane,
  { pack }: Draft,
  see: (packet: Uint8Array, at: number, flow: number) => void,
): void {
  const { batch } = dataplane;
  const count = pack.bytes.length / pack.size;
  const stride = batch.frameAt(1) - batch.frameAt(0);
  for (let from = 0; from < count; from += ARENA) {
    batch.clear();
    const length = Math.min(ARENA, count - from);
    for (let i = 0; i < length; i++) batch.push(frameAt(pack, from + i));
    batch.process(0);
    for (let i = 0; i < length; i++) see(batch.memory, i * stride, from + i);
  }
  const { actions } = dataplane.counters();
  if (actions.dnat === count) return;
  throw new Error(`only ${actions.dnat} of ${count} packets were translated`);
}

/** Turns the request at `at`, as the endpoint sees it, round. */
function answerTo(row: Row, from: Uint8Array, at: number, { pack }: Draft, flow: number): void {
  const { saddr, daddr, addressLength, sport, dport } = FIELDS[row.family];
  const to = pack.bytes;
  const frame = flow * pack.size;
  for (let i = 0; i < addressLength; i++) {
    to[frame + saddr + i] = from[at + daddr + i] as number;
    to[frame + daddr + i] = from[at + saddr + i] as number;
  }
  for (let i = 0; i < 2; i++) {
    to[frame + sport + i] = from[at + dport + i] as number;
    to[frame + dport + i] = from[at + sport + i] as number;
  }
}

function sealAll(row: Row, { pack, templates }: Draft): void {
  for (let flow = 0; flow < row.flows; flow++) {
    seal(templates[protoOf(row, flow)], pack.bytes, flow * pack.size);
  }
}

/**
 * The turn each flow has next. The handshake ends with turn 0, the client's; in a conversation about half of
 * the endpoints have answered it, so that the directions of packets are as good as random.
 */
function starts({ kind, flows }: Row): { first: Uint8Array; replied: Uint32Array } {
  const first = new Uint8Array(flows);
  if (kind !== "conversation" && kind !== "mixed") return { first, replied: new Uint32Array(0) };
  const replied: number[] = [];
  for (let flow = 0; flow < flows; flow++) {
    const answered = (Math.imul(flow, GOLDEN) >>> 16) & 1;
    first[flow] = 1 + answered;
    if (answered) replied.push(flow);
  }
  return { first, replied: Uint32Array.from(replied) };
}

export function frameAt({ size, bytes }: Pack, index: number): Uint8Array {
  return bytes.subarray(index * size, (index + 1) * size);
}

function part({ size, bytes }: Pack, count: number): Pack {
  return { size, bytes: bytes.subarray(0, count * size) };
}

function pick(pack: Pack, flows: Uint32Array): Pack {
  const bytes = new Uint8Array(flows.length * pack.size);
  flows.forEach((flow, index) => {
    bytes.set(frameAt(pack, flow), index * pack.size);
  });
  return { size: pack.size, bytes };
}

function openedOf(forward: Uint8Array, reply: Uint8Array): Opened {
  const orig = tupleOf(forward, ETHERNET);
  const back = tupleOf(reply, ETHERNET);
  if (orig && back) return { orig, reply: back };
  throw new RangeError("there is no such flow");
}
