/**
 * endpoints: address, port and protocol of every backend in a ring. Written by the control plane,
 * read for packets that dial no service port: what goes to an endpoint directly is tracked, so that
 * its answers are told from those of translated connections.
 */
import { ENDPOINT_BACKEND, ENDPOINT_SIZE } from "../../abi/layout";
import { hash } from "./hash";
import { Vip } from "./services";
import * as swiss from "./swiss";

@unmanaged
export class Endpoint extends Vip {
  /** One of the backends there. */
  backend: u32;
  private spare: u64;
}
if (offsetof<Endpoint>() != ENDPOINT_SIZE) ERROR("Endpoint drifted from abi/layout");
if (offsetof<Endpoint>("backend") != ENDPOINT_BACKEND) ERROR("Endpoint.backend drifted");

export const TABLE = changetype<swiss.Table>(memory.data(offsetof<swiss.Table>(), 16));

export function lookup(vip: usize): Endpoint | null {
  return changetype<Endpoint | null>(swiss.lookup<Vip, Endpoint>(TABLE, vip, hash<Vip>(vip)));
}

const VIP = changetype<Vip>(memory.data(24, 8));

/** Whether a backend in a ring has that address and port. */
export function has(family: u32, address0: u64, address1: u64, port: u16, proto: u32): bool {
  VIP.init(address0, address1, port, proto, family);
  return lookup(changetype<usize>(VIP)) != null;
}
