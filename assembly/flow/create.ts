/** Creates a connection: its record, what it adds to checksums, and who remembers it. */
import { FLAG_DIRECT, FLAG_MASQUERADE, STATE_NONE } from "../../abi/conntrack";
import { COUNTER_CREATED, FAMILY_IPV4, OUT_FLAG_MASQUERADE } from "../../abi/layout";
import { REASON_CONNTRACK_FULL } from "../../abi/verdict";
import * as backends from "../maps/backends";
import * as connections from "../maps/connections";
import { Tuple4, Tuple6 } from "../maps/connections";
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
    ? create<Tuple4>(packet, opening)
    : create<Tuple6>(packet, opening);
}

function create<K>(packet: Packet, opening: Opening): u32 {
  if (conntrack.isFull<K>() && !eviction.makeRoom<K>()) return drop(REASON_CONNTRACK_FULL);
  const ref = insert<K>(packet, opening);
  nat.bind<K>(ref);
  transport.begin<K>(packet, ref);
  counters.add(COUNTER_CREATED, 1);
  if (opening.backendNumber != 0) account(packet, opening);
  packet.descriptor.service = 0;
  packet.descriptor.backend = opening.backendNumber;
  packet.descriptor.out = opening.masquerade ? OUT_FLAG_MASQUERADE : 0;
  return nat.apply<K>(packet, ref) ? OPENED : PASS_NEW;
}

function insert<K>(packet: Packet, opening: Opening): usize {
  const ref = connections.insert<K>(packet.key, packet.hash, opening.reply, opening.replyHash);
  const connection = connections.at(ref);
  connection.lastSeen = now();
  connection.created = now();
  connection.backend = opening.backendNumber;
  connection.flags = opening.masquerade ? <u8>FLAG_MASQUERADE : 0;
  if (opening.backendNumber == 0) connection.flags = <u8>FLAG_DIRECT;
  connection.state = <u8>STATE_NONE;
  connection.timer = <u8>STATE_NONE;
  connection.proto = packet.proto;
  return ref;
}

/** What the backend and the client of a service port remember of it. */
function account(packet: Packet, opening: Opening): void {
  const backend = backends.lookup(opening.backendNumber);
  if (backend != null) backend.connections++;
  traffic.open(opening.backendNumber);
  traffic.count(opening.backendNumber, false, packet.descriptor.length);
  affinity.remember(opening);
}
