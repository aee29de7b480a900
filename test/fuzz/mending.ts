/** Puts right checksums into a frame that was changed, as far as its headers can be found. */
import { crc32c } from "../conformance/sum.ts";
import { checksumAt, fold, type Headers, locate, SCTP, sum, transportSum, UDP } from "./headers.ts";

export function mend(bytes: Uint8Array, link: number): void {
  const headers = locate(bytes, link);
  if (!headers) return;
  if (!headers.v6) {
    write16(bytes, headers.ip + 10, 0);
    write16(bytes, headers.ip + 10, ~fold(sum(bytes, headers.ip, headers.transport)));
  }
  if (headers.whole && headers.offset < 0) mendTransport(bytes, headers);
}

function mendTransport(bytes: Uint8Array, headers: Headers): void {
  const { protocol, transport, end } = headers;
  const offset = checksumAt(headers);
  const size = protocol === SCTP ? 4 : 2;
  if (offset === undefined || transport + offset + size > end) return;
  const at = transport + offset;
  bytes.fill(0, at, at + size);
  if (protocol === SCTP) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint32(at, crc32c(bytes.subarray(transport, end)), true);
    return;
  }
  const check = ~transportSum(bytes, headers) & 0xffff;
  write16(bytes, at, protocol === UDP && check === 0 ? 0xffff : check);
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (value >>> 8) & 255;
  bytes[at + 1] = value & 255;
}
