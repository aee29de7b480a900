/**
 * addresses: address -> is it the node's own, and does it serve nodePorts. Written by the control
 * plane.
 */
import {
  ADDRESS_ADDRESS,
  ADDRESS_FAMILY,
  ADDRESS_KEY_SIZE,
  ADDRESS_NODE_PORTS,
  ADDRESS_SIZE,
} from "../../abi/layout";
import { hash } from "./hash";
import * as swiss from "./swiss";

@unmanaged
export class AddressKey {
  address0: u64;
  address1: u64;
  /** One byte in the record; the three behind it are zero. */
  family: u32;
}
if (offsetof<AddressKey>() != ADDRESS_KEY_SIZE) ERROR("AddressKey drifted from abi/layout");
if (offsetof<AddressKey>("address0") != ADDRESS_ADDRESS) ERROR("AddressKey.address drifted");
if (offsetof<AddressKey>("family") != ADDRESS_FAMILY) ERROR("AddressKey.family drifted");

@unmanaged
export class Address extends AddressKey {
  nodePorts: u8;
  private spare: u64;
}
if (offsetof<Address>() != ADDRESS_SIZE) ERROR("Address drifted from abi/layout");
if (offsetof<Address>("nodePorts") != ADDRESS_NODE_PORTS) ERROR("Address.nodePorts drifted");

export const TABLE = changetype<swiss.Table>(memory.data(offsetof<swiss.Table>(), 16));
const KEY = changetype<AddressKey>(memory.data(24, 8));

export function lookup(address0: u64, address1: u64, family: u32): Address | null {
  KEY.address0 = address0;
  KEY.address1 = address1;
  KEY.family = family;
  const key = changetype<usize>(KEY);
  const at = swiss.lookup<AddressKey, Address>(TABLE, key, hash<AddressKey>(key));
  return changetype<Address | null>(at);
}
