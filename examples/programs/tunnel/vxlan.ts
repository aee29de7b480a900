/** VXLAN, RFC 7348: what both ends of a tunnel share. */
import { array, Be32, EthernetHeader, Ipv4, Ipv4Header, Mac, UdpHeader } from "waxdp/program";

/** IANA's port for it. */
export const VXLAN_PORT: u32 = 4789;
export const ETHERNET_SIZE: u32 = offsetof<EthernetHeader>();
export const IPV4_SIZE: u32 = offsetof<Ipv4Header>();
export const UDP_SIZE: u32 = offsetof<UdpHeader>();
export const VXLAN_SIZE: u32 = 8;

/** The I flag, which says that the number of a network is there: RFC 7348 section 5. */
const FLAGS: Be32 = 0x00000008;

@unmanaged
export class VxlanHeader {
  private flags: Be32;
  private nnetwork: Be32;

  init(network: u32): void {
    this.flags = FLAGS;
    this.nnetwork = bswap(network << 8);
  }

  isOf(network: u32): bool {
    return (this.flags & FLAGS) != 0 && bswap(this.nnetwork) >>> 8 == network;
  }
}

/** This node's end. */
@unmanaged
export class Self {
  network: u32;
  address: Ipv4;
  /** MACs of the device inside the network, and of the one that carries it. */
  inner: Mac;
  outer: Mac;
}
export const self = array<Self>("self", 1);
