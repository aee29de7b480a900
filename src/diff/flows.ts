/** The flows of a capture: five-tuples, both directions taken together. */
import { PROTOS, type Proto, type Tuple } from "../dataplane/entries.ts";
import type { FlowSpec } from "../explain.ts";
import { formatEndpoint } from "../packet/address.ts";
import { parse } from "../packet/parse.ts";
import type { Packet } from "../pcap/capture.ts";
import type { Difference, Sides } from "./diff.ts";
import { compareFlow } from "./diff.ts";
import { dialled } from "./view.ts";

/** A flow as it was captured. */
export interface CapturedFlow {
  /** Number of its first packet, from 1. */
  readonly n: number;
  readonly flow: Required<Pick<FlowSpec, "sport">> & FlowSpec;
  /** In both directions. */
  packets: number;
}

export interface FlowTable {
  /** Packets added. */
  readonly packets: number;
  /** Those that begin no TCP, UDP or SCTP header: of ICMP and ARP, later fragments, damaged ones. */
  readonly others: number;
  /** Flows met. */
  readonly length: number;
  /** Returns false, and counts nothing, when the packet would begin one flow too many. */
  add(packet: Packet): boolean;
  flows(): Iterable<CapturedFlow>;
}

export function createFlowTable(sides: Sides, capacity: number): FlowTable {
  const flows = new Map<string, CapturedFlow>();
  let packets = 0;
  let others = 0;
  return {
    get packets() {
      return packets;
    },
    get others() {
      return others;
    },
    get length() {
      return flows.size;
    },
    flows: () => flows.values(),
    add(packet) {
      const tuple = flowTuple(packet);
      const known = tuple && (flows.get(keyOf(tuple)) ?? flows.get(keyOf(reversed(tuple))));
      if (tuple && !known && flows.size >= capacity) return false;
      packets++;
      if (known) known.packets++;
      else if (!tuple) others++;
      else {
        const { key, flow } = opened(sides, tuple, packet);
        flows.set(key, { n: packets, flow, packets: 1 });
      }
      return true;
    },
  };
}

interface FlowTuple extends Tuple {
  readonly proto: Proto;
}

function flowTuple({ data, linkType, wireLength }: Packet): FlowTuple | undefined {
  const parsed = parse(data, linkType, wireLength);
  if (parsed.found !== "flow") return undefined;
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
function opened(
  { old, next }: Sides,
  tuple: FlowTuple,
  { interfaceName }: Packet,
): { key: string; flow: CapturedFlow["flow"] } {
  const back = reversed(tuple);
  const isFrontend = (dial: FlowTuple) => [old, next].some((view) => dialled(view, dial));
  const isAnswer = !isFrontend(tuple) && isFrontend(back);
  const opening = isAnswer ? back : tuple;
  const device = isAnswer ? undefined : interfaceName;
  return { key: keyOf(opening), flow: { ...opening, interface: device } };
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
