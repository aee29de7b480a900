/** What a search lets happen: a few packets at a time that have to do with each other and with what was before. */
import type { Maps } from "../../src/dataplane/dataplane.ts";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import { POD_INTERFACE, PODS_IPV4, PODS_IPV6 } from "./clusters.ts";
import { arrive, deliver } from "./delivery.ts";
import type { Dice } from "./dice.ts";
import { complain, echo } from "./errors.ts";
import {
  createFlow,
  dial,
  endpointsOf,
  type Flow,
  inverse,
  type Shape,
  tupleOf,
  type Utterance,
} from "./flows.ts";
import { isIPv4, type Packet, SOURCES, TARGETS, type Target, targetsOf } from "./packets.ts";
import { dismember, reversed } from "./pieces.ts";
import * as sctp from "./sctp.ts";
import * as tcp from "./tcp.ts";
import type { Trail } from "./trail.ts";
import * as udp from "./udp.ts";

const PROTOCOLS = { tcp, udp, sctp } as const;
const FLOWS_MAX = 24;
/** How many a client dials in a row. */
const DIALLED = 8;

/** What has been said so far, and to whom one can talk now. */
export interface Memory {
  readonly flows: Flow[];
  readonly trail: Trail;
  /** Packets that were kept back: late, or once more. */
  readonly late: Packet[];
  targets: { readonly services: readonly Target[]; readonly endpoints: readonly Target[] };
}

/** To be called again when the objects have changed. */
export function lookAround(maps: Maps): Memory["targets"] {
  return { services: targetsOf(maps), endpoints: endpointsOf(maps) };
}

/** Packets one after another; in between the dataplane may take them, and its maps may change. */
export type Talk = Generator<Packet, void, void>;
type Topic = (memory: Memory, maps: Maps, dice: Dice) => Talk;

function* say(flow: Flow, { from, shape }: Utterance, maps: Maps, dice: Dice): Talk {
  const tuple = tupleOf(flow, from, maps);
  if (tuple) yield deliver(tuple, shape, dice);
}

function start(memory: Memory, dice: Dice): Flow | undefined {
  const { services, endpoints } = memory.targets;
  const targets = services.length === 0 || dice.once(5) ? endpoints : services;
  if (targets.length === 0) return undefined;
  return keep(memory, dial(dice.oneOf(targets), dice), dice);
}

function keep({ flows }: Memory, flow: Flow, dice: Dice): Flow {
  if (flows.length < FLOWS_MAX) flows.push(flow);
  else flows[dice.below(FLOWS_MAX)] = flow;
  return flow;
}

function recent({ flows }: Memory, dice: Dice): Flow | undefined {
  if (flows.length === 0) return undefined;
  return dice.once(3) ? dice.oneOf(flows) : flows.at(-1 - dice.below(Math.min(3, flows.length)));
}

/** Opens one and goes on in order for a while. */
export function* live(memory: Memory, maps: Maps, dice: Dice): Talk {
  const flow = start(memory, dice);
  if (!flow) return;
  const { proceed, LIFE_LENGTH } = PROTOCOLS[flow.proto];
  for (let steps = 1 + dice.below(LIFE_LENGTH); steps > 0; steps--) {
    yield* say(flow, proceed(flow, dice), maps, dice);
  }
}

/** One client dials one Service after another, and by all its addresses: affinity remembers it for each. */
function* dialAround(memory: Memory, maps: Maps, dice: Dice): Talk {
  const first = start(memory, dice);
  if (!first) return;
  const { saddr } = first.orig;
  const services = memory.targets.services.filter((one) => isIPv4(one.address) === isIPv4(saddr));
  for (const target of dice.shuffled(services).slice(0, DIALLED)) {
    const { proto, orig, ends } = dial(target, dice);
    const flow = keep(memory, { proto, ends, orig: { ...orig, saddr }, age: 0 }, dice);
    yield* say(flow, PROTOCOLS[proto].proceed(flow, dice), maps, dice);
  }
}

/** Goes on with one, in order or not. */
function* goOn(memory: Memory, maps: Maps, dice: Dice): Talk {
  const flow = recent(memory, dice);
  if (!flow) return;
  // What is not followed is seldom worth more words.
  if (!maps.conntrack.lookup(flow.orig) && !dice.once(6)) return yield* live(memory, maps, dice);
  for (let steps = 2 + dice.below(10); steps > 0; steps--) {
    yield* say(flow, PROTOCOLS[flow.proto].utter(flow, dice), maps, dice);
  }
}

/** Opens one with whatever may be said. */
function* open(memory: Memory, maps: Maps, dice: Dice): Talk {
  for (let count = 1 + dice.below(4); count > 0; count--) {
    const flow = start(memory, dice);
    if (flow) yield* say(flow, PROTOCOLS[flow.proto].utter(flow, dice), maps, dice);
  }
}

/** Errors about what went by. */
export function* complainAbout({ trail }: Memory, _: Maps, dice: Dice): Talk {
  for (let count = 1 + dice.below(6); count > 0; count--) {
    const trace = trail.pick(dice);
    const packet = trace && complain(trace, dice);
    if (packet) yield packet;
  }
}

