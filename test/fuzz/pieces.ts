/** Fragmented datagrams: in order and out of it, with gaps, twice, overlapping, tiny, malformed. */
import type { Tuple } from "../../src/dataplane/entries.ts";
import { fragments, type PacketSpec, packet } from "../../src/packet/build.ts";
import { concat } from "../conformance/frame.ts";
import { arrive, specOf } from "./delivery.ts";
import type { Dice } from "./dice.ts";
import type { Shape } from "./flows.ts";
import { isIPv4, type Packet } from "./packets.ts";

/** Bytes of a piece; the first are not enough for every header. */
const SIZES = [8, 8, 16, 24, 24, 40, 64, 104];
const PAYLOADS = [0, 1, 9, 24, 63, 64, 100, 150];
/** Few identifications, so that datagrams meet. */
const IDS = 12;
const IPV6_HEADER = 40;
/** IPv6-Frag, IANA "Assigned Internet Protocol Numbers". */
const FRAGMENT = 44;

/** The pieces of a packet, in the order in which they come in. */
export function dismember(tuple: Tuple, shape: Shape, dice: Dice): Packet[] {
  const id = dice.below(IDS);
  const payload = dice.bytes(dice.oneOf(PAYLOADS));
  const spec = { ...specOf(tuple, { ...shape, payload }, dice), id, fragment: { id } };
  const pieces = cut(spec, dice);
  if (dice.once(5)) pieces.push(oddity(spec, dice));
  if (dice.once(5)) pieces.push(dice.oneOf(pieces));
  if (dice.once(8)) pieces.splice(dice.below(pieces.length), 1);
  const ordered = dice.once(3) ? pieces : dice.once(2) ? pieces.reverse() : dice.shuffled(pieces);
  return ordered.map((piece) => arrive(piece, spec.link ?? "ethernet", dice));
}

/** The pieces of a sound packet from the last to the first, which lets all of them go. */
export function reversed(tuple: Tuple, shape: Shape, dice: Dice): Packet[] {
  const spec = { ...tuple, ...shape, payload: dice.bytes(dice.oneOf(PAYLOADS)) } as PacketSpec;
  const fragment = { id: dice.below(65536) };
  const pieces = fragments({ ...spec, fragment, id: fragment.id }, dice.oneOf(SIZES));
  return pieces.reverse().map((bytes) => ({ bytes, options: {} }));
}

function cut(spec: PacketSpec, dice: Dice): Uint8Array[] {
  const size = dice.oneOf(SIZES);
  if (!isIPv4(spec.saddr) && dice.once(3)) return cutBehindExtensions(spec, size, dice);
  const pieces = fragments(spec, size);
  // Cut in another way as well, the two do not fit together.
  return dice.once(6) ? [...pieces, dice.oneOf(fragments(spec, dice.oneOf(SIZES)))] : pieces;
}

/** Extension headers behind the fragment header belong to the first piece: RFC 8200 section 4.5. */
function cutBehindExtensions(spec: PacketSpec, size: number, dice: Dice): Uint8Array[] {
  const plain: PacketSpec = {
    ...spec,
    link: "raw",
    padding: 0,
    extensions: [],
    fragment: undefined,
  };
  const bare = packet({ ...plain, vlan: [] });
  const type = dice.oneOf([60, 43, 135]);
  const extension = Uint8Array.of(bare[6]!, 0, 1, 4, 0, 0, 0, 0);
  const whole = concat(extension, bare.subarray(IPV6_HEADER));
  const pieces: Uint8Array[] = [];
  for (let offset = 0; offset < whole.length; offset += size) {
    const more = offset + size < whole.length ? 1 : 0;
    const field = offset | more;
    const header = Uint8Array.of(type, 0, field >>> 8, field & 255, 0, 0, 0, spec.id! & 255);
    const payload = concat(header, whole.subarray(offset, offset + size));
    pieces.push(packet({ ...spec, fragment: undefined, proto: FRAGMENT, payload }));
  }
  return pieces;
}

/** A piece somewhere, of any length, beyond the end or of the largest offsets too. */
function oddity(spec: PacketSpec, dice: Dice): Uint8Array {
  const offset = dice.oneOf([8, 8, 16, 24, 64, 1024, 65528]);
  const fragment = { ...spec.fragment, offset, more: dice.once(2) };
  return packet({ ...spec, fragment, payload: dice.bytes(dice.oneOf([0, 1, 7, 8, 8, 16, 33])) });
}
