/** The flows of a capture: five-tuples, both directions taken together. */
import { PROTOS, type Proto, type Tuple } from "../dataplane/entries.ts";
import type { FlowSpec } from "../explain.ts";
import { formatEndpoint } from "../packet/address.ts";
import { parse } from "../packet/parse.ts";
import type { Packet } from "../pcap/capture.ts";
import { compareFlow, type Difference, type Sides } from "./diff.ts";
import { dialled } from "./view.ts";

/** A flow as it was captured. */
export interface CapturedFlow {
  /** Number of its first packet, from 1. */
  readonly n: number;
  readonly flow: Required<Pick<FlowSpec, "sport">> & FlowSpec;
  /** In both directions. */
  packets: number;
}

/** Flows by their tuples, so many and no more. */
export interface FlowTable {
  /** Packets added. */
  readonly packets: number;
  /** Those without a TCP, UDP or SCTP header: of ICMP and ARP, later fragments, damaged ones. */
  readonly others: number;
  /** Flows met. */
  readonly length: number;
  /** Returns false, and counts nothing, when the packet would begin one flow too many. */
  add(packet: Packet): boolean;
  flows(): Iterable<CapturedFlow>;
}

/** Takes packets until they would begin more than `capacity` flows. */
export function createFlowTable(sides: Sides, capacity: number): FlowTable {
  return new CapturedFlows(sides, capacity);
}

class CapturedFlows implements FlowTable {
  readonly #sides: Sides;
  readonly #capacity: number;
  readonly #flows = new Map<string, CapturedFlow>();
  packets = 0;
  others = 0;

  constructor(sides: Sides, capacity: number) {
    this.#sides = sides;
    this.#capacity = capacity;
  }

  get length(): number {
    return this.#flows.size;
  }

  flows(): Iterable<CapturedFlow> {
    return this.#flows.values();
  }

  add(packet: Packet): boolean {
    const tuple = flowTuple(packet);
    const known = tuple && this.#find(tuple);
    if (tuple && !known && this.length >= this.#capacity) return false;
    this.packets++;
    if (known) known.packets++;
    else if (tuple) this.#open(tuple, packet);
    else this.others++;
    return true;
  }

  #find(tuple: FlowTuple): CapturedFlow | undefined {
    return this.#flows.get(keyOf(tuple)) ?? this.#flows.get(keyOf(reversed(tuple)));
  }

  #open(tuple: FlowTuple, packet: Packet): void {
    const flow = openingOf(this.#sides, tuple, packet);
    this.#flows.set(keyOf(flow), { n: this.packets, flow, packets: 1 });
  }
}

interface FlowTuple extends Tuple {
  readonly proto: Proto;
}

/** A fragment has ports when it is the first one. */
function flowTuple({ data, linkType, wireLength }: Packet): FlowTuple | undefined {
  const parsed = parse(data, linkType, wireLength);
  const isFirst = parsed.found === "fragment" && parsed.tuple.dport !== 0;
  if (parsed.found !== "flow" && !isFirst) return undefined;
  const { tuple } = parsed;
  const proto = PROTOS.find((name) => name === tuple.proto);
  return proto && { ...tuple, proto };
}

function keyOf({ saddr, sport, daddr, dport, proto }: FlowTuple): string {
  return `${proto} ${saddr} ${sport} ${daddr} ${dport}`;
}

function reversed({ saddr, sport, daddr, dport, proto }: FlowTuple): FlowTuple {
  return { saddr: daddr, sport: dport, daddr: saddr, dport: sport, proto };
}

/** A capture may begin in the middle: when the first packet comes from a frontend, the other end has dialled. */
function openingOf(
  { old, next }: Sides,
  tuple: FlowTuple,
  { interfaceName }: Packet,
): FlowTuple & FlowSpec {
  const back = reversed(tuple);
  const isFrontend = (dial: FlowTuple) => [old, next].some((view) => dialled(view, dial));
  const isAnswer = !isFrontend(tuple) && isFrontend(back);
  return isAnswer ? back : { ...tuple, interface: interfaceName };
}

/** A captured flow that goes another way. */
export interface FlowDifference extends Omit<Difference, "source"> {
  readonly captured: CapturedFlow;
}

/** Undefined when it goes the same way. */
export function compareCaptured(sides: Sides, captured: CapturedFlow): FlowDifference | undefined {
  const { flow } = captured;
  const dial = { old: dialled(sides.old, flow), next: dialled(sides.next, flow) };
  if ((!dial.old && !dial.next) || sides.isSame(dial)) return undefined;
  const difference = compareFlow(sides, flow);
  return difference && { captured, ...difference };
}

/** "10.244.1.9:4000". */
export function clientOf({ flow: { saddr, sport } }: CapturedFlow): string {
  return formatEndpoint(saddr, sport);
}
