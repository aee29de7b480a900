/**
 * A mixture of conversations, told to one dataplane without workers: what was sent, in groups, and what became of
 * it. Every client has a port of its own, so nothing depends on which ports others were given, and with Maglev
 * nothing depends on chance.
 */
import type { Dataplane, DataplaneOptions, FrameOptions } from "../../src/dataplane/dataplane.ts";
import type { Tuple } from "../../src/dataplane/entries.ts";
import type { PacketEvent } from "../../src/dataplane/event.ts";
import { createDataplane, parseObjects } from "../../src/index.ts";
import { packet } from "../../src/packet/build.ts";
import { build, type Frame } from "../conformance/frame.ts";
import { pieces } from "../conformance/pieces.ts";
import { CLIENT, CLIENT_IPV6, NODE, POD, POD_IPV6, SERVICES, scene } from "../conformance/scene.ts";
import { createDice, type Dice } from "../fuzz/dice.ts";

const { sticky: _, ...SHARED } = SERVICES;
/** Without session affinity, which a worker has by itself. */
export const MIXTURE_OBJECTS = scene(...Object.values(SHARED));
export const MIXTURE: DataplaneOptions = {
  node: NODE,
  seed: 7,
  scheduler: "maglev",
  capacity: { slots: 65536, batch: 256 },
};

export interface Sent {
  readonly bytes: Uint8Array;
  readonly options: FrameOptions;
}

export interface Fate {
  readonly event: PacketEvent;
  readonly packet: string;
}

/** What a group of packets came to, and what it has let go. */
export interface Outcome {
  readonly fates: readonly Fate[];
  readonly released: readonly (Fate & { readonly by: number })[];
}

export interface Group {
  readonly now: number;
  readonly packets: readonly Sent[];
  readonly outcome: Outcome;
}

export interface Recording {
  readonly groups: readonly Group[];
  readonly dataplane: Dataplane;
}

/** Gives packets of one flow, in order, and is given what became of the first of them. */
type Conversation = Generator<readonly Sent[], void, Fate>;

const GROUP = 200;
const WAITS = [0, 0, 1, 250, 900];

export async function record(seed: number, flows: number): Promise<Recording> {
  const dice = createDice(seed);
  const dataplane = await createDataplane(MIXTURE);
  dataplane.apply(parseObjects([...MIXTURE_OBJECTS]));
  let waiting = dice.shuffled(Array.from({ length: flows }, (_, flow) => converse(flow, dice)));
  const groups: Group[] = [];
  const fates = new Map<Conversation, Fate>();
  for (let now = 0; waiting.length > 0; now += dice.oneOf(WAITS)) {
    const { packets, speakers } = gather(waiting, fates, dice);
    const outcome = run(dataplane, packets, now);
    for (const [speaker, index] of speakers) fates.set(speaker, outcome.fates[index]!);
    groups.push({ now, packets, outcome });
    waiting = dice.shuffled(waiting.filter((each) => !ended.has(each)));
  }
  return { groups, dataplane };
}

const ended = new WeakSet<Conversation>();

/** The next words of some. What one says at a time keeps its order; the words of several are mixed. */
function gather(
  waiting: readonly Conversation[],
  fates: ReadonlyMap<Conversation, Fate>,
  dice: Dice,
): { packets: Sent[]; speakers: Map<Conversation, number> } {
  const said: { speaker: Conversation; words: Sent[] }[] = [];
  for (const speaker of waiting.slice(0, 1 + dice.below(GROUP / 4))) {
    const next = speaker.next(fates.get(speaker)!);
    if (next.done) ended.add(speaker);
    else said.push({ speaker, words: [...next.value] });
  }
  const packets: Sent[] = [];
  const speakers = new Map<Conversation, number>();
  for (let open = said; open.length > 0; open = open.filter(({ words }) => words.length > 0)) {
    const { speaker, words } = dice.oneOf(open);
    if (!speakers.has(speaker)) speakers.set(speaker, packets.length);
    packets.push(words.shift()!);
  }
  return { packets, speakers };
}

function run({ batch }: Dataplane, packets: readonly Sent[], now: number): Outcome {
  batch.clear();
  for (const { bytes, options } of packets) batch.push(bytes, options);
  batch.process(now, { events: true });
  return outcomeOf(batch, packets.length);
}

/** What any batch says of its frames. */
export function outcomeOf(
  batch: Pick<Dataplane["batch"], "event" | "packet" | "released">,
  length: number,
): Outcome {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  return {
    fates: Array.from({ length }, (_, index) => {
      return { event: batch.event(index), packet: hex(batch.packet(index)) };
    }),
    released: batch.released().map(({ by, event, packet }) => {
      return { by, event, packet: hex(packet) };
    }),
  };
}

interface Dialled {
  readonly daddr: string;
  readonly dport: number;
}

