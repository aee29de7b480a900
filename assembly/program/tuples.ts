/** The tuple of a frame, for programs that ask for it. Nothing is looked up, nothing remembered. */
import { TUPLE_DADDR, TUPLE_PROTO, TUPLE_SADDR, TUPLE_SPORT } from "../../abi/program";
import { takeAddresses } from "../flow/address";
import * as link from "../flow/link";
import * as network from "../flow/network";
import { CONTINUE, PASS, TRUNCATED } from "../flow/outcome";
import * as tuple from "../flow/tuple";
import { Descriptor, Packet, packetAt } from "../packet";
import { ICMP_SIZE, isIcmp } from "../wire/icmp";

/** Bytes of both ports, which stand first in every transport header. */
const PORTS_SIZE: u32 = 4;

/**
 * Writes a TUPLE_ record to `out`. False, and nothing is written, for a frame without an IP packet
 * that is sound up to its transport header.
 */
export function readTuple(descriptor: usize, out: usize): bool {
  const packet = packetAt(0);
  packet.descriptor = changetype<Descriptor>(descriptor);
  if (link.enter(packet) != CONTINUE || network.find(packet) != CONTINUE) return false;
  const outcome = packet.fragment != 0 ? checkPiece(packet) : checkWhole(packet);
  if (outcome != CONTINUE && outcome != PASS) return false;
  const kind = (<u32>packet.family << 8) | (<u32>packet.fragment << 16);
  takeAddresses(packet.l3, packet.family, out + TUPLE_SADDR, out + TUPLE_DADDR);
  store<u32>(out, outcome == CONTINUE ? load<u32>(packet.l4) : 0, TUPLE_SPORT);
  store<u32>(out, kind | packet.proto, TUPLE_PROTO);
  return true;
}

/** CONTINUE when there are ports, PASS when there are none. */
function checkWhole(packet: Packet): u32 {
  if (!isIcmp(packet.family, packet.proto)) return tuple.check(packet);
  const end = min<usize>(packet.end, packet.captureEnd);
  return packet.l4 + ICMP_SIZE > end ? TRUNCATED : PASS;
}

/** Only the first fragment has ports, and only when they were captured. */
function checkPiece(packet: Packet): u32 {
  if (packet.offset != 0 || tuple.headerSize(packet.proto) == 0) return PASS;
  const end = min<usize>(packet.end, packet.captureEnd);
  return packet.l4 + PORTS_SIZE > end ? PASS : CONTINUE;
}
