/**
 * The bytes of a fragment, at hand or held, and the part of its datagram's translation that falls
 * to them.
 */
import { FAMILY_IPV4 } from "../../abi/layout";
import { Datagram } from "../maps/datagrams";
import * as datagrams from "../maps/datagrams";
import { Held } from "../maps/held";
import { Packet } from "../packet";
import * as checksum from "../wire/checksum";
import { Ipv4 } from "../wire/ipv4";
import { Ipv6 } from "../wire/ipv6";
import { PROTO_SCTP, Sctp } from "../wire/sctp";
import { PROTO_TCP, Tcp } from "../wire/tcp";
import { Udp } from "../wire/udp";
import { headerSize } from "./tuple";

/** There is one at a time. */
@unmanaged
export class Piece {
  l3: usize;
  l4: usize;
  /** Where what was captured of it ends. */
  end: usize;
  /** Where it lies in its datagram. */
  offset: u32;

  /** Bytes that were captured of it. */
  get length(): u32 {
    return <u32>(this.end - this.l4);
  }
}

const PIECE = changetype<Piece>(memory.data(offsetof<Piece>(), 8));

/**
 * The fragment at hand; its packet may end before its headers were captured, but not before its
 * payload.
 */
export function ofPacket(packet: Packet): Piece {
  PIECE.l3 = packet.l3;
  PIECE.l4 = packet.l4;
  PIECE.end = min<usize>(packet.end, packet.captureEnd);
  PIECE.offset = packet.offset;
  return PIECE;
}

export function ofHeld(held: Held): Piece {
  PIECE.l3 = held.l3;
  PIECE.l4 = held.l4;
  PIECE.end = held.end;
  PIECE.offset = held.offset;
  return PIECE;
}

/** The ports it brings, in its own order; 0 when they are in another piece, or there are none. */
export function portsOf(piece: Piece, datagram: Datagram): u32 {
  if (headerSize(datagram.transport) == 0) return 0;
  const at = fieldAt(piece, datagram, 0, sizeof<u32>());
  return at == 0 ? 0 : load<u32>(at);
}

/** Translates it as its datagram is translated. */
export function rewrite(piece: Piece, datagram: Datagram): void {
  if (datagram.family == FAMILY_IPV4) rewrite4(changetype<Ipv4>(piece.l3), datagram);
  else memory.copy(changetype<Ipv6>(piece.l3).saddr, datagram.addresses, 32);
  const ports = fieldAt(piece, datagram, 0, sizeof<u32>());
  if (ports != 0) store<u32>(ports, datagram.newPorts);
  if (datagram.transport == PROTO_TCP) rewriteTcp(piece, datagram);
  else if (datagram.transport == PROTO_SCTP) rewriteSctp(piece, datagram);
  else rewriteUdp(piece, datagram);
}

function rewrite4(ip: Ipv4, datagram: Datagram): void {
  store<u64>(changetype<usize>(ip), load<u64>(datagram.addresses), offsetof<Ipv4>("saddr"));
  ip.check = <u16>checksum.update(ip.check, datagram.ipDelta);
}

/**
 * Where a field of the transport header lies in the piece, 0 when it is in another one. Pieces are
 * cut at multiples of eight bytes, which no field straddles.
 */
function fieldAt(piece: Piece, datagram: Datagram, field: u32, size: u32): usize {
  const from = datagram.start + field;
  if (from < piece.offset || from + size > piece.offset + piece.length) return 0;
  return piece.l4 + (from - piece.offset);
}

function rewriteTcp(piece: Piece, datagram: Datagram): void {
  const at = fieldAt(piece, datagram, <u32>offsetof<Tcp>("check"), sizeof<u16>());
  if (at != 0) store<u16>(at, <u16>checksum.update(load<u16>(at), datagram.l4Delta));
}

function rewriteUdp(piece: Piece, datagram: Datagram): void {
  const at = fieldAt(piece, datagram, <u32>offsetof<Udp>("check"), sizeof<u16>());
  if (at == 0 || load<u16>(at) == 0) return;
  const check = checksum.update(load<u16>(at), datagram.l4Delta);
  store<u16>(at, check == 0 ? 0xffff : <u16>check);
}

function rewriteSctp(piece: Piece, datagram: Datagram): void {
  if (!datagram.hasCrc) return;
  const at = fieldAt(piece, datagram, <u32>offsetof<Sctp>("check"), sizeof<u32>());
  if (at != 0) store<u32>(at, datagram.crc);
}

/** Puts its bytes where they belong in the datagram. */
export function assemble(piece: Piece): void {
  memory.copy(datagrams.assembly() + piece.offset, piece.l4, piece.length);
}
