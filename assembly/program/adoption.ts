/** Connections that another engine has had, as a snapshot brings them. */
import { MAP_CONNTRACK4 } from "../../abi/layout";
import * as nat from "../flow/nat";
import * as backends from "../maps/backends";
import * as connections from "../maps/connections";
import { TABLE4, TABLE6, Tuple4, Tuple6 } from "../maps/connections";
import { hash } from "../maps/hash";
import * as index from "../maps/index";
import * as records from "../maps/records";

/**
 * Takes in the connection of which a whole record of a conntrack map stands at `record`. There must be room, and its
 * tuples must be in no other one. What it adds to checksums is worked out here.
 */
export function adopt(map: u32, record: usize): void {
  const isIpv4 = map == MAP_CONNTRACK4;
  const table = isIpv4 ? TABLE4 : TABLE6;
  const ref = records.take(table);
  memory.copy(ref, record, table.size);
  for (let direction: usize = 0; direction < 2; direction++) {
    const own = ref + direction;
    index.insert(table, isIpv4 ? hashOf<Tuple4>(own) : hashOf<Tuple6>(own), own);
  }
  if (isIpv4) nat.bind<Tuple4>(ref);
  else nat.bind<Tuple6>(ref);
  const backend = backends.lookup(connections.at(ref).backend);
  if (backend != null) backend.connections++;
}

function hashOf<K>(ref: usize): u32 {
  return hash<K>(index.keyOf<K>(ref));
}
