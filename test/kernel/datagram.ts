/**
 * IP packets as bytes, for the judge of the two: read and mended here by the RFCs, with nothing of the library.
 * Every function that changes a packet changes it in place.
 */
import { SocketAddress } from "node:net";
import { crc32c, internetChecksum } from "../conformance/sum.ts";

export interface Datagram {
  readonly version: 4 | 6;
  readonly proto: number;
  readonly ttl: number;
  readonly saddr: string;
  readonly daddr: string;
  /** 0 where the protocol has none. */
  readonly sport: number;
  readonly dport: number;
  /** Where the transport header starts, and where the packet ends. */
  readonly transport: number;
  readonly end: number;
}

export interface Endpoints {
  readonly proto: number;
  readonly saddr: string;
  readonly sport: number;
  readonly daddr: string;
  readonly dport: number;
}

export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const ICMPV6 = 58;
export const SCTP = 132;
export const NAMES: Readonly<Record<number, "tcp" | "udp" | "sctp">> = {
  [TCP]: "tcp",
  [UDP]: "udp",
  [SCTP]: "sctp",
};
const EXTENSIONS = [0, 43, 60];
/** RFC 792, RFC 4443 section 2.1. */
const ICMP_ERRORS = [3, 4, 5, 11, 12];
const ICMPV6_INFORMATIONAL = 128;

/** A whole packet, or one quoted in an error, of which the end may be missing. */
export function read(packet: Uint8Array): Datagram | undefined {
  const version = (packet[0] ?? 0) >> 4;
  if (version === 4 && packet.length >= 20) return readIpv4(packet);
  return version === 6 && packet.length >= 40 ? readIpv6(packet) : undefined;
}

function readIpv4(packet: Uint8Array): Datagram {
  const view = viewOf(packet);
  const transport = ((packet[0] as number) & 15) * 4;
  const [proto, ttl] = [view.getUint8(9), view.getUint8(8)];
  const addresses = {
    saddr: packet.subarray(12, 16).join("."),
    daddr: packet.subarray(16, 20).join("."),
  };
  const end = Math.min(packet.length, view.getUint16(2));
  return {
    version: 4,
    proto,
    ttl,
    ...addresses,
    ...ports(packet, proto, transport),
    transport,
    end,
  };
}

function readIpv6(packet: Uint8Array): Datagram {
  const view = viewOf(packet);
  let [proto, transport] = [view.getUint8(6), 40];
  while (EXTENSIONS.includes(proto) && transport + 8 <= packet.length) {
    proto = packet[transport] as number;
    transport += ((packet[transport + 1] as number) + 1) * 8;
  }
  const ttl = view.getUint8(7);
  const addresses = {
    saddr: ipv6Text(packet.subarray(8, 24)),
    daddr: ipv6Text(packet.subarray(24, 40)),
  };
  const end = Math.min(packet.length, 40 + view.getUint16(4));
  return {
    version: 6,
    proto,
    ttl,
    ...addresses,
    ...ports(packet, proto, transport),
    transport,
    end,
  };
}

function ports(packet: Uint8Array, proto: number, at: number): { sport: number; dport: number } {
  if (![TCP, UDP, SCTP].includes(proto) || packet.length < at + 4) return { sport: 0, dport: 0 };
  const view = viewOf(packet);
  return { sport: view.getUint16(at), dport: view.getUint16(at + 2) };
}

function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number)).toString(16),
  );
  return new SocketAddress({ address: groups.join(":"), family: "ipv6" }).address;
}

/** The packet in an Ethernet frame, without padding; nothing when it is no IP packet. */
export function packetIn(frame: Uint8Array): Uint8Array {
  const packet = Uint8Array.from(frame.subarray(14));
  return packet.subarray(0, read(packet)?.end);
}

/** Where an ICMP error's quoted packet starts. */
export function quoteAt(packet: Uint8Array): number | undefined {
  const datagram = read(packet);
  if (datagram === undefined) return undefined;
  const type = packet[datagram.transport] as number;
  const error =
    datagram.proto === ICMP
      ? ICMP_ERRORS.includes(type)
      : datagram.proto === ICMPV6 && type < ICMPV6_INFORMATIONAL;
  return error ? datagram.transport + 8 : undefined;
}

