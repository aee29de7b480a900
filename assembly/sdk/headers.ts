/**
 * Headers of packets, to be read and written: stored in network order, spoken in host order. Addresses stay as in the
 * packet. Written over any memory, `changetype<Ipv4Header>(at)` is one too.
 */
import { ETHERNET_SIZE } from "../wire/ethernet";
import { ICMP_SIZE } from "../wire/icmp";
import { IPV4_SIZE } from "../wire/ipv4";
import { IPV6_SIZE } from "../wire/ipv6";
import { SCTP_SIZE } from "../wire/sctp";
import { TCP_SIZE } from "../wire/tcp";
import { UDP_SIZE } from "../wire/udp";
import { Addr16, Ipv4, Ipv6, mapped } from "./fields";

/** EtherTypes, IEEE 802 numbers of IANA. */
export const ETHERTYPE_IPV4: u32 = 0x0800;
export const ETHERTYPE_ARP: u32 = 0x0806;
export const ETHERTYPE_VLAN: u32 = 0x8100;
export const ETHERTYPE_IPV6: u32 = 0x86dd;
export const ETHERTYPE_QINQ: u32 = 0x88a8;

/** IEEE 802.3. Addresses of interfaces are numbers of 48 bits, first byte highest. */
@unmanaged
export class EthernetHeader {
  private destination0: u32;
  private destination4: u16;
  private source0: u16;
  private source2: u32;
  private ntype: u16;

  get destination(): u64 {
    return bswap(load<u64>(changetype<usize>(this))) >> 16;
  }

  set destination(address: u64) {
    const at = changetype<usize>(this);
    store<u32>(at, bswap<u32>(<u32>(address >> 16)));
    store<u16>(at, bswap<u16>(<u16>address), 4);
  }

  get source(): u64 {
    return bswap(load<u64>(changetype<usize>(this), 6)) >> 16;
  }

  set source(address: u64) {
    const at = changetype<usize>(this);
    store<u32>(at, bswap<u32>(<u32>(address >> 16)), 6);
    store<u16>(at, bswap<u16>(<u16>address), 10);
  }

  /** ETHERTYPE_. */
  get type(): u32 {
    return bswap(this.ntype);
  }

  set type(type: u32) {
    this.ntype = bswap<u16>(<u16>type);
  }

  /** Source and destination change places. */
  swap(): void {
    const source = this.source;
    this.source = this.destination;
    this.destination = source;
  }
}
if (offsetof<EthernetHeader>("ntype") + sizeof<u16>() != ETHERNET_SIZE) ERROR("14 bytes");

/** RFC 791. */
@unmanaged
export class Ipv4Header {
  private versionIhl: u8;
  /** Type of service: DSCP and ECN. */
  tos: u8;
  private ntotal: u16;
  private nid: u16;
  private nfragment: u16;
  ttl: u8;
  /** PROTO_. */
  proto: u8;
  /** As it stands there. `updateChecksum` computes it. */
  check: u16;
  saddr: Ipv4;
  daddr: Ipv4;

  get version(): u32 {
    return this.versionIhl >> 4;
  }

  /** Bytes of the header, options included. */
  get headerLength(): u32 {
    return (<u32>this.versionIhl & 15) << 2;
  }

  /** Bytes of header and payload. */
  get total(): u32 {
    return bswap(this.ntotal);
  }

  set total(length: u32) {
    this.ntotal = bswap<u16>(<u16>length);
  }

  get id(): u32 {
    return bswap(this.nid);
  }

  set id(id: u32) {
    this.nid = bswap<u16>(<u16>id);
  }

  /** DF, MF and the fragment offset in units of 8 bytes. */
  get fragment(): u32 {
    return bswap(this.nfragment);
  }

  set fragment(bits: u32) {
    this.nfragment = bswap<u16>(<u16>bits);
  }

  /** Source and destination as addresses of either family. */
  get source(): Addr16 {
    return mapped(this.saddr);
  }

  get destination(): Addr16 {
    return mapped(this.daddr);
  }

  /** Writes a header without options, DF set; addresses and checksum are left. */
  init(total: u32, proto: u32, ttl: u32 = 64): void {
    this.versionIhl = 0x45;
    this.tos = 0;
    this.total = total;
    this.nid = 0;
    this.fragment = 0x4000;
    this.ttl = <u8>ttl;
    this.proto = <u8>proto;
    this.check = 0;
  }
}
if (offsetof<Ipv4Header>() != IPV4_SIZE) ERROR("20 bytes");

/** RFC 8200. */
@unmanaged
export class Ipv6Header {
  private nflow: u32;
  private npayload: u16;
  /** What follows: PROTO_, or an extension header. */
  next: u8;
  hops: u8;
  private saddr0: u64;
  private saddr8: u64;
  private daddr0: u64;
  private daddr8: u64;

