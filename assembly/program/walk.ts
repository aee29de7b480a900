/**
 * The walk of one packet: a list of steps, each of which ends it with an outcome or lets it go on.
 */
import * as balance from "../flow/balance";
import * as create from "../flow/create";
import * as established from "../flow/established";
import * as link from "../flow/link";
import * as network from "../flow/network";
import * as opening from "../flow/opening";
import { Opening } from "../flow/opening";
import { CONTINUE } from "../flow/outcome";
import * as port from "../flow/port";
import * as service from "../flow/service";
import * as tuple from "../flow/tuple";
import { Packet } from "../packet";

/** From the frame to the tuple. */
export function parse(packet: Packet): u32 {
  let outcome = link.enter(packet);
  if (outcome == CONTINUE) outcome = network.enter(packet);
  if (outcome == CONTINUE) outcome = tuple.enter(packet);
  return outcome;
}

/** From the tuple to the verdict. */
export function judge(packet: Packet): u32 {
  const outcome = established.enter(packet);
  return outcome == CONTINUE ? open(packet, opening.begin(packet)) : outcome;
}

/** A packet of no known connection: does it open one? */
function open(packet: Packet, opening: Opening): u32 {
  let outcome = service.find(packet, opening);
  if (outcome == CONTINUE) outcome = service.admit(packet, opening);
  if (outcome == CONTINUE) outcome = service.route(packet, opening);
  if (outcome == CONTINUE) outcome = balance.choose(packet, opening);
  if (outcome == CONTINUE) outcome = port.choose(packet, opening);
  if (outcome == CONTINUE) outcome = create.enter(packet, opening);
  return outcome;
}
