/** Service NAT as a step of a chain. */
import { CTX_WIRE_LENGTH, NEXT } from "../../../abi/program.ts";
import { ACTION_REJECT, VERDICT_PASS } from "../../../abi/verdict.ts";
import { ICMP_HEADER, type Icmp, parse } from "../../packet/parse.ts";
import { linkType } from "../link.ts";
import type { Arrival, Result } from "../walk.ts";
import { Context } from "./context.ts";
import type { Tally } from "./tally.ts";
import type { Call } from "./walk.ts";
import { createWalker, end, type Origin, type Walker } from "./walker.ts";

/** For one packet, which it leaves as it is. */
export type Nat = (arrival: Arrival) => Result;

/** Takes packets through it one after another, and returns the fragments that they let go, numbered from `first`. */
export function translate(
  call: Call,
  link: number,
  walking: readonly Walker[],
  first: number,
): Walker[] {
  const freed: Walker[] = [];
  const tally = call.tallies.get(link) as Tally;
  for (const walker of walking) {
    const { context } = walker;
    const { input } = context;
    // No frame was shorter on the wire than it is, whatever programs have written.
    context.write(CTX_WIRE_LENGTH, input.wireLength);
    const result = call.nat({ frame: context.frame, input });
    take(walker, result);
    call.rooms.give(walker.number, walker.room);
    const { verdict } = result.outcome;
    tally.runs++;
    tally.note(verdict === VERDICT_PASS ? NEXT : verdict);
    for (const fragment of result.released) {
      freed.push(free(call, { by: walker.number, fragment }, first, freed.length));
    }
  }
  return freed;
}

/** Puts back what has become of a packet. */
function take(walker: Walker, { outcome, packet }: Result): void {
  const { context } = walker;
  const isReject = outcome.action === ACTION_REJECT;
  const data = context.extent.data - (isReject ? frontOf(packet, context.link) : 0);
  context.extent = { data, dataEnd: data + packet.length };
  context.frame.set(packet);
  if (isReject) context.write(CTX_WIRE_LENGTH, packet.length);
  context.note(outcome);
  walker.nat = outcome;
  if (outcome.verdict !== VERDICT_PASS) {
    end(walker, { verdict: outcome.verdict, link: 0, trapped: false });
  }
}

/** Bytes that a reject has put in front of the packet that it quotes. */
function frontOf(answer: Uint8Array, link: number): number {
  const { ip } = parse(answer, linkType(link)) as Icmp;
  return ip.transport - ip.at + ICMP_HEADER;
}

/** A fragment that was let go: there is no room around it, and nobody has marked it. */
function free(call: Call, freed: Origin, first: number, index: number): Walker {
  const { machine, places, rooms } = call;
  const { packet, outcome, input } = freed.fragment;
  const number = first + index;
  const data = places.released(index);
  const extent = { data, dataEnd: data + packet.length };
  const room = { head: extent.data, limit: extent.dataEnd };
  const context = new Context(machine.memory, places.context(number));
  const unmarked = { ...input, wireLength: packet.length, mark: 0, priority: 0 };
  context.begin(number, extent, unmarked);
  rooms.give(number, room);
  context.frame.set(packet);
  context.note(outcome);
  return createWalker({ number, context, room, freed });
}
