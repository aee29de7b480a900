/** A packet on its way through the chains: where it stands in memory, and what has been said of it. */
import { VERDICT_ABORTED, VERDICT_DROP, VERDICT_PASS } from "../../../abi/verdict.ts";
import type { Outcome } from "../../dataplane/engine.ts";
import type { Freed } from "../walk.ts";
import type { Context } from "./context.ts";
import type { Room } from "./rooms.ts";

interface Entrant {
  /** Its own in this call. */
  readonly number: number;
  readonly context: Context;
  /** Where it may grow to, once service NAT needs no room of its own any more. */
  readonly room: Room;
  /** Of a fragment that service NAT has let go. */
  readonly freed?: Origin;
}

export interface Walker extends Entrant {
  /** False as soon as somebody has ended its way through the present chain. */
  walks: boolean;
  /** It has been through ingress and leaves. */
  departs: boolean;
  /** What service NAT has said; undefined when it has not seen the packet. */
  nat: Outcome | undefined;
  /** Whose verdict it has. */
  ending: Ending;
}

/** Where a released fragment comes from. */
export interface Origin {
  /** Number of the packet that has let it go. */
  readonly by: number;
  readonly fragment: Freed;
}

/** A verdict, and the link that has given it: 0 for service NAT and for what nobody has ended. */
export interface Ending {
  readonly verdict: number;
  readonly link: number;
  readonly trapped: boolean;
}

/** What ends a packet that goes through everything. */
const THROUGH: Ending = { verdict: VERDICT_PASS, link: 0, trapped: false };

export function createWalker(entrant: Entrant): Walker {
  const nat = entrant.freed?.fragment.outcome;
  return { ...entrant, walks: true, departs: false, nat, ending: THROUGH };
}

/** Its way through the present chain is over. */
export function end(walker: Walker, ending: Ending): void {
  walker.walks = false;
  // To pass on egress is to leave as it was going to.
  if (walker.departs && ending.verdict === VERDICT_PASS) return;
  walker.ending = ending;
}

/** Whether it goes anywhere, and is egress's to see. */
export function leaves({ ending: { verdict } }: Walker): boolean {
  return verdict !== VERDICT_DROP && verdict !== VERDICT_ABORTED;
}

/** It begins its way through egress. */
export function depart(walker: Walker): void {
  walker.walks = true;
  walker.departs = true;
}
