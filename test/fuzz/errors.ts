/** ICMP: errors about packets that went by, in all the ways in which they can be wrong, and echoes. */
import { linkOf } from "../../src/dataplane/link.ts";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import { type Ip, parse } from "../../src/packet/parse.ts";
import { arrive, specOf } from "./delivery.ts";
import type { Dice } from "./dice.ts";
import { isIPv4, type Packet, SOURCES } from "./packets.ts";
import type { Trace } from "./trail.ts";

/** Errors, and what is none: RFC 792, RFC 4443. */
const TYPES = {
  ipv4: [3, 3, 3, 4, 5, 11, 11, 12, 0, 8, 13],
  ipv6: [1, 1, 2, 2, 3, 4, 100, 127, 128, 129, 135, 137],
} as const;
/** Bytes quoted: all; around the headers; what IPv4 demands. */
const CUTS = [0, 4, 19, 20, 27, 28, 31, 32, 39, 40, 47, 48, 51, 52, 59, 60, 61, 64];

export function echo(saddr: string, daddr: string, dice: Dice): Packet {
  const v4 = isIPv4(saddr);
  const types = v4 ? [8, 0] : [128, 129];
  const icmp = { type: dice.oneOf(types), id: dice.below(65536), sequence: 1 };
  return sent(saddr, daddr, { icmp, payload: dice.bytes(dice.below(20)) }, dice);
}

function sent(saddr: string, daddr: string, shape: Partial<PacketSpec>, dice: Dice): Packet {
  const proto = isIPv4(saddr) ? "icmp" : "icmpv6";
  const spec = specOf({ saddr, daddr, sport: 0, dport: 0, proto }, shape, dice);
  return arrive(packet(spec), spec.link ?? "ethernet", dice);
}

/** An error about a frame; undefined when the frame holds no IP packet. */
export function complain({ bytes, link }: Trace, dice: Dice): Packet | undefined {
  const parsed = parse(bytes, linkOf(link).type);
  if (!("tuple" in parsed)) return undefined;
  const { ip, tuple } = parsed;
  const v4 = ip.family === "ipv4";
  const sources = SOURCES.filter((source) => isIPv4(source) === v4);
  const saddr = dice.once(3) ? tuple.daddr : dice.oneOf(sources);
  const daddr = dice.once(12) ? dice.oneOf(sources) : tuple.saddr;
  const icmp = {
    type: dice.oneOf(TYPES[ip.family]),
    code: dice.below(5),
    rest: dice.once(2) ? 1280 : 0,
  };
  return sent(saddr, daddr, { icmp, payload: quote(bytes, ip, dice) }, dice);
}

function quote(bytes: Uint8Array, { at, end }: Ip, dice: Dice): Uint8Array {
  const whole = bytes.slice(at, Math.min(end, at + 1200));
  if (dice.once(10) && whole.length > 0) whole[dice.below(whole.length)]! ^= 1 << dice.below(8);
  if (!dice.once(3)) return whole;
  return whole.subarray(0, dice.once(3) ? dice.below(whole.length + 1) : dice.oneOf(CUTS));
}
