/**
 * conntrack4 and conntrack6: tuple -> what the packet becomes, one entry per direction. Written and
 * read by the packet path.
 */
import * as layout from "../../abi/layout";
import * as swiss from "./swiss";

@unmanaged
export class Tuple4 {
  saddr: u32;
  daddr: u32;
  sport: u16;
  dport: u16;
  proto: u8;
}

@unmanaged
export class Tuple6 {
  saddr0: u64;
  saddr1: u64;
  daddr0: u64;
  daddr1: u64;
  sport: u16;
  dport: u16;
  proto: u8;
}

/** What the entries of both families have. */
export interface Entry {
  proto: u8;
  flags: u8;
  state: u8;
  timer: u8;
  sport: u16;
  dport: u16;
  newSport: u16;
  newDport: u16;
  l4Delta: u16;
  lastSeen: u32;
  pair: u32;
  backend: u32;
  created: u32;
  detail: u32;
  detailFlags: u32;
}

@unmanaged
export class Connection4 extends Tuple4 {
  flags: u8;
  state: u8;
  /** Which timeout ends the connection: a STATE_ or a TIMER_. */
  timer: u8;
  newSaddr: u32;
  newDaddr: u32;
  newSport: u16;
  newDport: u16;
  ipDelta: u16;
  l4Delta: u16;
  /** Milliseconds: the last packet of this direction. */
  lastSeen: u32;
  /** Slot of the other direction. */
  pair: u32;
  backend: u32;
  created: u32;
  /** Of TCP its row in `tracks`, of SCTP the verification tag. */
  detail: u32;
  /** Of SCTP, in the entry of the opener. */
  detailFlags: u32;
  private spare: u64;
}
if (offsetof<Connection4>() != layout.CT4_SIZE) ERROR("Connection4 drifted from abi/layout");
if (offsetof<Connection4>("saddr") != layout.CT4_SADDR) ERROR("Connection4.saddr drifted");
if (offsetof<Connection4>("daddr") != layout.CT4_DADDR) ERROR("Connection4.daddr drifted");
if (offsetof<Connection4>("sport") != layout.CT4_SPORT) ERROR("Connection4.sport drifted");
if (offsetof<Connection4>("dport") != layout.CT4_DPORT) ERROR("Connection4.dport drifted");
if (offsetof<Connection4>("proto") != layout.CT4_PROTO) ERROR("Connection4.proto drifted");
if (offsetof<Connection4>("flags") != layout.CT4_FLAGS) ERROR("Connection4.flags drifted");
if (offsetof<Connection4>("state") != layout.CT4_STATE) ERROR("Connection4.state drifted");
if (offsetof<Connection4>("timer") != layout.CT4_TIMER) ERROR("Connection4.timer drifted");
if (offsetof<Connection4>("newSaddr") != layout.CT4_NEW_SADDR)
  ERROR("Connection4.newSaddr drifted");
if (offsetof<Connection4>("newDaddr") != layout.CT4_NEW_DADDR)
  ERROR("Connection4.newDaddr drifted");
if (offsetof<Connection4>("newSport") != layout.CT4_NEW_SPORT)
  ERROR("Connection4.newSport drifted");
if (offsetof<Connection4>("newDport") != layout.CT4_NEW_DPORT)
  ERROR("Connection4.newDport drifted");
if (offsetof<Connection4>("ipDelta") != layout.CT4_IP_DELTA) ERROR("Connection4.ipDelta drifted");
if (offsetof<Connection4>("l4Delta") != layout.CT4_L4_DELTA) ERROR("Connection4.l4Delta drifted");
if (offsetof<Connection4>("lastSeen") != layout.CT4_LAST_SEEN)
  ERROR("Connection4.lastSeen drifted");
