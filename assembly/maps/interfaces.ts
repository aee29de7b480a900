/**
 * interfaces: row -> device frames come in on; row 0 stands for an unknown one. Written by the
 * control plane.
 */
import {
  INTERFACE_HAS_IPV6,
  INTERFACE_IPV4,
  INTERFACE_IPV6,
  INTERFACE_POD,
  INTERFACE_SIZE,
} from "../../abi/layout";
import { Rows, row } from "./array";

@unmanaged
export class Interface {
  /** Network order, 0 for none. */
  ipv4: u32;
  pod: u8;
  hasIpv6: u8;
  private spare: u64;
  ipv6: u64;
  private ipv6Low: u64;
}
if (offsetof<Interface>() != INTERFACE_SIZE) ERROR("Interface drifted from abi/layout");
if (offsetof<Interface>("ipv4") != INTERFACE_IPV4) ERROR("Interface.ipv4 drifted");
if (offsetof<Interface>("pod") != INTERFACE_POD) ERROR("Interface.pod drifted");
if (offsetof<Interface>("hasIpv6") != INTERFACE_HAS_IPV6) ERROR("Interface.hasIpv6 drifted");
if (offsetof<Interface>("ipv6") != INTERFACE_IPV6) ERROR("Interface.ipv6 drifted");

export const ROWS = changetype<Rows>(memory.data(offsetof<Rows>(), 16));

/** A row there is none of counts as the unknown interface. */
export function lookup(index: u32): Interface {
  const at = row<Interface>(ROWS, index);
  return changetype<Interface>(at == 0 ? ROWS.base : at);
}
