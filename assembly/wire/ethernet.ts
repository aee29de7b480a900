/** Ethernet II header and VLAN tags, IEEE 802.3 and 802.1Q. Types stay in network order. */

/** EtherTypes as a little-endian load reads them. */
export const TYPE_IPV4: u32 = 0x0008;
export const TYPE_IPV6: u32 = 0xdd86;
const TYPE_VLAN: u32 = 0x0081;
const TYPE_QINQ: u32 = 0xa888;
const TYPE_QINQ_OLD: u32 = 0x0091;

@unmanaged
export class Ethernet {
  private destination0: u32;
  private destination4: u16;
  private source0: u16;
  private source2: u32;
  type: u16;

  /** Sends the frame back to where it came from. */
  swap(): void {
    const high = this.destination0;
    const low = this.destination4;
    const at = changetype<usize>(this);
    store<u32>(at, load<u32>(at, 6));
    store<u16>(at, load<u16>(at, 10), 4);
    store<u32>(at, high, 6);
    store<u16>(at, low, 10);
  }
}
export const ETHERNET_SIZE: u32 = 14;
if (offsetof<Ethernet>("type") + sizeof<u16>() != ETHERNET_SIZE)
  ERROR("an ethernet header is 14 bytes");

/** The tag stands behind the type that announces it: control information, then the next type. */
@unmanaged
export class VlanTag {
  private control: u16;
  type: u16;
}
export const VLAN_TAG_SIZE: u32 = 4;
if (offsetof<VlanTag>() != VLAN_TAG_SIZE) ERROR("a vlan tag is 4 bytes");

export function isVlan(type: u32): bool {
  return type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD;
}
