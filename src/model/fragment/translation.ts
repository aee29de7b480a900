/** Translates the fragments of a datagram, each for itself: none is put together with others. */
import type { Tuple } from "../../dataplane/entries.ts";
import { viewOf } from "../../packet/bytes.ts";
import * as checksum from "../../packet/checksum.ts";
import { SCTP, TCP, UDP } from "../../packet/parse.ts";
import * as conntrack from "../conntrack.ts";
import * as nat from "../nat.ts";
import type { Coverage } from "./coverage.ts";
import type { Translation } from "./datagram.ts";
import { assemble } from "./header.ts";
import { type Part, placeOf, type Upper } from "./part.ts";

/** The frames of `parts` as they leave. */
export function translate(
  parts: readonly Part[],
  upper: Upper,
  { from, entry }: Translation,
  coverage: Coverage,
): Uint8Array[] {
  const changed = parts.map((part) => ({ ...part, frame: part.frame.slice() }));
  const to = conntrack.target(entry);
  const gain = nat.gainOf(from, to);
  for (const part of changed) rewrite(part, upper, to, gain);
  if (upper.protocol === SCTP) renewSctp(changed, upper, coverage);
  return changed.map(({ frame }) => frame);
}

/** Ports and checksums stand in one fragment each, since none of them crosses a unit of eight. */
function rewrite(part: Part, { protocol, base }: Upper, to: Tuple, gain: number): void {
  const { frame } = part;
  nat.setAddresses(frame, part.piece.ip, to);
  const ports = placeOf(part, base);
  if (ports !== undefined) nat.setPorts(frame, ports, to);
  const field = placeOf(part, base + (protocol === TCP ? nat.TCP_CHECKSUM : nat.UDP_CHECKSUM));
  if (field === undefined) return;
  if (protocol === TCP) nat.adjust(frame, field, gain);
  if (protocol === UDP) nat.adjustUdp(frame, field, gain);
}

/** The whole datagram is in hand; what the capture has cut off of it leaves its CRC as it was. */
function renewSctp(parts: readonly Part[], { base }: Upper, { end }: Coverage): void {
  const datagram = assemble(parts);
  if (datagram.length !== end) return;
  const crc = checksum.sctp(datagram.subarray(base));
  for (const part of parts) {
    const field = placeOf(part, base + nat.SCTP_CHECKSUM);
    if (field !== undefined) viewOf(part.frame).setUint32(field, crc, true);
  }
}
