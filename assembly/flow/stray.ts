/**
 * Packets that nobody should take: from sources that cannot be, or INVALID and of no service port.
 */
import { CONFIG_FLAG_TCP_BE_LIBERAL, DESC_FLAG_LOCAL } from "../../abi/layout";
import { CONFIG } from "../maps/config";
import { Packet } from "../packet";
import * as address from "./address";
import { Opening } from "./opening";

/**
 * Whether INVALID ones are let through: on their way through the node they are dropped, as
 * KUBE-FORWARD of kube-proxy does unless it was told to be liberal; those for the node itself are
 * its business.
 */
export function passes(daddr0: u64, daddr1: u64, family: u32): bool {
  if (CONFIG.flags & CONFIG_FLAG_TCP_BE_LIBERAL) return true;
  return address.isLocal(daddr0, daddr1, family);
}

/** Whether it comes from a wire with a source that no packet from a wire may have. */
export function isMartian(packet: Packet, opening: Opening): bool {
  if (packet.descriptor.flags & DESC_FLAG_LOCAL) return false;
  // The node dials its own nodePorts from and to 127.0.0.0/8.
  const isLocalhost =
    address.isLocalhost(opening.saddr1, opening.family) &&
    address.isLocalhost(opening.daddr1, opening.family);
  return !isLocalhost && address.isMartian(opening.saddr0, opening.saddr1, opening.family);
}
