/** What became of a packet: of what programs and service NAT have said, which counts. */

import { CTX_MARK, CTX_PRIORITY, CTX_REASON, CTX_REDIRECT } from "../../../abi/program.ts";
import {
  ACTION_DROP,
  ACTION_PASS,
  CONNTRACK_NONE,
  REASON_NONE,
  REASON_PROGRAM,
  REASON_TRAP,
  VERDICT_PASS,
  VERDICT_REDIRECT,
} from "../../../abi/verdict.ts";
import type { Outcome } from "../../dataplane/engine.ts";
import type { ProgramOutcome } from "../../dataplane/runtime.ts";
import { leaves, type Walker } from "./walker.ts";

/** Of a packet that service NAT has not seen. */
const UNSEEN: Outcome = {
  verdict: VERDICT_PASS,
  action: ACTION_PASS,
  reason: REASON_NONE,
  conntrack: CONNTRACK_NONE,
  service: 0,
  backend: 0,
  masquerade: false,
};

/** The last verdict; a drop by a program takes the place of what service NAT did, all else stands beside it. */
export function outcomeOf(walker: Walker): Outcome {
  const { nat = UNSEEN, ending } = walker;
  const programs = programsOf(walker);
  if (!isProgramsDrop(walker)) return { ...nat, verdict: ending.verdict, programs };
  const reason = ending.trapped ? REASON_TRAP : REASON_PROGRAM;
  return { ...nat, verdict: ending.verdict, action: ACTION_DROP, reason, programs };
}

function programsOf(walker: Walker): ProgramOutcome {
  const { context, ending } = walker;
  return {
    link: ending.link,
    reason: isProgramsDrop(walker) ? context.read(CTX_REASON) : 0,
    mark: context.read(CTX_MARK),
    priority: context.read(CTX_PRIORITY),
    redirect: ending.verdict === VERDICT_REDIRECT ? context.read(CTX_REDIRECT) : 0,
  };
}

function isProgramsDrop(walker: Walker): boolean {
  return walker.ending.link !== 0 && !leaves(walker);
}
