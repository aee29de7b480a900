/**
 * The source port after translation: the client's own, or one of its class, so that replies are
 * told apart.
 */
import { CONFIG_FLAG_RANDOM_FULLY, FAMILY_IPV4 } from "../../abi/layout";
import { REASON_PORT_EXHAUSTED } from "../../abi/verdict";
import { CONFIG } from "../maps/config";
import { Tuple4, Tuple6 } from "../maps/connections";
import { hash } from "../maps/hash";
import { equal } from "../maps/swiss";
import { Packet } from "../packet";
import * as conntrack from "./conntrack";
import { Opening, formReply } from "./opening";
import { CONTINUE, drop } from "./outcome";
import * as random from "./random";
import { lookupNodePort } from "./service";
import * as shard from "./shard";

/**
 * Last ports of the classes a port stays in, as nf_nat_l4proto_unique_tuple of the kernel draws
 * them.
 */
const CLASS0_LAST: u32 = 511;
const CLASS1_FIRST: u32 = 600;
const CLASS1_LAST: u32 = 1023;
const LAST: u32 = 65535;

export function choose(packet: Packet, opening: Opening): u32 {
  if (!isDrawn(opening) && isFree(packet, opening, opening.sport)) return CONTINUE;
  const own: u32 = bswap<u16>(opening.sport);
  const low: u32 = own <= CLASS0_LAST ? 1 : own <= CLASS1_LAST ? CLASS1_FIRST : CLASS1_LAST + 1;
  const high = own <= CLASS0_LAST ? CLASS0_LAST : own <= CLASS1_LAST ? CLASS1_LAST : LAST;
  const size = high - low + 1;
  const start = random.below(size);
  const attempts = min<u32>(size, shard.attempts());
  for (let i: u32 = 0; i < attempts; i++) {
    const port = low + ((start + i) % size);
    if (isFree(packet, opening, bswap<u16>(<u16>port))) return CONTINUE;
  }
  return drop(REASON_PORT_EXHAUSTED);
}

/** Whether the client's own port is no better than any other. */
function isDrawn(opening: Opening): bool {
  return opening.masquerade && (CONFIG.flags & CONFIG_FLAG_RANDOM_FULLY) != 0;
}

/** Tries a port: leaves the tuple of its reply in the opening. */
function isFree(packet: Packet, opening: Opening, port: u16): bool {
  opening.newSport = port;
  formReply(opening);
  if (!shard.isOwn(opening)) return false;
  const isUnused =
    opening.family == FAMILY_IPV4
      ? isUnusedTuple<Tuple4>(packet, opening)
      : isUnusedTuple<Tuple6>(packet, opening);
  if (!isUnused || !opening.masquerade) return isUnused;
  return lookupNodePort(opening.family, opening.proto, port) == null;
}

/** The reply must neither be taken nor look like the packet itself. */
function isUnusedTuple<K>(packet: Packet, opening: Opening): bool {
  const reply = opening.reply;
  if (equal<K>(reply, packet.key)) return false;
  opening.replyHash = hash<K>(reply);
  return conntrack.lookup<K>(reply, opening.replyHash) == 0;
}