if (offsetof<Connection4>("pair") != layout.CT4_PAIR) ERROR("Connection4.pair drifted");
if (offsetof<Connection4>("backend") != layout.CT4_BACKEND) ERROR("Connection4.backend drifted");
if (offsetof<Connection4>("created") != layout.CT4_CREATED) ERROR("Connection4.created drifted");
if (offsetof<Connection4>("detail") != layout.CT4_DETAIL) ERROR("Connection4.detail drifted");
if (offsetof<Connection4>("detailFlags") != layout.CT4_DETAIL_FLAGS)
  ERROR("Connection4.detailFlags drifted");

@unmanaged
export class Connection6 extends Tuple6 {
  flags: u8;
  state: u8;
  timer: u8;
  l4Delta: u16;
  lastSeen: u32;
  pair: u32;
  backend: u32;
  created: u32;
  newSaddr0: u64;
  newSaddr1: u64;
  newDaddr0: u64;
  newDaddr1: u64;
  newSport: u16;
  newDport: u16;
  detail: u32;
  detailFlags: u32;
  private spare0: u32;
  private spare1: u64;
  private spare2: u64;
}
if (offsetof<Connection6>() != layout.CT6_SIZE) ERROR("Connection6 drifted from abi/layout");
if (offsetof<Connection6>("saddr0") != layout.CT6_SADDR) ERROR("Connection6.saddr drifted");
if (offsetof<Connection6>("daddr0") != layout.CT6_DADDR) ERROR("Connection6.daddr drifted");
if (offsetof<Connection6>("sport") != layout.CT6_SPORT) ERROR("Connection6.sport drifted");
if (offsetof<Connection6>("dport") != layout.CT6_DPORT) ERROR("Connection6.dport drifted");
if (offsetof<Connection6>("proto") != layout.CT6_PROTO) ERROR("Connection6.proto drifted");
if (offsetof<Connection6>("flags") != layout.CT6_FLAGS) ERROR("Connection6.flags drifted");
if (offsetof<Connection6>("state") != layout.CT6_STATE) ERROR("Connection6.state drifted");
if (offsetof<Connection6>("timer") != layout.CT6_TIMER) ERROR("Connection6.timer drifted");
if (offsetof<Connection6>("l4Delta") != layout.CT6_L4_DELTA) ERROR("Connection6.l4Delta drifted");
if (offsetof<Connection6>("lastSeen") != layout.CT6_LAST_SEEN)
  ERROR("Connection6.lastSeen drifted");
if (offsetof<Connection6>("pair") != layout.CT6_PAIR) ERROR("Connection6.pair drifted");
if (offsetof<Connection6>("backend") != layout.CT6_BACKEND) ERROR("Connection6.backend drifted");
if (offsetof<Connection6>("created") != layout.CT6_CREATED) ERROR("Connection6.created drifted");
if (offsetof<Connection6>("newSaddr0") != layout.CT6_NEW_SADDR)
  ERROR("Connection6.newSaddr drifted");
if (offsetof<Connection6>("newDaddr0") != layout.CT6_NEW_DADDR)
  ERROR("Connection6.newDaddr drifted");
if (offsetof<Connection6>("newSport") != layout.CT6_NEW_SPORT)
  ERROR("Connection6.newSport drifted");
if (offsetof<Connection6>("newDport") != layout.CT6_NEW_DPORT)
  ERROR("Connection6.newDport drifted");
if (offsetof<Connection6>("detail") != layout.CT6_DETAIL) ERROR("Connection6.detail drifted");
if (offsetof<Connection6>("detailFlags") != layout.CT6_DETAIL_FLAGS)
  ERROR("Connection6.detailFlags drifted");

export const TABLE4 = changetype<swiss.Table>(memory.data(offsetof<swiss.Table>(), 16));
export const TABLE6 = changetype<swiss.Table>(memory.data(offsetof<swiss.Table>(), 16));

/** The table of an entry class. */
// @ts-ignore: decorator
@inline
export function tableOf<E>(): swiss.Table {
  return offsetof<E>() == layout.CT4_SIZE ? TABLE4 : TABLE6;
}
