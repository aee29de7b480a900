/** A packet of a known connection: judged by its protocol, then translated. */
import { FLAG_DIRECT, FLAG_MASQUERADE } from "../../abi/conntrack";
import { FAMILY_IPV4, OUT_FLAG_MASQUERADE } from "../../abi/layout";
import * as connections from "../maps/connections";
import { Connection, Tuple4, Tuple6 } from "../maps/connections";
import { Packet } from "../packet";
import * as conntrack from "./conntrack";
import { REFUSED, REOPENED, RESET, SHORTENED } from "./judgement";
import * as nat from "./nat";
import * as opening from "./opening";
import {
  CONTINUE,
  DAMAGED,
  ESTABLISHED,
  INVALID,
  PASS_ESTABLISHED,
  PASS_INVALID,
  PASS_REPLY,
  REPLY,
} from "./outcome";
import * as stray from "./stray";
import * as traffic from "./traffic";
import * as transport from "./transport";

export function enter(packet: Packet): u32 {
  return packet.family == FAMILY_IPV4
    ? follow<Tuple4>(packet)
    : follow<Tuple6>(packet);
}

function follow<K>(packet: Packet): u32 {
  const ref = conntrack.lookup<K>(packet.key, packet.hash);
  if (ref == 0) return CONTINUE;
  const connection = connections.at(ref);
  if (packet.damaged != 0) return refuse(packet, connection, DAMAGED);
  const judgement = transport.follow<K>(packet, ref);
  switch (judgement) {
    case REOPENED:
      conntrack.close<K>(connection);
      return CONTINUE;
    case REFUSED:
    case SHORTENED:
      return refuse(packet, connection, INVALID);
    default:
      break;
  }
  const outcome = translate<K>(packet, ref);
  if (judgement == RESET) conntrack.close<K>(connection);
  return outcome;
}

/** A direct connection is nobody's service: what is INVALID there is a stray. */
function refuse(packet: Packet, connection: Connection, outcome: u32): u32 {
  packet.descriptor.backend = connection.backend;
  if (!(connection.flags & FLAG_DIRECT)) return outcome;
  const dialled = opening.begin(packet);
  const passes = stray.passes(dialled.daddr0, dialled.daddr1, dialled.family);
  return passes ? PASS_INVALID : outcome;
}

function translate<K>(packet: Packet, ref: usize): u32 {
  const descriptor = packet.descriptor;
  const connection = connections.at(ref);
  const isReply = connections.directionOf(ref) != 0;
  descriptor.backend = connection.backend;
  descriptor.out = connection.flags & FLAG_MASQUERADE ? OUT_FLAG_MASQUERADE : 0;
  traffic.count(connection.backend, isReply, descriptor.length);
  if (nat.apply<K>(packet, ref)) return isReply ? REPLY : ESTABLISHED;
  return isReply ? PASS_REPLY : PASS_ESTABLISHED;
}
