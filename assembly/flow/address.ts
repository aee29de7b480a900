/** Addresses as records hold them, in two words, and which of them are the node's own. */
import { CONFIG_FLAG_LOCALHOST_NODE_PORTS, FAMILY_IPV4 } from "../../abi/layout";
import * as addresses from "../maps/addresses";
import { CONFIG } from "../maps/config";
import { Ipv4, isLoopback } from "../wire/ipv4";
import { Ipv6 } from "../wire/ipv6";

/** Bytes 8 to 11 of ::ffff:0.0.0.0/96, RFC 4291 section 2.5.5.2. */
const MAPPED: u64 = 0xffff0000;

/** The second word of ::1; the first is 0. */
const LOOPBACK1: u64 = (<u64>1) << 56;

/** The second word of an IPv4 address; the first is 0. */
export function mapped(address: u32): u64 {
  return ((<u64>address) << 32) | MAPPED;
}

/** The IPv4 address of a second word. */
export function unmapped(address1: u64): u32 {
  return <u32>(address1 >>> 32);
}

/** Writes source and destination of a header, each as two words. */
export function takeAddresses(l3: usize, family: u32, source: usize, destination: usize): void {
  if (family == FAMILY_IPV4) {
    const ip = changetype<Ipv4>(l3);
    take4(ip.saddr, source);
    take4(ip.daddr, destination);
  } else {
    const ip = changetype<Ipv6>(l3);
    v128.store(source, v128.load(ip.saddr));
    v128.store(destination, v128.load(ip.daddr));
  }
}

function take4(address: u32, at: usize): void {
  store<u64>(at, 0);
  store<u64>(at, mapped(address), 8);
}

/** The second word of the unspecified address of a family; the first is 0. */
export function unspecified(family: u32): u64 {
  return family == FAMILY_IPV4 ? MAPPED : 0;
}

/** 127.0.0.0/8. */
export function isLocalhost(address1: u64, family: u32): bool {
  return family == FAMILY_IPV4 && isLoopback(unmapped(address1));
}

/** Whether the address is of type LOCAL. */
export function isLocal(address0: u64, address1: u64, family: u32): bool {
  if (isLocalhost(address1, family)) return true;
  return addresses.lookup(address0, address1, family) != null;
}

export function servesNodePorts(address0: u64, address1: u64, family: u32): bool {
  const address = addresses.lookup(address0, address1, family);
  if (address != null && address.nodePorts != 0) return true;
  const localhost = (CONFIG.flags & CONFIG_FLAG_LOCALHOST_NODE_PORTS) != 0;
  return localhost && isLocalhost(address1, family);
}

/**
 * Whether packets from a wire may not have that source: RFC 1812 section 5.3.7, RFC 4291 section 2.
 */
export function isMartian(address0: u64, address1: u64, family: u32): bool {
  if (family == FAMILY_IPV4) return isMartian4(unmapped(address1) & 0xff);
  const first = <u32>address0 & 0xff;
  const second = (<u32>address0 >>> 8) & 0xff;
  if (first == 0xff || (first == 0xfe && (second & 0xc0) == 0x80)) return true;
  if (address0 != 0) return false;
  return address1 == 0 || address1 == LOOPBACK1 || (address1 & 0xffffffff) == MAPPED;
}

/** This network, localhost, multicast and what is reserved behind it. */
function isMartian4(first: u32): bool {
  return first == 0 || first == 127 || first >= 224;
}
