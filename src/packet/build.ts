/**
 * Packets from words, for tests and examples: whatever is not said takes an ordinary value, and
 * lengths and checksums are right unless they are given. Offsets come from the RFCs, never from
 * abi/.
 */
import { type LinkSpec, writeLink } from "./build-link.ts";
import { type NetworkSpec, protocolNumber, writeNetwork } from "./build-network.ts";
import { type TransportSpec, writeTransport } from "./build-transport.ts";
import { concat } from "./bytes.ts";

export type { VlanTag } from "./build-link.ts";
export type { ExtensionSpec, FragmentSpec } from "./build-network.ts";
export type { ChunkSpec, IcmpSpec, TcpOptionsSpec } from "./build-transport.ts";

/** What `packet` builds: everything but the two addresses may be left out. */
export interface PacketSpec extends LinkSpec, NetworkSpec, TransportSpec {
  /**
   * What follows the transport header; text is written as UTF-8. For an ICMP error, the quoted
   * packet.
   */
  readonly payload?: Uint8Array | string;
  /** Zero bytes behind the IP packet, as Ethernet pads short frames. */
  readonly padding?: number;
}

/**
 * One frame. The addresses decide the family, `proto` the transport header (default "tcp"). A
 * fragment with an offset has no transport header: its payload follows the IP header.
 *
 *     packet({ saddr: "10.0.0.1", sport: 4000, daddr: "10.96.0.1", dport: 80, flags: "S" })
 */
export function packet(spec: PacketSpec): Uint8Array {
  const later = (spec.fragment?.offset ?? 0) > 0;
  return frame(spec, later ? payloadOf(spec) : transportOf(spec));
}

/**
 * The frames of one packet whose IP payload is cut into pieces of `size` bytes, a multiple of
 * eight.
 */
export function fragments(spec: PacketSpec, size: number): Uint8Array[] {
  if (size <= 0 || size % 8 !== 0)
    throw new RangeError(`fragments of ${size} bytes; take a multiple of 8`);
  const whole = transportOf(spec);
  const frames: Uint8Array[] = [];
  for (let offset = 0; offset < whole.length; offset += size) {
    const more = offset + size < whole.length;
    const fragment = { id: spec.id ?? 1, ...spec.fragment, offset, more };
    frames.push(frame({ ...spec, fragment }, whole.subarray(offset, offset + size)));
  }
  return frames;
}

/** `payload` behind link and IP header. */
function frame(spec: PacketSpec, payload: Uint8Array): Uint8Array {
  const parts = [writeLink(spec), writeNetwork(spec, payload), new Uint8Array(spec.padding ?? 0)];
  return concat(parts);
}

function transportOf(spec: PacketSpec): Uint8Array {
  return writeTransport(spec, protocolNumber(spec), payloadOf(spec));
}

function payloadOf({ payload = "" }: PacketSpec): Uint8Array {
  return typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
}
