/** The way of a packet to the dataplane: link layer, options, damage, checksums, and what the capture has cut. */
import type { FrameOptions } from "../../src/dataplane/dataplane.ts";
import type { Tuple } from "../../src/dataplane/entries.ts";
import { type ExtensionSpec, type PacketSpec, packet } from "../../src/packet/build.ts";
import { bytesOf } from "../conformance/frame.ts";
import { internetChecksum } from "../conformance/sum.ts";
import { INTERFACES } from "./clusters.ts";
import type { Dice } from "./dice.ts";
import type { Shape } from "./flows.ts";
import { isIPv4, type Packet } from "./packets.ts";

const LINKS = ["ethernet", "raw", "null", "loop", "linux-sll", "linux-sll2"] as const;
const EXTENSIONS = ["hop-by-hop", "routing", "destination", "mobility", "authentication"] as const;
/** More than are looked through. */
const EXTENSIONS_MAX = 9;

/** A packet of the tuple, dressed and delivered. */
export function deliver(tuple: Tuple, shape: Shape, dice: Dice): Packet {
  return deliverFrame(specOf(tuple, shape, dice), dice);
}

export function specOf({ proto, ...tuple }: Tuple, shape: Shape, dice: Dice): PacketSpec {
  const named = { ...tuple, proto: proto as PacketSpec["proto"] };
  const v4 = isIPv4(tuple.saddr);
  return { ...named, ...dress(v4, dice), ...sums(named, v4, dice), ...shape };
}

/** What surrounds a transport header; mostly nothing unusual. */
function dress(v4: boolean, dice: Dice): Shape {
  if (!dice.once(3)) return {};
  return {
    link: dice.once(3) ? dice.oneOf(LINKS) : "ethernet",
    vlan: dice.once(6) ? dice.oneOf([[5], [5, 6], [5, 6, 7]]) : [],
    ttl: dice.below(256),
    tos: dice.below(256),
    padding: dice.once(4) ? dice.below(20) : 0,
    ...(v4 && dice.once(4) ? { ipOptions: dice.bytes(4 * (1 + dice.below(10))) } : {}),
    ...(!v4 && dice.once(2) ? { extensions: extensionsOf(dice) } : {}),
    ...(v4 && dice.once(4) ? { dontFragment: true } : {}),
  };
}

function extensionsOf(dice: Dice): ExtensionSpec[] {
  const length = dice.oneOf([1, 1, 2, 3, EXTENSIONS_MAX - 1, EXTENSIONS_MAX]);
  return Array.from({ length }, (): ExtensionSpec => {
    // An atomic fragment: RFC 6946.
    if (dice.once(6)) return { type: "fragment", id: dice.word() };
    const type = dice.oneOf(EXTENSIONS);
    return { type, ...(dice.once(2) ? {} : { data: dice.bytes(6 + 8 * dice.below(3)) }) };
  });
}

/** Checksums as Linux leaves them to the network card, none, and wrong ones. */
function sums(tuple: Omit<PacketSpec, "link">, v4: boolean, dice: Dice): Shape {
  if (dice.once(24)) return { checksum: dice.below(65536) };
  if (v4 && dice.once(60)) return { ipChecksum: dice.below(65536) };
  if (tuple.proto === "udp" && dice.once(6)) return { checksum: 0 };
  return {};
}

/** Sends the frame of a spec on its way. */
export function deliverFrame(spec: PacketSpec, dice: Dice): Packet {
  const whole = packet(dice.once(20) ? offloaded(spec) : spec);
  return arrive(whole, spec.link ?? "ethernet", dice);
}

/** Only the pseudo-header is summed: CHECKSUM_PARTIAL of Linux. */
function offloaded(spec: PacketSpec): PacketSpec {
  if (spec.proto !== "tcp" && spec.proto !== "udp") return spec;
  const bare = packet({ ...spec, link: "raw", padding: 0, extensions: [] });
  const [protocol, header] = spec.proto === "tcp" ? [6, 20] : [17, 8];
  const length = isIPv4(spec.saddr) ? bare.length - (bare[0]! & 15) * 4 : bare.length - 40;
  if (length < header) return spec;
  const pseudo = [...bytesOf(spec.saddr), ...bytesOf(spec.daddr), 0, protocol];
  const sum = ~internetChecksum(Uint8Array.from([...pseudo, length >>> 8, length & 255]));
  return { ...spec, checksum: sum & 0xffff };
}

/** A frame comes in somehow, cut or damaged at times. */
export function arrive(whole: Uint8Array, linkType: FrameOptions["linkType"], dice: Dice): Packet {
  const options: FrameOptions = {
    ...(linkType === "ethernet" ? {} : { linkType }),
    ...(dice.once(3) ? { interface: dice.oneOf(INTERFACES) } : {}),
    ...(dice.once(10) ? { local: true } : {}),
  };
  if (!dice.once(16)) return { bytes: whole, options };
  if (dice.once(2)) return { bytes: flipped(whole, dice), options };
  const bytes = whole.slice(0, dice.once(3) ? dice.below(whole.length + 1) : 14 + dice.below(80));
  // What is missing was on the wire, or was not.
  const wireLength = dice.once(4) ? bytes.length : whole.length + dice.oneOf([0, 0, 40]);
  return { bytes, options: { ...options, wireLength } };
}

function flipped(whole: Uint8Array, dice: Dice): Uint8Array {
  const bytes = whole.slice();
  for (let count = 1 + dice.below(3); count > 0; count--) {
    const at = dice.below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << dice.below(8));
  }
  return bytes;
}
