/**
 * A connection in the making: what the steps have found out and decided so far. There is one at a
 * time.
 */
import { FAMILY_IPV4 } from "../../abi/layout";
import { Client } from "../maps/affinity";
import { Route, Service, Vip } from "../maps/services";
import { Packet } from "../packet";
import { takeAddresses, unmapped } from "./address";

/** Addresses are two words, ports in network order. */
@unmanaged
export class Opening {
  /** The vip as dialled: key of `services`. */
  daddr0: u64;
  daddr1: u64;
  dport: u16;
  proto: u8;
  family: u8;
  private spare: u32;
  /** The client and the service port: key of `affinity`. */
  saddr0: u64;
  saddr1: u64;
  number: u32;
  sport: u16;
  masquerade: bool;
  /** Set when a service port is dialled; `number` is 0 otherwise. */
  service: Service;
  route: Route;
  backendNumber: u32;
  /** Destination after translation; the reply comes from it. */
  newDaddr0: u64;
  newDaddr1: u64;
  /** Source after translation; the reply goes to it. */
  newSaddr0: u64;
  newSaddr1: u64;
  newSport: u16;
  newDport: u16;
  replyHash: u32;
  clientHash: u32;
  /** The entry in `affinity`, 0 for none; known once it was asked for. */
  remembered: usize;
  /** Tuple of the reply, an IPv4 or an IPv6 one. */
  reply0: u64;
  reply1: u64;
  reply2: u64;
  reply3: u64;
  reply4: u64;

  get vip(): usize {
    return changetype<usize>(this);
  }

  get client(): usize {
    return changetype<usize>(this) + offsetof<Opening>("saddr0");
  }

  get reply(): usize {
    return changetype<usize>(this) + offsetof<Opening>("reply0");
  }
}
if (offsetof<Opening>("dport") != offsetof<Vip>("port")) ERROR("Opening must begin with a Vip");
if (offsetof<Opening>("proto") != offsetof<Vip>("proto")) ERROR("Opening must begin with a Vip");
if (offsetof<Opening>("family") != offsetof<Vip>("family")) ERROR("Opening must begin with a Vip");
if (offsetof<Opening>("number") - offsetof<Opening>("saddr0") != offsetof<Client>("service"))
  ERROR("Opening must hold a Client");

const OPENING = changetype<Opening>(memory.data(192, 64));
if (offsetof<Opening>() > 192) ERROR("Opening has outgrown its room");

/** Begins with what the packet says. */
export function begin(packet: Packet): Opening {
  takeAddresses(packet.l3, packet.family, OPENING.client, OPENING.vip);
  const ports = load<u32>(packet.l4);
  OPENING.sport = <u16>ports;
  changetype<Vip>(OPENING.vip).dial(<u16>(ports >>> 16), packet.proto, packet.family);
  OPENING.number = 0;
  return OPENING;
}

/**
 * Forms the tuple of the reply, from the backend to the source after translation: word by word, as
 * the hash will read it.
 */
export function formReply(opening: Opening): void {
  if (opening.family == FAMILY_IPV4) formReply4(opening);
  else formReply6(opening);
}

function formReply4(opening: Opening): void {
  const daddr = <u64>unmapped(opening.newSaddr1) << 32;
  opening.reply0 = daddr | unmapped(opening.newDaddr1);
  opening.reply1 = replyTail(opening);
}

function formReply6(opening: Opening): void {
  opening.reply0 = opening.newDaddr0;
  opening.reply1 = opening.newDaddr1;
  opening.reply2 = opening.newSaddr0;
  opening.reply3 = opening.newSaddr1;
  opening.reply4 = replyTail(opening);
}

/** Both ports and the protocol. */
function replyTail(opening: Opening): u64 {
  const ports = <u64>opening.newDport | (<u64>opening.newSport << 16);
  return ports | (<u64>opening.proto << 32);
}
