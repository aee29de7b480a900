/**
 * The short way of what most packets are: plain packets of a connection whose state they leave as
 * it is. What is written here is what the long way would have written; whatever is unusual takes
 * that one.
 */
import {
  FLAG_ASSURED,
  FLAG_DIRECT,
  FLAG_MASQUERADE,
  FLAG_SEEN_REPLY,
  STATE_ESTABLISHED,
} from "../../abi/conntrack";
import {
  CT_BACKEND,
  CT_FLAGS,
  CT_STATE,
  CT_TIMER,
  DESC_BACKEND,
  DESC_OUT,
  DESC_SERVICE,
  DESC_VERDICT,
  OUT_FLAG_MASQUERADE,
} from "../../abi/layout";
import { CONFIG } from "../maps/config";
import * as connections from "../maps/connections";
import { tableOf } from "../maps/connections";
import { keyOf, lookup } from "../maps/index";
import { equal } from "../maps/swiss";
import { Track } from "../maps/tracks";
import { Packet } from "../packet";
import { FLAG_ACK, Tcp } from "../wire/tcp";
import { age, refresh } from "./conntrack";
import * as nat from "./nat";
import { ABSENT, CONTINUE, ESTABLISHED, REPLY } from "./outcome";
import { FLAGS_COUNTED } from "./states";
import * as traffic from "./traffic";
import * as windows from "./windows";

const ANSWERED: u32 = FLAG_SEEN_REPLY | FLAG_ASSURED;
const KNOWN: u32 = ANSWERED | FLAG_DIRECT;

/**
 * A connection is judged and its packets are accounted by one word of the record: backend, flags,
 * state and timer, from the lowest byte on.
 */
const FLAGS_SHIFT: u64 = (CT_FLAGS - CT_BACKEND) * 8;
const TIMER_SHIFT: u64 = (CT_TIMER - CT_BACKEND) * 8;
const OPEN_BITS: u32 = KNOWN | (0xff << ((CT_STATE - CT_FLAGS) * 8));
const OPEN: u32 = ANSWERED | (STATE_ESTABLISHED << ((CT_STATE - CT_FLAGS) * 8));
/** What of it a descriptor says: backend, and OUT_FLAG_MASQUERADE. */
const TOLD: u64 = 0xffffffff | ((<u64>FLAG_MASQUERADE) << FLAGS_SHIFT);
if (CT_FLAGS - CT_BACKEND != 4 || CT_TIMER - CT_BACKEND > 7) ERROR("the word has drifted");
if (DESC_OUT - DESC_BACKEND != 4 || FLAG_MASQUERADE != OUT_FLAG_MASQUERADE)
  ERROR("a descriptor says it otherwise");
if (DESC_SERVICE - DESC_VERDICT != 4) ERROR("outcome and service are one word");

/** A UDP packet; CONTINUE when it has to take the long way, ABSENT when there is no connection. */
// @ts-ignore: decorator
@inline
export function udp<K>(packet: Packet): u32 {
  const ref = refOf<K>(packet);
  if (ref == 0) return ABSENT;
  const word = wordOf(ref);
  if (!isQuiet(<u32>(word >>> FLAGS_SHIFT), ref) || isExpired(ref, word)) return CONTINUE;
  return translate<K>(packet, ref, word);
}

/** A packet changes nothing while nobody has answered the opener, or when all is known. */
// @ts-ignore: decorator
@inline
function isQuiet(flags: u32, ref: usize): bool {
  const known = flags & KNOWN;
  return known == ANSWERED || (known | connections.directionOf(ref)) == 0;
}

/** A TCP segment that only acknowledges or carries data. */
// @ts-ignore: decorator
@inline
export function tcp<K>(packet: Packet): u32 {
  const ref = refOf<K>(packet);
  if (ref == 0) return ABSENT;
  const word = wordOf(ref);
  if ((<u32>(word >>> FLAGS_SHIFT) & OPEN_BITS) != OPEN) return CONTINUE;
  if ((changetype<Tcp>(packet.l4).flags & FLAGS_COUNTED) != FLAG_ACK) return CONTINUE;
  if (isExpired(ref, word)) return CONTINUE;
  const track = changetype<Track>(connections.trackOf<K>(ref));
  const timer = windows.follow(packet, track, connections.directionOf(ref));
  if (timer == windows.UNUSUAL) return CONTINUE;
  if (timer != timerOf(word)) connections.at(ref).timer = <u8>timer;
  return translate<K>(packet, ref, word);
}

/** The candidate, or what another slot has for the key: tags are short, and buckets run over. */
// @ts-ignore: decorator
@inline
function refOf<K>(packet: Packet): usize {
  const candidate = packet.candidate;
  if (equal<K>(keyOf<K>(candidate), packet.key)) return candidate;
  return lookup<K>(tableOf<K>(), packet.key, packet.hash);
}

// @ts-ignore: decorator
@inline
function wordOf(ref: usize): u64 {
  return load<u64>(changetype<usize>(connections.at(ref)), CT_BACKEND);
}

// @ts-ignore: decorator
@inline
function timerOf(word: u64): u32 {
  return <u32>(word >>> TIMER_SHIFT) & 0xff;
}

// @ts-ignore: decorator
@inline
function isExpired(ref: usize, word: u64): bool {
  return age(connections.at(ref)) > CONFIG.timeout(timerOf(word));
}

/** Translates a packet of a steady connection. */
// @ts-ignore: decorator
@inline
function translate<K>(packet: Packet, ref: usize, word: u64): u32 {
  const descriptor = packet.descriptor;
  const direction = connections.directionOf(ref);
  refresh(connections.at(ref));
  nat.rewriteNetwork<K>(packet.l3, ref);
  nat.rewriteTransport<K>(packet, ref);
  traffic.add(<u32>word, direction, descriptor.length);
  const outcome = select<u32>(REPLY, ESTABLISHED, direction);
  store<u64>(changetype<usize>(descriptor), <u64>outcome, DESC_VERDICT);
  store<u64>(changetype<usize>(descriptor), word & TOLD, DESC_BACKEND);
  return outcome;
}

/** Asks for what else is needed if the packet's candidate is its connection. */
// @ts-ignore: decorator
@inline
export function touch<K>(packet: Packet): u32 {
  const ref = packet.candidate;
  const track = changetype<Track>(connections.trackOf<K>(ref));
  return track.lastAck ^ traffic.peek(connections.at(ref).backend);
}
