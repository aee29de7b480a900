/** What programs ask of the dataplane and of their packet's place in it. */
import {
  CONFIG_TIMEOUTS,
  CT4_TUPLE_SIZE,
  CT_BACKEND,
  CT_CREATED,
  CT_LAST_SEEN,
  CT_STATE,
  CT_TIMER,
  BACKEND_PROTO,
  DESC_FLAG_BACKEND,
  DESC_WIRE_LENGTH,
  FAMILY_IPV4,
  FAMILY_IPV6,
  MAP_BACKENDS,
  MAP_CONNTRACK4,
  MAP_CONNTRACK6,
  RING_CLUSTER,
  RING_LOCAL,
} from "../../abi/layout";
import {
  CONNECTION_AGE,
  CONNECTION_BACKEND,
  CONNECTION_DIRECTION,
  CONNECTION_IDLE,
  CONNECTION_SIZE,
  CONNECTION_STATE,
  EINVAL,
  SERVICE_INFO_CLUSTER,
  SERVICE_INFO_LOCAL,
  SERVICE_INFO_NUMBER,
  SERVICE_INFO_SIZE,
  TUPLE_DADDR,
  TUPLE_DPORT,
  TUPLE_FAMILY,
  TUPLE_PROTO,
  TUPLE_SADDR,
  TUPLE_SPORT,
} from "../../abi/program";
import { VERDICT_ABORTED, VERDICT_REDIRECT } from "../../abi/verdict";
import * as block from "./block";
import { Context } from "./context";
import * as dataplane from "./dataplane";
import * as rings from "./rings";

/** Bytes 8 to 15 of an address hold an IPv4 one behind its prefix. */
const ADDRESS4: usize = 12;

/** 1 when the frame has one, which is written to `out`. */
export function readTuple(context: Context, out: usize): i32 {
  const descriptor = block.scratch;
  v128.store(descriptor, v128.load(changetype<usize>(context)));
  store<u32>(descriptor, max<u32>(context.wireLength, context.length), DESC_WIRE_LENGTH);
  return i32(dataplane.readTuple(descriptor, out));
}

/** 1 when packets with that tuple belong to a connection, which is described in `out`. */
export function readConnection(tuple: usize, out: usize): i32 {
  const ref = find(tuple);
  if (ref == 0) return 0;
  const record = ref & ~1;
  const now = dataplane.now();
  const idle = now - load<u32>(record, CT_LAST_SEEN);
  const timeout = <usize>load<u8>(record, CT_TIMER) * 4;
  if (idle > load<u32>(dataplane.config() + timeout, CONFIG_TIMEOUTS)) return 0;
  memory.fill(out, 0, CONNECTION_SIZE);
  store<u8>(out, load<u8>(record, CT_STATE), CONNECTION_STATE);
  store<u8>(out, <u8>(ref & 1), CONNECTION_DIRECTION);
  store<u32>(out, load<u32>(record, CT_BACKEND), CONNECTION_BACKEND);
  store<u32>(out, now - load<u32>(record, CT_CREATED), CONNECTION_AGE);
  store<u32>(out, idle, CONNECTION_IDLE);
  return 1;
}

/** Address of the connection, and its direction in the lowest bit; 0 for none. */
function find(tuple: usize): usize {
  const ports = load<u32>(tuple, TUPLE_SPORT);
  const tail = (<u64>load<u8>(tuple, TUPLE_PROTO) << 32) | ports;
  const key = block.scratch;
  switch (<u32>load<u8>(tuple, TUPLE_FAMILY)) {
    case FAMILY_IPV4: {
      const saddr = load<u32>(tuple + TUPLE_SADDR, ADDRESS4);
      const daddr = load<u32>(tuple + TUPLE_DADDR, ADDRESS4);
      store<u64>(key, <u64>saddr | (<u64>daddr << 32));
      store<u64>(key, tail, CT4_TUPLE_SIZE - sizeof<u64>());
      return dataplane.lookup(MAP_CONNTRACK4, key);
    }
    case FAMILY_IPV6:
      memory.copy(key, tuple, TUPLE_SPORT);
      store<u64>(key, tail, TUPLE_SPORT);
      return dataplane.lookup(MAP_CONNTRACK6, key);
    default:
      return 0;
  }
}

/** 1 when the tuple's destination is a frontend's, which is described in `out`. */
export function readService(tuple: usize, out: usize): i32 {
  const family: u32 = load<u8>(tuple, TUPLE_FAMILY);
  if (family != FAMILY_IPV4 && family != FAMILY_IPV6) return 0;
  const address0 = load<u64>(tuple, TUPLE_DADDR);
  const address1 = load<u64>(tuple, TUPLE_DADDR + 8);
  const port: u32 = load<u16>(tuple, TUPLE_DPORT);
  const proto: u32 = load<u8>(tuple, TUPLE_PROTO);
  const number = dataplane.owner(family, address0, address1, port, proto);
  if (number == 0) return 0;
  memory.fill(out, 0, SERVICE_INFO_SIZE);
  store<u32>(out, number, SERVICE_INFO_NUMBER);
  store<u32>(out, rings.sizeOf(number, RING_CLUSTER), SERVICE_INFO_CLUSTER);
  store<u32>(out, rings.sizeOf(number, RING_LOCAL), SERVICE_INFO_LOCAL);
  return 1;
}

/** The backend that a connection is to go to which this packet opens. */
export function setBackend(context: Context, backend: u32): i32 {
  if (context.outcome != 0) return -EINVAL;
  store<u32>(block.scratch, backend);
  const record = dataplane.lookup(MAP_BACKENDS, block.scratch);
  if (backend == 0 || record == 0 || load<u8>(record, BACKEND_PROTO) == 0) return -EINVAL;
  context.backend = backend;
  context.flags |= <u8>DESC_FLAG_BACKEND;
  return 0;
}

/** bpf_redirect: what the program is to return. */
export function redirect(context: Context, row: u32): i32 {
  if (row == 0 || row > block.interfaces) return VERDICT_ABORTED;
  context.redirect = row;
  return VERDICT_REDIRECT;
}
