/** A packet of a known connection: judged by its protocol, then translated. */
import { FLAG_DIRECT, FLAG_MASQUERADE, FLAG_REPLY } from "../../abi/conntrack";
import { FAMILY_IPV4, OUT_FLAG_MASQUERADE } from "../../abi/layout";
import { Connection4, Connection6, Entry, Tuple4, Tuple6 } from "../maps/connections";
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
    ? follow<Tuple4, Connection4>(packet)
    : follow<Tuple6, Connection6>(packet);
}

function follow<K, E extends Entry>(packet: Packet): u32 {
  const entry = conntrack.lookup<K, E>(packet.key, packet.hash);
  if (entry == null) return CONTINUE;
  if (packet.damaged != 0) return refuse<E>(packet, entry, DAMAGED);
  const judgement = transport.follow<E>(packet, entry);
  switch (judgement) {
    case REOPENED:
      conntrack.close<K, E>(entry);
      return CONTINUE;
    case REFUSED:
    case SHORTENED:
      return refuse<E>(packet, entry, INVALID);
    default:
      break;
  }
  const outcome = translate<E>(packet, entry);
  if (judgement == RESET) conntrack.close<K, E>(entry);
  return outcome;
}

/** A direct connection is nobody's service: what is INVALID there is a stray. */
function refuse<E extends Entry>(packet: Packet, entry: E, outcome: u32): u32 {
  packet.descriptor.backend = entry.backend;
  if (!(entry.flags & FLAG_DIRECT)) return outcome;
  const dialled = opening.begin(packet);
  const passes = stray.passes(dialled.daddr0, dialled.daddr1, dialled.family);
  return passes ? PASS_INVALID : outcome;
}

function translate<E extends Entry>(packet: Packet, entry: E): u32 {
  const descriptor = packet.descriptor;
  const isReply = (entry.flags & FLAG_REPLY) != 0;
  descriptor.backend = entry.backend;
  descriptor.out = entry.flags & FLAG_MASQUERADE ? OUT_FLAG_MASQUERADE : 0;
  traffic.count(entry.backend, isReply, descriptor.length);
  if (nat.apply<E>(packet, entry)) return isReply ? REPLY : ESTABLISHED;
  return isReply ? PASS_REPLY : PASS_ESTABLISHED;
}
