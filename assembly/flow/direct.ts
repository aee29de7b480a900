/**
 * Packets that dial no service port. What goes to an endpoint directly is tracked, so that its
 * answers are told from those of translated connections to the same endpoint; everything else
 * passes.
 */
import { VERDICT_DROP } from "../../abi/verdict";
import * as endpoints from "../maps/endpoints";
import { Packet } from "../packet";
import { PROTO_TCP, Tcp } from "../wire/tcp";
import * as create from "./create";
import { Opening } from "./opening";
import { CONTINUE, DAMAGED, INVALID, PASS } from "./outcome";
import * as port from "./port";
import * as states from "./states";
import * as stray from "./stray";
import * as transport from "./transport";

export function enter(packet: Packet, opening: Opening): u32 {
  if (packet.damaged != 0) return refuse(opening, DAMAGED);
  if (hasBadFlags(packet)) return refuse(opening, INVALID);
  const dials = endpoints.lookup(opening.vip) != null;
  if (!dials && !isEndpoints(opening)) return PASS;
  if (!transport.opens(packet)) return refuse(opening, INVALID);
  return !dials || stray.isMartian(packet, opening) ? PASS : track(packet, opening);
}

/** Whether a backend sends it: all that such a one answers to is tracked. */
function isEndpoints(opening: Opening): bool {
  return endpoints.has(
    opening.family,
    opening.saddr0,
    opening.saddr1,
    opening.sport,
    opening.proto,
  );
}

function refuse(opening: Opening, outcome: u32): u32 {
  return stray.passes(opening.daddr0, opening.daddr1, opening.family) ? PASS : outcome;
}

function hasBadFlags(packet: Packet): bool {
  return packet.proto == PROTO_TCP && !states.isValid(changetype<Tcp>(packet.l4).flags);
}

/** Tracks the connection; without room or a free port it passes untracked. */
function track(packet: Packet, opening: Opening): u32 {
  opening.masquerade = false;
  opening.backendNumber = 0;
  opening.newSaddr0 = opening.saddr0;
  opening.newSaddr1 = opening.saddr1;
  opening.newDaddr0 = opening.daddr0;
  opening.newDaddr1 = opening.daddr1;
  opening.newDport = opening.dport;
  let outcome = port.choose(packet, opening);
  if (outcome == CONTINUE) outcome = create.enter(packet, opening);
  return (outcome & 0xff) == VERDICT_DROP ? PASS : outcome;
}
