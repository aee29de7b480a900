/**
 * What is to become of a TCP, UDP or SCTP packet: it belongs to a connection, dials a service port,
 * or is none of the services' business, in this order.
 */
import { Packet } from "../packet";
import * as balance from "./balance";
import * as create from "./create";
import * as direct from "./direct";
import * as established from "./established";
import * as opening from "./opening";
import { Opening } from "./opening";
import { CONTINUE, isRefusal } from "./outcome";
import * as port from "./port";
import * as service from "./service";
import * as traffic from "./traffic";

/** From the tuple to the verdict; a fragment is not translated, but its `ref` is named. */
export function judge(packet: Packet): u32 {
  const outcome = established.enter(packet);
  return outcome == CONTINUE ? dial(packet) : outcome;
}

/** The same of a packet that belongs to no connection. */
export function dial(packet: Packet): u32 {
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
