/** Creates a connection: an entry for each direction with what it makes of a packet. */
import { FLAG_DIRECT, FLAG_MASQUERADE, FLAG_REPLY } from "../../abi/conntrack";
import { COUNTER_CREATED, FAMILY_IPV4, OUT_FLAG_MASQUERADE } from "../../abi/layout";
import { REASON_CONNTRACK_FULL } from "../../abi/verdict";
import * as backends from "../maps/backends";
import { Connection4, Connection6, Entry, Tuple4, Tuple6, tableOf } from "../maps/connections";
import { hash } from "../maps/hash";
import * as swiss from "../maps/swiss";
import { Packet } from "../packet";
import * as affinity from "./affinity";
import { now } from "./clock";
import * as conntrack from "./conntrack";
import * as counters from "./counters";
import * as eviction from "./eviction";
import * as nat from "./nat";
import { Opening } from "./opening";
import { OPENED, PASS_NEW, drop } from "./outcome";
import * as traffic from "./traffic";
import * as transport from "./transport";

export function enter(packet: Packet, opening: Opening): u32 {
  return opening.family == FAMILY_IPV4
    ? create<Tuple4, Connection4>(packet, opening)
    : create<Tuple6, Connection6>(packet, opening);
}

function create<K, E extends Entry>(packet: Packet, opening: Opening): u32 {
  if (conntrack.isFull<E>() && !eviction.makeRoom<K, E>()) return drop(REASON_CONNTRACK_FULL);
  const orig = insert<K, E>(packet.key, packet.hash, opening);
  const reply = insert<K, E>(opening.reply, hash<K>(opening.reply), opening);
  orig.pair = swiss.slotOf<E>(tableOf<E>(), changetype<usize>(reply));
  reply.pair = swiss.slotOf<E>(tableOf<E>(), changetype<usize>(orig));
  reply.flags |= <u8>FLAG_REPLY;
  nat.bind<E>(orig, reply);
  transport.begin<E>(packet, orig, reply);
  counters.add(COUNTER_CREATED, 1);
  if (opening.backendNumber != 0) account(packet, opening);
  packet.descriptor.service = 0;
  packet.descriptor.backend = opening.backendNumber;
  packet.descriptor.out = opening.masquerade ? OUT_FLAG_MASQUERADE : 0;
  return nat.apply<E>(packet, orig) ? OPENED : PASS_NEW;
}

function insert<K, E extends Entry>(key: usize, hash: u32, opening: Opening): E {
  const entry = changetype<E>(swiss.insert<K, E>(tableOf<E>(), key, hash));
  entry.flags = opening.masquerade ? <u8>FLAG_MASQUERADE : 0;
  if (opening.backendNumber == 0) entry.flags = <u8>FLAG_DIRECT;
  entry.lastSeen = now();
  entry.created = now();
  entry.backend = opening.backendNumber;
  return entry;
}

/** What the backend and the client of a service port remember of it. */
function account(packet: Packet, opening: Opening): void {
  const backend = backends.lookup(opening.backendNumber);
  if (backend != null) backend.connections++;
  traffic.open(opening.backendNumber);
  traffic.count(opening.backendNumber, false, packet.descriptor.length);
  affinity.remember(opening);
}
