/** Creates a connection: an entry for each direction with what it makes of a packet. */
import { FLAG_MASQUERADE, FLAG_REPLY } from "../../abi/conntrack";
import { COUNTER_CREATED, FAMILY_IPV4, OUT_FLAG_MASQUERADE } from "../../abi/layout";
import { REASON_CONNTRACK_FULL } from "../../abi/verdict";
import { Connection4, Connection6, Entry, Tuple4, Tuple6, tableOf } from "../maps/connections";
import { hash } from "../maps/hash";
import * as swiss from "../maps/swiss";
import { Packet } from "../packet";
import * as affinity from "./affinity";
import { now } from "./clock";
import * as conntrack from "./conntrack";
import * as counters from "./counters";
import * as nat from "./nat";
import { Opening } from "./opening";
import { OPENED, drop } from "./outcome";

export function enter(packet: Packet, opening: Opening): u32 {
  return opening.family == FAMILY_IPV4
    ? create<Tuple4, Connection4>(packet, opening)
    : create<Tuple6, Connection6>(packet, opening);
}

function create<K, E extends Entry>(packet: Packet, opening: Opening): u32 {
  if (conntrack.isFull<E>()) return drop(REASON_CONNTRACK_FULL);
  const orig = insert<K, E>(packet.key, packet.hash, opening);
  const reply = insert<K, E>(opening.reply, hash<K>(opening.reply), opening);
  orig.pair = swiss.slotOf<E>(tableOf<E>(), changetype<usize>(reply));
  reply.pair = swiss.slotOf<E>(tableOf<E>(), changetype<usize>(orig));
  reply.flags |= <u8>FLAG_REPLY;
  nat.bind<E>(orig, reply);
  opening.backend.connections++;
  counters.add(COUNTER_CREATED, 1);
  affinity.remember(opening);
  packet.descriptor.service = 0;
  packet.descriptor.backend = opening.backendNumber;
  packet.descriptor.out = opening.masquerade ? OUT_FLAG_MASQUERADE : 0;
  nat.rewrite<E>(packet, orig);
  return OPENED;
}

function insert<K, E extends Entry>(key: usize, hash: u32, opening: Opening): E {
  const entry = changetype<E>(swiss.insert<K, E>(tableOf<E>(), key, hash));
  entry.flags = opening.masquerade ? <u8>FLAG_MASQUERADE : 0;
  entry.state = opening.state;
  entry.lastSeen = now();
  entry.created = now();
  entry.backend = opening.backendNumber;
  return entry;
}