  get version(): u32 {
    return bswap(this.nflow) >> 28;
  }

  get trafficClass(): u32 {
    return (bswap(this.nflow) >> 20) & 0xff;
  }

  get flowLabel(): u32 {
    return bswap(this.nflow) & 0xfffff;
  }

  get payloadLength(): u32 {
    return bswap(this.npayload);
  }

  set payloadLength(length: u32) {
    this.npayload = bswap<u16>(<u16>length);
  }

  get saddr(): Ipv6 {
    return v128.load(changetype<usize>(this), offsetof<Ipv6Header>("saddr0"));
  }

  set saddr(address: Ipv6) {
    v128.store(changetype<usize>(this), address, offsetof<Ipv6Header>("saddr0"));
  }

  get daddr(): Ipv6 {
    return v128.load(changetype<usize>(this), offsetof<Ipv6Header>("daddr0"));
  }

  set daddr(address: Ipv6) {
    v128.store(changetype<usize>(this), address, offsetof<Ipv6Header>("daddr0"));
  }

  /** Writes a header; the addresses are left. */
  init(payloadLength: u32, next: u32, hops: u32 = 64): void {
    this.nflow = 0x60;
    this.payloadLength = payloadLength;
    this.next = <u8>next;
    this.hops = <u8>hops;
  }
}
if (offsetof<Ipv6Header>() != IPV6_SIZE) ERROR("40 bytes");

/** What TCP, UDP and SCTP begin with. */
@unmanaged
class Ports {
  private nsport: u16;
  private ndport: u16;

  get sport(): u32 {
    return bswap(this.nsport);
  }

  set sport(port: u32) {
    this.nsport = bswap<u16>(<u16>port);
  }

  get dport(): u32 {
    return bswap(this.ndport);
  }

  set dport(port: u32) {
    this.ndport = bswap<u16>(<u16>port);
  }
}

/** RFC 9293. */
@unmanaged
export class TcpHeader extends Ports {
  private nsequence: u32;
  private nacknowledgment: u32;
  private offset: u8;
  /** FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128. */
  flags: u8;
  private nwindow: u16;
  check: u16;
  private nurgent: u16;

  get sequence(): u32 {
    return bswap(this.nsequence);
  }

  set sequence(number: u32) {
    this.nsequence = bswap(number);
  }

  get acknowledgment(): u32 {
    return bswap(this.nacknowledgment);
  }

  set acknowledgment(number: u32) {
    this.nacknowledgment = bswap(number);
  }

  /** Bytes of the header, options included. */
  get headerLength(): u32 {
    return (<u32>this.offset >> 4) << 2;
  }

  /** As it stands there, before scaling. */
  get window(): u32 {
    return bswap(this.nwindow);
  }

  set window(size: u32) {
    this.nwindow = bswap<u16>(<u16>size);
  }

  get fin(): bool {
    return (this.flags & 1) != 0;
  }

  get syn(): bool {
    return (this.flags & 2) != 0;
  }

  get rst(): bool {
    return (this.flags & 4) != 0;
  }

  get psh(): bool {
    return (this.flags & 8) != 0;
  }

  get ack(): bool {
    return (this.flags & 16) != 0;
  }
}
if (offsetof<TcpHeader>() != TCP_SIZE) ERROR("20 bytes");

/** RFC 768. */
@unmanaged
export class UdpHeader extends Ports {
  private nlength: u16;
  /** 0 when the sender computed none. */
  check: u16;

  /** Bytes of header and payload. */
  get length(): u32 {
    return bswap(this.nlength);
  }

  set length(length: u32) {
    this.nlength = bswap<u16>(<u16>length);
  }

  /** Writes a header without a checksum. */
  init(sport: u32, dport: u32, length: u32): void {
    this.sport = sport;
    this.dport = dport;
    this.length = length;
    this.check = 0;
  }
}
if (offsetof<UdpHeader>() != UDP_SIZE) ERROR("8 bytes");

/** RFC 9260. */
@unmanaged
export class SctpHeader extends Ports {
  private ntag: u32;
  /** CRC32c, little-endian. */
  check: u32;

  /** Verification tag. */
  get tag(): u32 {
    return bswap(this.ntag);
  }
}
if (offsetof<SctpHeader>() != SCTP_SIZE) ERROR("12 bytes");

/** RFC 792 and RFC 4443. */
@unmanaged
export class IcmpHeader {
  type: u8;
  code: u8;
  check: u16;
  private nrest: u32;

  /** What stands behind the checksum: identifier and sequence number of an echo. */
  get rest(): u32 {
    return bswap(this.nrest);
  }

  set rest(rest: u32) {
    this.nrest = bswap(rest);
  }
}
if (offsetof<IcmpHeader>() != ICMP_SIZE) ERROR("8 bytes");
