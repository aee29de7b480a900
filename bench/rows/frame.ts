/**
 * Frames of one shape, millions of them: a packet built once from words, then written again and again with
 * other addresses, ports and sequence numbers. Offsets as in RFC 791, RFC 8200, RFC 9293 and RFC 768.
 */
import { packet } from "../../src/packet/build.ts";
import type { Family } from "../heats/contestant.ts";
import { PLANS, PORT } from "./cluster.ts";

const IP = 14;

/** Where the fields of a frame stand. */
export interface Fields {
  readonly saddr: number;
  readonly daddr: number;
  readonly addressLength: 4 | 16;
  readonly sport: number;
  readonly dport: number;
  /** Of TCP. */
  readonly seq: number;
  readonly ack: number;
  readonly tcpChecksum: number;
  readonly udpChecksum: number;
  readonly protocol: number;
}

export const FIELDS: Readonly<Record<Family, Fields>> = {
  ipv4: fields(4, IP + 12, IP + 20, IP + 9),
  ipv6: fields(16, IP + 8, IP + 40, IP + 6),
};

function fields(addressLength: 4 | 16, saddr: number, l4: number, protocol: number): Fields {
  return {
    saddr,
    daddr: saddr + addressLength,
    addressLength,
    sport: l4,
    dport: l4 + 2,
    seq: l4 + 4,
    ack: l4 + 8,
    tcpChecksum: l4 + 16,
    udpChecksum: l4 + 6,
    protocol,
  };
}

export const TCP = 6;
/** A TCP header has so many bytes more than a UDP header. */
const UDP_EXTRA = 12;

/** What a frame of a row looks like but for the fields that differ from flow to flow. */
export interface Template {
  readonly family: Family;
  readonly bytes: Uint8Array;
  /** Sums of the words that no flow changes: of the IPv4 header, and of the pseudo-header with what follows. */
  readonly ipSum: number;
  readonly l4Sum: number;
}

export function template(
  family: Family,
  proto: "tcp" | "udp",
  payload: number,
  flags: "S" | "SA" | "A",
): Template {
  const bytes = packet({
    saddr: PLANS[family].client,
    daddr: PLANS[family].clusterIp,
    sport: 0,
    dport: PORT,
    proto,
    flags: flags === "A" ? "PA" : flags,
    payload: new Uint8Array(payload + (proto === "udp" ? UDP_EXTRA : 0)).fill(0x2e),
  });
  const { saddr, addressLength, sport, seq, ack, tcpChecksum, udpChecksum } = FIELDS[family];
  const blank = bytes.slice();
  blank.fill(0, saddr, saddr + 2 * addressLength);
  blank.fill(0, sport, sport + 4);
  if (proto === "tcp") blank.fill(0, seq, ack + 4);
  blank.fill(0, ...span(proto === "tcp" ? tcpChecksum : udpChecksum));
  if (family === "ipv4") blank.fill(0, ...span(IP + 10));
  const length = bytes.length - sport;
  return {
    family,
    bytes: blank,
    ipSum: family === "ipv4" ? sum(blank, IP, sport) : 0,
    l4Sum: sum(blank, sport, blank.length) + length + (proto === "tcp" ? TCP : 17),
  };
}

function span(at: number): [number, number] {
  return [at, at + 2];
}

/** Sum of 16-bit words, RFC 1071, not yet folded. */
function sum(bytes: Uint8Array, from: number, to: number): number {
  let total = 0;
  for (let at = from; at < to; at += 2) {
    total += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  }
  return total;
}

/** Adds the carries back in until none is left. */
export function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

export function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function write32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function read32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

/** Writes the checksums of the frame at `at`, whose other fields all stand. */
export function seal({ family, ipSum, l4Sum }: Template, bytes: Uint8Array, at: number): void {
  const { saddr, addressLength, sport, protocol, seq, ack } = FIELDS[family];
  const addresses = sum(bytes, at + saddr, at + saddr + 2 * addressLength);
  const ports = sum(bytes, at + sport, at + sport + 4);
  if (family === "ipv4") write16(bytes, at + IP + 10, ~fold(ipSum + addresses));
  if (bytes[at + protocol] === TCP) {
    const numbers = sum(bytes, at + seq, at + ack + 4);
    write16(bytes, at + FIELDS[family].tcpChecksum, ~fold(l4Sum + addresses + ports + numbers));
  } else {
    // Zero would mean that there is none: RFC 768.
    const checksum = ~fold(l4Sum + addresses + ports) & 0xffff;
    write16(bytes, at + FIELDS[family].udpChecksum, checksum || 0xffff);
  }
}
