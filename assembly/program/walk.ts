/**
 * The walk of one packet: a list of steps, each of which ends it with an outcome or lets it go on.
 */
import * as balance from "../flow/balance";
import * as create from "../flow/create";
import * as direct from "../flow/direct";
import * as established from "../flow/established";
import * as link from "../flow/link";
import * as network from "../flow/network";
import * as opening from "../flow/opening";
import { Opening } from "../flow/opening";
import { CONTINUE, isRefusal } from "../flow/outcome";
import * as port from "../flow/port";
import * as related from "../flow/related";
import * as service from "../flow/service";
import * as traffic from "../flow/traffic";
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

/** From the tuple to the verdict; a fragment is not translated, but its `entry` is named. */
export function judge(packet: Packet): u32 {
  const outcome = established.enter(packet);
  if (outcome != CONTINUE) return outcome;
  const dialled = opening.begin(packet);
  return service.find(packet, dialled) ? open(packet, dialled) : direct.enter(packet, dialled);
}

/** A packet that dials a service port: does it open a connection? */
function open(packet: Packet, opening: Opening): u32 {
  let outcome = service.admit(packet, opening);
  if (outcome == CONTINUE) outcome = service.route(packet, opening);
  if (outcome == CONTINUE) outcome = balance.choose(packet, opening);
  if (outcome == CONTINUE) outcome = port.choose(packet, opening);
  if (outcome == CONTINUE) outcome = create.enter(packet, opening);
  if (isRefusal(outcome)) traffic.refuse(opening.number, outcome & 0xff);
  return outcome;
}
