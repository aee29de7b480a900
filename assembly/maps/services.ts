/** services: vip -> service port. Written by the control plane, read once per new connection. */
import {
  SERVICE_ADDRESS,
  SERVICE_AFFINITY,
  SERVICE_FAMILY,
  SERVICE_FRONTEND,
  SERVICE_KEY_SIZE,
  SERVICE_NUMBER,
  SERVICE_PORT,
  SERVICE_PROTO,
  SERVICE_RANGE_BASE,
  SERVICE_RANGE_LENGTH,
  SERVICE_ROUTES,
  SERVICE_SIZE,
  ROUTE_ACTION,
  ROUTE_MASQUERADE,
  ROUTE_REASON,
  ROUTE_RING,
  ROUTE_SIZE,
} from "../../abi/layout";
import { hash } from "./hash";
import * as swiss from "./swiss";

@unmanaged
export class Vip {
  address0: u64;
  address1: u64;
  /** Network order. */
  port: u16;
  proto: u8;
  family: u8;

  init(address0: u64, address1: u64, port: u16, proto: u32, family: u32): void {
    this.address0 = address0;
    this.address1 = address1;
    this.dial(port, proto, family);
  }

  /** Sets what is behind the address in one word, as the hash will read it. */
  dial(port: u16, proto: u32, family: u32): void {
    store<u32>(changetype<usize>(this), wordOf(port, proto, family), offsetof<Vip>("port"));
  }

  get word(): u32 {
    return load<u32>(changetype<usize>(this), offsetof<Vip>("port"));
  }
}
if (offsetof<Vip>() != SERVICE_KEY_SIZE) ERROR("Vip drifted from abi/layout");
if (offsetof<Vip>("address0") != SERVICE_ADDRESS) ERROR("Vip.address drifted");
if (offsetof<Vip>("port") != SERVICE_PORT) ERROR("Vip.port drifted");
if (offsetof<Vip>("proto") != SERVICE_PROTO) ERROR("Vip.proto drifted");
if (offsetof<Vip>("family") != SERVICE_FAMILY) ERROR("Vip.family drifted");

/** What a vip has behind the address, in one word. */
// @ts-ignore: decorator
@inline
export function wordOf(port: u16, proto: u32, family: u32): u32 {
  return <u32>port | (proto << 16) | (family << 24);
}

/** What happens to a new connection from one class of sources. */
@unmanaged
export class Route {
  action: u8;
  ring: u8;
  masquerade: u8;
  reason: u8;
}
if (offsetof<Route>() != ROUTE_SIZE) ERROR("Route drifted from abi/layout");
if (offsetof<Route>("action") != ROUTE_ACTION) ERROR("Route.action drifted");
if (offsetof<Route>("ring") != ROUTE_RING) ERROR("Route.ring drifted");
if (offsetof<Route>("masquerade") != ROUTE_MASQUERADE) ERROR("Route.masquerade drifted");
if (offsetof<Route>("reason") != ROUTE_REASON) ERROR("Route.reason drifted");

@unmanaged
export class Service extends Vip {
  number: u32;
  frontend: u8;
  /** Milliseconds, 0 without session affinity. */
  affinity: u32;
  rangeBase: u32;
  rangeLength: u32;
  private routes0: u32;
  private routes1: u32;
  private routes2: u32;
  private spare0: u32;
  private spare1: u64;

  /** CLASS_LOCAL and CLASS_OTHER take the same route. */
  get routesLocalsLikeOthers(): bool {
    return this.routes1 == this.routes2;
  }

  /** The route of a source class, CLASS_. */
  route(sourceClass: u32): Route {
    const first = changetype<usize>(this) + offsetof<Service>("routes0");
    return changetype<Route>(first + sourceClass * offsetof<Route>());
  }
}
if (offsetof<Service>() != SERVICE_SIZE) ERROR("Service drifted from abi/layout");
if (offsetof<Service>("number") != SERVICE_NUMBER) ERROR("Service.number drifted");
if (offsetof<Service>("frontend") != SERVICE_FRONTEND) ERROR("Service.frontend drifted");
if (offsetof<Service>("affinity") != SERVICE_AFFINITY) ERROR("Service.affinity drifted");
if (offsetof<Service>("rangeBase") != SERVICE_RANGE_BASE) ERROR("Service.rangeBase drifted");
if (offsetof<Service>("rangeLength") != SERVICE_RANGE_LENGTH) ERROR("Service.rangeLength drifted");
if (offsetof<Service>("routes0") != SERVICE_ROUTES) ERROR("Service.routes drifted");

export const TABLE = changetype<swiss.Table>(memory.data(offsetof<swiss.Table>(), 16));

export function lookup(vip: usize): Service | null {
  return changetype<Service | null>(swiss.lookup<Vip, Service>(TABLE, vip, hash<Vip>(vip)));
}