const WEB_IPV4: readonly Dialled[] = [
  { daddr: "10.96.0.10", dport: 80 },
  { daddr: "198.51.100.10", dport: 80 },
  { daddr: "192.168.0.2", dport: 30080 },
];
const TARGETS: readonly Dialled[] = [
  ...WEB_IPV4,
  { daddr: "10.96.0.20", dport: 80 },
  { daddr: "10.96.0.40", dport: 80 },
  { daddr: "198.51.100.50", dport: 80 },
  { daddr: "198.51.100.60", dport: 80 },
  // An endpoint, dialled directly, and somebody who is no concern of ours.
  { daddr: "10.244.1.10", dport: 8080 },
  { daddr: "192.0.2.200", dport: 443 },
  { daddr: "fd00:96::10", dport: 80 },
  { daddr: "2001:db8::2", dport: 30080 },
  { daddr: "fd00:10:244:1::10", dport: 8080 },
];
/** A pod, one that serves as well (hairpin), the node itself, and clients outside. */
const SOURCES = {
  ipv4: [POD, "10.244.1.10", "10.244.2.3", "192.168.0.2", CLIENT, "203.0.113.77", "192.0.2.77"],
  ipv6: [POD_IPV6, "fd00:10:244:1::10", "2001:db8::2", CLIENT_IPV6],
};
const PROTOCOLS = ["tcp", "udp", "sctp"] as const;
/** No other number is used for a port here. */
const FIRST_PORT = 33000;

function dial(flow: number, dice: Dice): Frame {
  const { daddr, dport } = dice.oneOf(TARGETS);
  const saddr = dice.oneOf(SOURCES[daddr.includes(":") ? "ipv6" : "ipv4"]);
  return { saddr, sport: FIRST_PORT + flow, daddr, dport, proto: dice.oneOf(PROTOCOLS) };
}

function* converse(flow: number, dice: Dice): Conversation {
  const asked = dial(flow, dice);
  // Datagrams are told apart by their addresses: two flows must not speak in fragments at a time.
  if (asked.proto === "udp" && dice.once(2)) return yield* fragmented(flow, asked, dice);
  const { event, packet } = yield [sent(asked)];
  if (event.after === null || event.conntrack !== "new") return;
  const left = event.after;
  const opened = Buffer.from(packet, "hex");
  yield [sent({ ...answer(left), flags: "SA" })];
  yield [sent({ ...asked, flags: "A" })];
  for (let count = dice.below(4); count > 0; count--) {
    const payload = dice.bytes(8 + dice.below(40));
    yield [sent({ ...asked, flags: "A", payload }), sent({ ...asked, flags: "A" })];
    yield [sent({ ...answer(left), flags: "A", payload })];
  }
  if (dice.once(3)) yield [complaint(opened, left)];
  if (asked.proto === "tcp" && dice.once(2)) yield [sent({ ...asked, flags: "R" })];
}

/** Of clients that nobody else is: datagrams there and back, in pieces of any order. */
function* fragmented(flow: number, asked: Frame, dice: Dice): Conversation {
  const v6 = asked.saddr.includes(":");
  const saddr = v6 ? `2001:db8:f::${(0x1000 + flow).toString(16)}` : `203.0.113.${flow % 250}`;
  const own = { ...asked, saddr };
  const cut = () => pieces({ ...own, payload: dice.bytes(60) }, 16, 40);
  const fate = yield dice.shuffled(cut()).map((bytes) => ({ bytes, options: optionsOf(own) }));
  for (let count = dice.below(3); count > 0; count--) {
    yield dice.shuffled(cut()).map((bytes) => ({ bytes, options: optionsOf(own) }));
  }
  if (dice.once(2)) yield [{ bytes: cut()[1]!, options: {} }];
  return void fate;
}

function sent(frame: Frame): Sent {
  return { bytes: build(frame), options: optionsOf(frame) };
}

function optionsOf({ saddr }: Frame): FrameOptions {
  return { local: saddr === "192.168.0.2" || saddr === "2001:db8::2" };
}

function answer({ saddr, sport, daddr, dport, proto }: Tuple): Frame {
  const back = { saddr: daddr, sport: dport, daddr: saddr, dport: sport };
  return { ...back, proto: proto as Frame["proto"], answers: true };
}

const ETHERNET = 14;

/** An error of a router about a frame that left. */
function complaint(frame: Uint8Array, { saddr }: Tuple): Sent {
  const v4 = !saddr.includes(":");
  const icmp = { type: v4 ? 3 : 1, code: 1 };
  const ends = { saddr: v4 ? "192.0.2.1" : "2001:db8:a::1", daddr: saddr };
  const payload = frame.slice(ETHERNET);
  const bytes = packet({ ...ends, proto: v4 ? "icmp" : "icmpv6", icmp, payload });
  return { bytes, options: {} };
}
