/** Datagrams in fragments: RFC 791 section 3.2, RFC 8200 section 4.5. */
import { concat, type Frame, ipPacket, linkHeader } from "./frame.ts";
import { internetChecksum } from "./sum.ts";

const ID = 0xbeef;

/** The frames of the fragments of a packet, cut behind the given bytes of its IP payload. */
export function pieces(frame: Frame, ...cuts: readonly number[]): Uint8Array[] {
  const packet = ipPacket({ ...frame, id: ID, fragment: 0 });
  const v6 = frame.saddr.includes(":");
  const header = packet.subarray(0, v6 ? 40 : 20);
  const payload = packet.subarray(header.length);
  return [...cuts, payload.length].map((end, index) => {
    const offset = cuts[index - 1] ?? 0;
    const field = offset | (end < payload.length ? 1 : 0);
    const part = payload.subarray(offset, end);
    const piece = v6 ? piece6(header, field, part) : piece4(header, field, part);
    return concat(linkHeader(frame), piece);
  });
}

/** `field` as IPv6 has it: the offset in bytes, and whether more follow in its lowest bit. */
function piece4(packetHeader: Uint8Array, field: number, part: Uint8Array): Uint8Array {
  const header = packetHeader.slice();
  const view = new DataView(header.buffer);
  view.setUint16(2, header.length + part.length);
  view.setUint16(6, (field >>> 3) | ((field & 1) << 13));
  view.setUint16(10, 0);
  view.setUint16(10, internetChecksum(header));
  return concat(header, part);
}

function piece6(packetHeader: Uint8Array, field: number, part: Uint8Array): Uint8Array {
  const header = packetHeader.slice();
  const next = header[6] as number;
  header[6] = 44;
  new DataView(header.buffer).setUint16(4, 8 + part.length);
  return concat(
    header,
    Uint8Array.of(next, 0, field >>> 8, field & 0xff, 0, 0, 0, ID & 0xff),
    part,
  );
}
