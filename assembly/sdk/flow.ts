/** What the dataplane knows of a packet's flow: its tuple, its connection, the service it dials. */
import {
  CONNECTION_BACKEND,
  CONNECTION_SIZE,
  SERVICE_INFO_LOCAL,
  SERVICE_INFO_SIZE,
  TUPLE_FRAGMENT,
  TUPLE_SIZE,
  TUPLE_SPORT,
} from "../../abi/program";
import { Context } from "./context";
import { Addr16 } from "./fields";
import * as helpers from "./helpers";

/** Addresses of either family, ports in host order. */
@unmanaged
export class Tuple {
  saddr: Addr16;
  daddr: Addr16;
  private nsport: u16;
  private ndport: u16;
  /** PROTO_. */
  proto: u8;
  /** FAMILY_. */
  family: u8;
  private fragment: u8;
  private zero: u8;

  /** 0 where the protocol or a fragment has none. */
  get sport(): u32 {
    return bswap(this.nsport);
  }

  set sport(port: u32) {
    this.nsport = bswap<u16>(<u16>port);
  }

  get dport(): u32 {
    return bswap(this.ndport);
  }

  set dport(port: u32) {
    this.ndport = bswap<u16>(<u16>port);
  }

  /** A fragment other than a whole datagram. */
  get isFragment(): bool {
    return this.fragment != 0;
  }
}
if (offsetof<Tuple>() != TUPLE_SIZE) ERROR("Tuple drifted from abi/program");
if (offsetof<Tuple>("nsport") != TUPLE_SPORT) ERROR("Tuple drifted from abi/program");
if (offsetof<Tuple>("fragment") != TUPLE_FRAGMENT) ERROR("Tuple drifted from abi/program");

@unmanaged
export class Connection {
  /** STATE_. */
  state: u8;
  private direction: u8;
  private zero: u16;
  /** Number of the backend it goes to, 0 for none. */
  backend: u32;
  /** Milliseconds since it was opened, and since its last packet. */
  age: u32;
  idle: u32;

  /** Whether the tuple is that of the other side. */
  get isReply(): bool {
    return this.direction != 0;
  }
}
if (offsetof<Connection>() != CONNECTION_SIZE) ERROR("Connection drifted from abi/program");
if (offsetof<Connection>("backend") != CONNECTION_BACKEND) ERROR("Connection drifted");

@unmanaged
export class ServiceInfo {
  number: u32;
  /** Endpoints that connections from inside may go to, and those from outside under a local policy. */
  cluster: u32;
  local: u32;
  private zero: u32;
}
if (offsetof<ServiceInfo>() != SERVICE_INFO_SIZE) ERROR("ServiceInfo drifted from abi/program");
if (offsetof<ServiceInfo>("local") != SERVICE_INFO_LOCAL) ERROR("ServiceInfo drifted");

/** One of each: what was found last. */
const TUPLE = memory.data(offsetof<Tuple>(), 16);
const CONNECTION = memory.data(offsetof<Connection>(), 8);
const SERVICE = memory.data(offsetof<ServiceInfo>(), 8);

/** The packet's tuple, null for what is no IP. It stays until the next call. */
export function tuple(ctx: Context): Tuple | null {
  return changetype<Tuple | null>(helpers.tuple(changetype<usize>(ctx), TUPLE) ? TUPLE : 0);
}

/** The connection that the tuple belongs to, in either direction. It stays until the next call. */
export function conntrack(tuple: Tuple): Connection | null {
  const found = helpers.conntrack(changetype<usize>(tuple), CONNECTION);
  return changetype<Connection | null>(found ? CONNECTION : 0);
}

/** The service port that the tuple's destination dials. It stays until the next call. */
export function service(tuple: Tuple): ServiceInfo | null {
  return changetype<ServiceInfo | null>(
    helpers.service(changetype<usize>(tuple), SERVICE) ? SERVICE : 0,
  );
}

/** If the packet opens a connection, it goes to that backend; false when there is none, or behind service NAT. */
export function setBackend(ctx: Context, backend: u32): bool {
  return helpers.setBackend(changetype<usize>(ctx), backend) == 0;
}
