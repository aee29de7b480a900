/**
 * backends: number -> endpoint of a service port. Written by the control plane, which leaves the
 * number of connections to the packet path; row 0 stands for no backend.
 */
import {
  BACKEND_ADDRESS,
  BACKEND_CONNECTIONS,
  BACKEND_FAMILY,
  BACKEND_MASQUERADE,
  BACKEND_METHOD,
  BACKEND_PORT,
  BACKEND_PROTO,
  BACKEND_RETIRED,
  BACKEND_RINGS,
  BACKEND_SERVICE,
  BACKEND_SIZE,
  BACKEND_WEIGHT,
} from "../../abi/layout";
import { Rows, row } from "./array";

@unmanaged
export class Backend {
  address0: u64;
  address1: u64;
  masquerade0: u64;
  masquerade1: u64;
  /** Network order. */
  port: u16;
  proto: u8;
  family: u8;
  service: u32;
  /** A bit for each ring it is a member of. */
  rings: u8;
  method: u8;
  weight: u16;
  /** RETIRED_ bits: what it is to give up. */
  retired: u8;
  connections: u32;
  private spare1: u32;
  private spare2: u64;
}
if (offsetof<Backend>() != BACKEND_SIZE) ERROR("Backend drifted from abi/layout");
if (offsetof<Backend>("address0") != BACKEND_ADDRESS) ERROR("Backend.address drifted");
if (offsetof<Backend>("masquerade0") != BACKEND_MASQUERADE) ERROR("Backend.masquerade drifted");
if (offsetof<Backend>("port") != BACKEND_PORT) ERROR("Backend.port drifted");
if (offsetof<Backend>("proto") != BACKEND_PROTO) ERROR("Backend.proto drifted");
if (offsetof<Backend>("family") != BACKEND_FAMILY) ERROR("Backend.family drifted");
if (offsetof<Backend>("service") != BACKEND_SERVICE) ERROR("Backend.service drifted");
if (offsetof<Backend>("rings") != BACKEND_RINGS) ERROR("Backend.rings drifted");
if (offsetof<Backend>("method") != BACKEND_METHOD) ERROR("Backend.method drifted");
if (offsetof<Backend>("weight") != BACKEND_WEIGHT) ERROR("Backend.weight drifted");
if (offsetof<Backend>("retired") != BACKEND_RETIRED) ERROR("Backend.retired drifted");
if (offsetof<Backend>("connections") != BACKEND_CONNECTIONS) ERROR("Backend.connections drifted");

export const ROWS = changetype<Rows>(memory.data(offsetof<Rows>(), 16));

/** The backend of a number; null for 0 and for numbers beyond the map. */
export function lookup(number: u32): Backend | null {
  return number == 0 ? null : changetype<Backend | null>(row<Backend>(ROWS, number));
}