export function same(a: Endpoints, b: Endpoints): boolean {
  return (
    a.proto === b.proto &&
    a.saddr === b.saddr &&
    a.sport === b.sport &&
    a.daddr === b.daddr &&
    a.dport === b.dport
  );
}

export function inverse({ proto, saddr, sport, daddr, dport }: Endpoints): Endpoints {
  return { proto, saddr: daddr, sport: dport, daddr: saddr, dport: sport };
}

/** Gives the packet another port, and what depends on it: checksums, of an error around it too. */
export function setPort(packet: Uint8Array, side: "sport" | "dport", port: number): void {
  const datagram = read(packet) as Datagram;
  const view = viewOf(packet);
  const at = datagram.transport + (side === "sport" ? 0 : 2);
  const before = view.getUint16(at);
  if (datagram.proto === SCTP) {
    setSctpPort(packet, datagram, at, port);
  } else {
    view.setUint16(at, port);
    updateChecksum(packet, datagram, before, port);
  }
}

/** A checksum that is wrong stays as it is. */
function setSctpPort(packet: Uint8Array, datagram: Datagram, at: number, port: number): void {
  const view = viewOf(packet);
  const field = datagram.transport + 8;
  const whole = field + 4 <= packet.length;
  const right = whole && view.getUint32(field, true) === sctpChecksum(packet, datagram);
  view.setUint16(at, port);
  if (right) view.setUint32(field, sctpChecksum(packet, datagram), true);
}

/** RFC 1624 equation 3. */
function updateChecksum(packet: Uint8Array, datagram: Datagram, before: number, after: number) {
  const view = viewOf(packet);
  const field = datagram.transport + (datagram.proto === TCP ? 16 : 6);
  if (field + 2 > packet.length) return;
  const old = view.getUint16(field);
  if (datagram.proto === UDP && old === 0) return;
  const sum = fold((~old & 0xffff) + (~before & 0xffff) + after) ^ 0xffff;
  view.setUint16(field, datagram.proto === UDP ? sum || 0xffff : sum);
}

/** The same for the packet quoted in an error. An error whose checksum is wrong keeps it. */
export function setQuotedPort(packet: Uint8Array, side: "sport" | "dport", port: number): void {
  const mended = Uint8Array.from(packet);
  writeIcmpChecksum(mended);
  const right = Buffer.from(packet).equals(mended);
  setPort(packet.subarray(quoteAt(packet)), side, port);
  if (right) writeIcmpChecksum(packet);
}

/** Undoes what the router did to the time to live, at the packet itself or one quoted in it. */
export function setTtl(packet: Uint8Array, ttl: number): void {
  const { version } = read(packet) as Datagram;
  packet[version === 4 ? 8 : 7] = ttl;
  if (version === 4) writeIpv4Checksum(packet);
}

/** Blanks what the node draws for its own packets: IPv4's identification, IPv6's flow label. */
export function blank(packet: Uint8Array): void {
  const view = viewOf(packet);
  if (view.getUint8(0) >> 4 === 6) {
    view.setUint32(0, view.getUint32(0) & 0xfff00000);
  } else {
    view.setUint16(4, 0);
    writeIpv4Checksum(packet);
  }
}

function writeIpv4Checksum(packet: Uint8Array): void {
  const view = viewOf(packet);
  view.setUint16(10, 0);
  view.setUint16(10, internetChecksum(packet.subarray(0, (view.getUint8(0) & 15) * 4)));
}

export function writeIcmpChecksum(packet: Uint8Array): void {
  const { proto, transport, end } = read(packet) as Datagram;
  const view = viewOf(packet);
  view.setUint16(transport + 2, 0);
  const message = packet.subarray(transport, end);
  const pseudo = proto === ICMPV6 ? [pseudoHeader(packet, message.length)] : [];
  view.setUint16(transport + 2, internetChecksum(...pseudo, message));
}

/** RFC 4443 section 2.3. */
function pseudoHeader(packet: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from([...packet.subarray(8, 40), length >> 8, length & 0xff, 0, ICMPV6]);
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** RFC 9260 appendix A. */
function sctpChecksum(packet: Uint8Array, { transport, end }: Datagram): number {
  return crc32c(packet.slice(transport, end).fill(0, 8, 12));
}
