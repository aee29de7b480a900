/**
 * The walk of one packet: a list of steps, each of which ends it with an outcome or lets it go on.
 */
import { judge } from "../flow/judge";
import * as link from "../flow/link";
import * as network from "../flow/network";
import { CONTINUE } from "../flow/outcome";
import * as related from "../flow/related";
import * as tuple from "../flow/tuple";
import * as verify from "../flow/verify";
import { Packet } from "../packet";
import { isIcmp } from "../wire/icmp";
import * as fragments from "./fragments";

/** From the frame to the tuple, where there is one; packets that have none are not looked up. */
export function parse(packet: Packet): u32 {
  packet.damaged = 0;
  let outcome = link.enter(packet);
  if (outcome == CONTINUE) outcome = network.enter(packet);
  if (outcome != CONTINUE || !hasTuple(packet)) return outcome;
  outcome = tuple.enter(packet);
  if (outcome == CONTINUE) packet.damaged = u8(!verify.check(packet));
  return outcome;
}

function hasTuple(packet: Packet): bool {
  return packet.fragment == 0 && !isIcmp(packet.family, packet.proto);
}

/** From there to the verdict. */
export function settle(packet: Packet): u32 {
  if (packet.fragment != 0) return fragments.enter(packet);
  return isIcmp(packet.family, packet.proto) ? related.enter(packet) : judge(packet);
}
