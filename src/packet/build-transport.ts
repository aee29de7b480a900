/** TCP (RFC 9293), UDP (RFC 768), SCTP (RFC 9260), ICMP (RFC 792) and ICMPv6 (RFC 4443) headers. */
import * as address from "./address.ts";
import { concat, viewOf } from "./bytes.ts";
import * as checksum from "./checksum.ts";
import { ICMP, ICMPV6, SCTP, TCP, UDP } from "./parse.ts";

export interface TransportSpec {
  readonly saddr: string;
  readonly daddr: string;
  /** Default 40000 and 80. */
  readonly sport?: number;
  readonly dport?: number;
  /** The transport's checksum, when not the right one; 0 switches UDP's off. */
  readonly checksum?: number;
  /** TCP flags as tcpdump writes them: F S R P . U E W, "A" meaning "." too. Default "A". */
  readonly flags?: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly window?: number;
  readonly urgent?: number;
  readonly tcpOptions?: TcpOptionsSpec | Uint8Array;
  /** UDP's length field, when not the true one. */
  readonly udpLength?: number;
  readonly verificationTag?: number;
  /** SCTP chunks; a payload follows them as it is. */
  readonly chunks?: readonly ChunkSpec[];
  /** Default: an echo request. */
  readonly icmp?: IcmpSpec;
}

/** TCP options, RFC 9293 section 3.2, in the order Linux writes them. */
export interface TcpOptionsSpec {
  readonly mss?: number;
  readonly windowScale?: number;
  readonly sackPermitted?: boolean;
  /** Own value and echoed one, RFC 7323. */
  readonly timestamps?: readonly [number, number];
}

/** One SCTP chunk. */
export interface ChunkSpec {
  /** Number or name, RFC 9260 section 3.2. */
  readonly type: ChunkName | number;
  readonly flags?: number;
  readonly value?: Uint8Array;
}

/** The header of an ICMP or ICMPv6 message; the packet's payload follows it. */
export interface IcmpSpec {
  readonly type: number;
  readonly code?: number;
  /** Identifier and sequence number of an echo. */
  readonly id?: number;
  readonly sequence?: number;
  /** All four bytes behind the checksum, instead of the two above: an MTU, a pointer. */
  readonly rest?: number;
}

type ChunkName = (typeof CHUNK_NAMES)[number];

/** Index = number of the chunk type, RFC 9260 section 3.2. */
export const CHUNK_NAMES = [
  "DATA",
  "INIT",
  "INIT ACK",
  "SACK",
  "HEARTBEAT",
  "HEARTBEAT ACK",
  "ABORT",
  "SHUTDOWN",
  "SHUTDOWN ACK",
  "ERROR",
  "COOKIE ECHO",
  "COOKIE ACK",
  "ECNE",
  "CWR",
  "SHUTDOWN COMPLETE",
] as const;

/** Index = bit of the flags byte; tcpdump's letters. */
export const FLAG_LETTERS = "FSRP.UEW";

/**
 * The transport header in front of `payload`; just the payload for a protocol without a builder.
 */
export function writeTransport(
  spec: TransportSpec,
  protocol: number,
  payload: Uint8Array,
): Uint8Array {
  switch (protocol) {
    case TCP:
      return writeTcp(spec, payload);
    case UDP:
      return writeUdp(spec, payload);
    case SCTP:
      return writeSctp(spec, payload);
    case ICMP:
    case ICMPV6:
      return writeIcmp(spec, protocol, payload);
    default:
      return payload;
  }
}

function writePorts(spec: TransportSpec, view: DataView): void {
  view.setUint16(0, spec.sport ?? 40000);
  view.setUint16(2, spec.dport ?? 80);
}

/** What the checksum field of `packet`, now zero, has to say together with the pseudo-header. */
function transportChecksum(spec: TransportSpec, protocol: number, packet: Uint8Array): number {
  const addresses = concat([address.parse(spec.saddr), address.parse(spec.daddr)]);
  return checksum.compute(packet, checksum.pseudoHeader(addresses, protocol, packet.length));
}

