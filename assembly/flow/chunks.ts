/** The chunks of an SCTP packet, one after another, no more than CHUNKS_MAX of them. */
import { Packet } from "../packet";
import {
  CHUNK_SIZE,
  COOKIE_ACK,
  COOKIE_ECHO,
  Chunk,
  INIT,
  INIT_ACK,
  SCTP_SIZE,
  SHUTDOWN_COMPLETE,
} from "../wire/sctp";

const CHUNKS_MAX: u32 = 64;

let end: usize = 0;
let count: u32 = 0;

/** Address of the first chunk, 0 when there is none. */
export function first(packet: Packet): usize {
  end = packet.fragment ? packet.end : min<usize>(packet.end, packet.captureEnd);
  count = 0;
  return at(packet.l4 + SCTP_SIZE);
}

/** Address of the chunk behind `chunk`, which is padded to words: RFC 9260 section 3.2. */
export function next(chunk: usize): usize {
  count++;
  return at(chunk + ((changetype<Chunk>(chunk).length + 3) & ~3));
}

function at(address: usize): usize {
  return count == CHUNKS_MAX || address + CHUNK_SIZE > end ? 0 : address;
}

/** Whether the first `size` bytes of the chunk are there. */
export function holds(chunk: Chunk, size: u32): bool {
  return changetype<usize>(chunk) + size <= end;
}

/**
 * The types that occur, a bit each, below 64; 0 when the packet is not made as RFC 9260 section
 * 6.10 and 5.1 want it.
 */
export function typesOf(packet: Packet): u64 {
  let types: u64 = 0;
  let isAlone = false;
  for (let at = first(packet); at != 0; at = next(at)) {
    const chunk = changetype<Chunk>(at);
    const type: u32 = chunk.type;
    isAlone = isAlone || type == INIT || type == INIT_ACK || type == SHUTDOWN_COMPLETE;
    const isFirst = isAlone || type == COOKIE_ACK || type == COOKIE_ECHO;
    if (chunk.length == 0 || (isFirst && count != 0)) return 0;
    types |= OTHER | bitOf(type);
  }
  return types;
}

/** Set for every chunk, so that types beyond the bits are not overlooked. */
const OTHER: u64 = (<u64>1) << 63;

export function bitOf(type: u32): u64 {
  return type < 63 ? (<u64>1) << type : 0;
}
