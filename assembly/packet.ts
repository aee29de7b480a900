/**
 * What the packet path knows of a packet: the descriptor of the host, and the record of its own
 * walk.
 */
import {
  DESC_BACKEND,
  DESC_DATA,
  DESC_FLAGS,
  DESC_INTERFACE,
  DESC_LENGTH,
  DESC_LINK,
  DESC_OUT,
  DESC_SERVICE,
  DESC_SIZE,
  DESC_VERDICT,
  DESC_WIRE_LENGTH,
} from "../abi/layout";
import { GROUP_LENGTH } from "../abi/limits";

/** One packet of a batch, as the host hands it in and reads it back. */
@unmanaged
export class Descriptor {
  data: usize;
  length: u32;
  wireLength: u32;
  interfaceRow: u16;
  flags: u8;
  link: u8;
  /** Verdict, action, reason and conntrack, a byte each. */
  outcome: u32;
  service: u32;
  backend: u32;
  out: u32;
}
if (offsetof<Descriptor>() != DESC_SIZE) ERROR("Descriptor drifted from abi/layout");
if (offsetof<Descriptor>("data") != DESC_DATA) ERROR("Descriptor.data drifted");
if (offsetof<Descriptor>("length") != DESC_LENGTH) ERROR("Descriptor.length drifted");
if (offsetof<Descriptor>("wireLength") != DESC_WIRE_LENGTH) ERROR("Descriptor.wireLength drifted");
if (offsetof<Descriptor>("interfaceRow") != DESC_INTERFACE)
  ERROR("Descriptor.interfaceRow drifted");
if (offsetof<Descriptor>("flags") != DESC_FLAGS) ERROR("Descriptor.flags drifted");
if (offsetof<Descriptor>("link") != DESC_LINK) ERROR("Descriptor.link drifted");
if (offsetof<Descriptor>("outcome") != DESC_VERDICT) ERROR("Descriptor.outcome drifted");
if (offsetof<Descriptor>("service") != DESC_SERVICE) ERROR("Descriptor.service drifted");
if (offsetof<Descriptor>("backend") != DESC_BACKEND) ERROR("Descriptor.backend drifted");
if (offsetof<Descriptor>("out") != DESC_OUT) ERROR("Descriptor.out drifted");

/**
 * One packet on its walk; a group has GROUP_LENGTH of them. `key` is the first word of the tuple,
 * an IPv4 or an IPv6 one as the family says.
 *
 *  0            4    8    12    16     20        24          28                   32
 *  | descriptor | l3 | l4 | end | hash | bucket | candidate | fam|pro|frag|dam  | service | want |
 *  40              80       84   88    92
 *  | key: 40 bytes | offset | id | ref | more |
 */
@unmanaged
export class Packet {
  descriptor: Descriptor;
  /** Where the IP header begins. */
  l3: usize;
  /** Where the transport header begins; that of a fragment may have been put together elsewhere. */
  l4: usize;
  /** Where the IP payload ends on the wire; for a fragment that is judged, what stands at `l4`. */
  end: usize;
  hash: u32;
  /** The home bucket in the index of connections. */
  bucket: usize;
  /** The ref whose tag matched first, or one of an empty record. */
  candidate: usize;
  /** FAMILY_, or 0 once the outcome is known. */
  family: u8;
  proto: u8;
  /** 1: a fragment of a datagram, and not the whole of it. */
  fragment: u8;
  /** 1: its checksum is wrong. */
  damaged: u8;
  /** The service port with the vip that it dials, 0 while that is not known. */
  service: usize;
  /** Number of the backend that a program wants for it, 0 for none. */
  wanted: u32;
  key0: u64;
  key1: u64;
  key2: u64;
  key3: u64;
  key4: u64;
  /** Of a fragment: where its bytes lie in the datagram. */
  offset: u32;
  /** Of a fragment: the identification, in network order. */
  id: u32;
  /** The ref that translates it, 0 for none; said of fragments only. */
  ref: usize;
  /** Of a fragment: 1 when more follow. */
  more: u8;

  /** Family, proto, fragment and damaged in one word, in that order from the lowest byte on. */
  get kind(): u32 {
    return load<u32>(changetype<usize>(this), offsetof<Packet>("family"));
  }

  /** In the same store the service port becomes unknown. */
  set kind(value: u32) {
    store<u64>(changetype<usize>(this), value, offsetof<Packet>("family"));
  }

  get key(): usize {
    return changetype<usize>(this) + offsetof<Packet>("key0");
  }

  /** Bytes of the link layer in front of the IP header. */
  get linkLength(): u32 {
    return <u32>(this.l3 - this.descriptor.data);
  }

  /** Where the frame ends in memory; a capture may have cut it short. */
  get captureEnd(): usize {
    return this.descriptor.data + this.descriptor.length;
  }

  /** Bytes the frame had on the wire from the IP header on. */
  get wireLength(): u32 {
    return this.descriptor.wireLength - this.linkLength;
  }
}

if (offsetof<Packet>("family") != 28 || offsetof<Packet>("damaged") != 31)
  ERROR("Packet.kind is one word");
if (offsetof<Packet>("service") != 32) ERROR("Packet.service follows Packet.kind");

const GROUP = memory.data(GROUP_LENGTH * offsetof<Packet>(), 64);

/** The record of packet `index` of the group. */
// @ts-ignore: decorator
@inline
export function packetAt(index: u32): Packet {
  return changetype<Packet>(GROUP + index * offsetof<Packet>());
}
