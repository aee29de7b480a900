/**
 * Martians: source addresses that no packet from a wire may have, RFC 1812 section 5.3.7, RFC 4291
 * section 2.5 and 2.7. Linux drops them when it looks for a route (ip_route_input_slow), or has none
 * to answer by.
 */
import { parse } from "../packet/address.ts";
import type { Flow } from "../packet/parse.ts";
import type { Walk } from "./walk.ts";

export function isMartian({ flow, input }: Walk): boolean {
  if (input.local) return false;
  return flow.ip.family === "ipv4" ? isMartian4(flow) : isMartian6(parse(flow.tuple.saddr));
}

/** "This network" and loopback (RFC 1122 section 3.2.1.3), multicast, class E and broadcast. */
function isMartian4({ tuple }: Flow): boolean {
  const network = firstByte(tuple.saddr);
  // The node talks to itself over loopback.
  if (network === 127) return firstByte(tuple.daddr) !== 127;
  return network === 0 || network >= 224;
}

function firstByte(address: string): number {
  return parse(address)[0] as number;
}

/** Multicast, link-local, unspecified and loopback; IPv4-mapped addresses stay in the host. */
function isMartian6(address: Uint8Array): boolean {
  const [first, second] = address as unknown as [number, number];
  if (first === 0xff || (first === 0xfe && (second & 0xc0) === 0x80)) return true;
  const zeros = address.findIndex((byte) => byte !== 0);
  const single = zeros === 15 && address[15] === 1;
  return zeros === -1 || single || (zeros === 10 && address[10] === 0xff && address[11] === 0xff);
}
