/** How a walk can end, in the numbers of abi/verdict. */
import {
  ACTION_DNAT,
  ACTION_DROP,
  ACTION_PASS,
  ACTION_REJECT,
  ACTION_REPLY,
  CONNTRACK_ESTABLISHED,
  CONNTRACK_INVALID,
  CONNTRACK_NEW,
  CONNTRACK_NONE,
  CONNTRACK_REPLY,
  REASON_MALFORMED,
  REASON_NONE,
  REASON_TRUNCATED,
  VERDICT_DROP,
  VERDICT_PASS,
  VERDICT_TX,
} from "../../abi/verdict.ts";
import type { Outcome } from "../dataplane/engine.ts";
import { REASONS, type Reason } from "../dataplane/event.ts";
import type { Failed, Other } from "../packet/parse.ts";
import * as conntrack from "./conntrack.ts";
import type { TrackedDirection } from "./store.ts";

const PASSED: Outcome = {
  verdict: VERDICT_PASS,
  action: ACTION_PASS,
  reason: REASON_NONE,
  conntrack: CONNTRACK_NONE,
  service: 0,
  backend: 0,
  masquerade: false,
};
const DROPPED: Outcome = { ...PASSED, verdict: VERDICT_DROP, action: ACTION_DROP };

/** Number of a reason of a route. */
export function reasonNumber(reason: Reason): number {
  return REASONS.indexOf(reason);
}

/** A frame without a packet that could be followed. */
export function unread(parsed: Other | Failed): Outcome {
  switch (parsed.found) {
    case "not-ip":
    case "protocol":
      return passed();
    case "truncated":
      return dropped(REASON_TRUNCATED);
    case "malformed":
      return dropped(REASON_MALFORMED, {
        conntrack: parsed.layer === "transport" ? CONNTRACK_INVALID : CONNTRACK_NONE,
      });
  }
}

/** No service's packet, left alone. */
export function passed(): Outcome {
  return { ...PASSED };
}

/** A packet that dials `service`, left alone. */
export function letGo(service: number): Outcome {
  return { ...PASSED, service };
}

/** Left alone, though it contradicts the connection that it belongs to. */
export function tolerated(): Outcome {
  return { ...PASSED, conntrack: CONNTRACK_INVALID };
}

/** Dropped, with what else is known about it. */
export function dropped(
  reason: number,
  known: Partial<Pick<Outcome, "service" | "backend" | "conntrack">> = {},
): Outcome {
  return { ...DROPPED, ...known, reason };
}

/** What nf_conntrack would call INVALID, with what it was meant for. */
export function invalid(
  reason: number,
  named: Partial<Pick<Outcome, "service" | "backend">> = {},
): Outcome {
  return dropped(reason, { ...named, conntrack: CONNTRACK_INVALID });
}

/** A new connection of `service` that is not let in. */
export function refused(service: number, reason: number): Outcome {
  return dropped(reason, { service, conntrack: CONNTRACK_NEW });
}

/** Refused, and the client is told. */
export function rejected(service: number, reason: number): Outcome {
  return { ...refused(service, reason), verdict: VERDICT_TX, action: ACTION_REJECT };
}

/** The first packet of a connection. */
export function opened(entry: TrackedDirection): Outcome {
  return { ...followed(entry), conntrack: CONNTRACK_NEW };
}

/** A later packet of a connection, in either direction. The backend says whose it is. */
export function followed(entry: TrackedDirection): Outcome {
  const { connection, direction } = entry;
  const answers = direction === "reply";
  const changed = answers ? ACTION_REPLY : ACTION_DNAT;
  return {
    ...PASSED,
    action: staysAsItIs(entry) ? ACTION_PASS : changed,
    conntrack: answers ? CONNTRACK_REPLY : CONNTRACK_ESTABLISHED,
    backend: connection.backend,
    masquerade: connection.masquerade,
  };
}

/** Of a direct connection that has kept its port; the packets of a service's are always translated. */
function staysAsItIs(entry: TrackedDirection): boolean {
  const { direct } = entry.connection;
  return direct && conntrack.isSame(conntrack.source(entry), conntrack.target(entry));
}