/** A piecemeal packet of a new conversation, or of one that is there. */
export function* crumble(memory: Memory, maps: Maps, dice: Dice): Talk {
  const flow = dice.once(2) ? recent(memory, dice) : start(memory, dice);
  if (!flow) return;
  const { utter, proceed } = PROTOCOLS[flow.proto];
  const { from, shape } = (dice.once(2) ? proceed : utter)(flow, dice);
  const tuple = tupleOf(flow, from, maps);
  if (!tuple) return;
  const pieces = dismember(tuple, shape, dice);
  const keptBack = dice.once(4) ? pieces.splice(dice.below(pieces.length)) : [];
  yield* pieces;
  memory.late.push(...keptBack);
}

/** A sound datagram whose first piece comes last. */
export function* postpone(memory: Memory, maps: Maps, dice: Dice): Talk {
  const flow = start(memory, dice);
  if (!flow) return;
  const { from, shape } = PROTOCOLS[flow.proto].proceed(flow, dice);
  const tuple = tupleOf(flow, from, maps);
  if (tuple) yield* reversed(tuple, shape, dice);
}

/** What was kept back, and frames of before once more. */
function* repeat({ late, trail }: Memory, _: Maps, dice: Dice): Talk {
  yield* late.splice(0);
  for (let count = dice.below(4); count > 0; count--) {
    const trace = trail.pick(dice);
    if (trace) yield arrive(trace.bytes, trace.link, dice);
  }
}

/** From anybody to anybody: mostly nobody's business. */
function* wander({ targets }: Memory, maps: Maps, dice: Dice): Talk {
  for (let count = 1 + dice.below(4); count > 0; count--) {
    const daddr = dice.oneOf(TARGETS);
    const saddr = dice.oneOf(SOURCES.filter((one) => isIPv4(one) === isIPv4(daddr)));
    if (dice.once(3)) yield echo(saddr, daddr, dice);
    const proto = dice.oneOf(["tcp", "udp", "sctp"] as const);
    const ports = { sport: dice.oneOf([53, 80, 8080, 40000]), dport: dice.oneOf([53, 80, 9]) };
    const flow = createFlow(proto, { saddr, daddr, ...ports, proto }, dice);
    yield* say(flow, PROTOCOLS[proto].utter(flow, dice), maps, dice);
    if (targets.endpoints.length > 0) yield unasked(dice.oneOf(targets.endpoints), dice);
  }
}

/** The answer of an endpoint that nobody has asked. */
function unasked(endpoint: Target, dice: Dice): Packet {
  const flow = dial(endpoint, dice);
  return deliver(inverse(flow.orig), PROTOCOLS[flow.proto].utter(flow, dice).shape, dice);
}

/** Ports of one class are tried for one another: those below 512 here. */
const CLASS = 511;
/** Often enough that the endpoint is chosen. */
const DIALS = 16;
const OPENINGS = {
  tcp: { flags: "S" },
  udp: {},
  sctp: { chunks: [{ type: "INIT", value: new Uint8Array(16).fill(1) }] },
} as const satisfies Record<Target["proto"], Shape>;

/** One pod takes every port below 512 at one endpoint: no port is left for what it dials by a Service. */
export function* flood({ targets }: Memory, dice: Dice): Talk {
  const servicesAlike = (one: Target) => targets.services.filter((other) => isAlike(one, other));
  const endpoints = targets.endpoints.filter((one) => servicesAlike(one).length > 0);
  if (endpoints.length === 0) return;
  const endpoint = dice.oneOf(endpoints);
  const { address: daddr, port: dport, proto } = endpoint;
  const saddr = isIPv4(daddr) ? PODS_IPV4[0]! : PODS_IPV6[0]!;
  const opening = { ...OPENINGS[proto], saddr, proto };
  for (let sport = 1; sport <= CLASS; sport++) yield plain({ ...opening, daddr, dport, sport });
  for (const { address, port } of servicesAlike(endpoint)) {
    for (let count = 0; count < DIALS; count++) {
      const sport = 1 + dice.below(CLASS);
      yield plain({ ...opening, daddr: address, dport: port, sport });
    }
  }
}

function isAlike(one: Target, other: Target): boolean {
  return one.proto === other.proto && isIPv4(one.address) === isIPv4(other.address);
}

/** Whatever tells pods from others, this is one, and not masqueraded. */
function plain(spec: PacketSpec): Packet {
  return { bytes: packet(spec), options: { interface: POD_INTERFACE } };
}

const TOPICS: readonly Topic[] = [
  live,
  live,
  live,
  goOn,
  goOn,
  goOn,
  goOn,
  goOn,
  goOn,
  open,
  open,
  dialAround,
  complainAbout,
  complainAbout,
  crumble,
  crumble,
  crumble,
  repeat,
  wander,
];

/** Something that may be said next. */
export function talk(memory: Memory, maps: Maps, dice: Dice): Talk {
  return dice.oneOf(TOPICS)(memory, maps, dice);
}