function writeTcp(spec: TransportSpec, payload: Uint8Array): Uint8Array {
  const options = tcpOptions(spec.tcpOptions);
  const headerLength = 20 + options.length;
  if (headerLength > 60)
    throw new RangeError(`${options.length} bytes of TCP options; 40 is the most`);
  const packet = concat([new Uint8Array(20), options, payload]);
  const view = viewOf(packet);
  writePorts(spec, view);
  view.setUint32(4, spec.seq ?? 0);
  view.setUint32(8, spec.ack ?? 0);
  view.setUint8(12, (headerLength / 4) << 4);
  view.setUint8(13, flagBits(spec.flags ?? "A"));
  view.setUint16(14, spec.window ?? 65535);
  view.setUint16(18, spec.urgent ?? 0);
  view.setUint16(16, spec.checksum ?? transportChecksum(spec, TCP, packet));
  return packet;
}

function flagBits(flags: string): number {
  let bits = 0;
  for (const letter of flags.replaceAll("A", ".")) {
    const bit = FLAG_LETTERS.indexOf(letter);
    if (bit < 0) throw new RangeError(`unknown TCP flag ${letter} in "${flags}"`);
    bits |= 1 << bit;
  }
  return bits;
}

/** RFC 9293 section 3.2, RFC 7323, RFC 2018; padded to 32 bits with the end-of-options zero. */
function tcpOptions(options: TcpOptionsSpec | Uint8Array = {}): Uint8Array {
  const bytes = options instanceof Uint8Array ? [...options] : tcpOptionBytes(options);
  while (bytes.length % 4 !== 0) bytes.push(0);
  return Uint8Array.from(bytes);
}

function tcpOptionBytes({ mss, windowScale, sackPermitted, timestamps }: TcpOptionsSpec): number[] {
  const bytes: number[] = [];
  if (mss !== undefined) bytes.push(2, 4, mss >>> 8, mss & 0xff);
  if (sackPermitted) bytes.push(4, 2);
  if (timestamps) bytes.push(8, 10, ...timestamps.flatMap(bytesOf32));
  if (windowScale !== undefined) bytes.push(3, 3, windowScale);
  return bytes;
}

function bytesOf32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** RFC 768: a checksum that comes out as zero is sent as all ones, since zero means none. */
function writeUdp(spec: TransportSpec, payload: Uint8Array): Uint8Array {
  const packet = concat([new Uint8Array(8), payload]);
  const view = viewOf(packet);
  writePorts(spec, view);
  view.setUint16(4, spec.udpLength ?? packet.length);
  view.setUint16(6, spec.checksum ?? (transportChecksum(spec, UDP, packet) || 0xffff));
  return packet;
}

/** The checksum is a CRC32c, stored with its low byte first (RFC 9260 appendix A). */
function writeSctp(spec: TransportSpec, payload: Uint8Array): Uint8Array {
  const packet = concat([new Uint8Array(12), ...(spec.chunks ?? []).map(writeChunk), payload]);
  const view = viewOf(packet);
  writePorts(spec, view);
  view.setUint32(4, spec.verificationTag ?? 0);
  view.setUint32(8, spec.checksum ?? checksum.sctp(packet), true);
  return packet;
}

/** RFC 9260 section 3.2: the length leaves out the padding. */
function writeChunk({ type, flags = 0, value = new Uint8Array(0) }: ChunkSpec): Uint8Array {
  const bytes = new Uint8Array(4 + ((value.length + 3) & ~3));
  const view = viewOf(bytes);
  view.setUint8(0, typeof type === "number" ? type : CHUNK_NAMES.indexOf(type));
  view.setUint8(1, flags);
  view.setUint16(2, 4 + value.length);
  bytes.set(value, 4);
  return bytes;
}

function writeIcmp(spec: TransportSpec, protocol: number, payload: Uint8Array): Uint8Array {
  const icmp = spec.icmp ?? { type: protocol === ICMP ? 8 : 128 };
  const packet = concat([new Uint8Array(8), payload]);
  const view = viewOf(packet);
  view.setUint8(0, icmp.type);
  view.setUint8(1, icmp.code ?? 0);
  view.setUint32(4, icmp.rest ?? (((icmp.id ?? 0) << 16) | (icmp.sequence ?? 0)) >>> 0);
  view.setUint16(2, spec.checksum ?? icmpChecksum(spec, protocol, packet));
  return packet;
}

/** ICMPv6 covers a pseudo-header (RFC 4443 section 2.3), ICMP does not. */
function icmpChecksum(spec: TransportSpec, protocol: number, packet: Uint8Array): number {
  return protocol === ICMP ? checksum.compute(packet) : transportChecksum(spec, protocol, packet);
}
