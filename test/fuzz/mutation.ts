/** Frames made of others: bits turned, fields changed, lengths that lie, ends cut, two in one. */
import { linkOf } from "../../src/dataplane/link.ts";
import { concat } from "../conformance/frame.ts";
import { arrive } from "./delivery.ts";
import type { Dice } from "./dice.ts";
import { addressesOf, type Headers, locate, SCTP, TCP, UDP } from "./headers.ts";
import { mend } from "./mending.ts";
import type { Packet } from "./packets.ts";
import type { Trace } from "./trail.ts";

type Mutation = (bytes: Uint8Array, dice: Dice, link: number, other: Uint8Array) => Uint8Array;

/** Headers are here. */
const HEADERS = 100;
const VALUES = [0, 1, 0x7f, 0x80, 0xff];
const LENGTHS = [0, 1, 4, 7, 8, 19, 20, 21, 39, 40, 0xffff];

const flip: Mutation = (bytes, dice) => {
  for (let count = 1 + dice.below(4); count > 0 && bytes.length > 0; count--) {
    const at = dice.below(Math.min(bytes.length, HEADERS));
    bytes[at] = bytes[at]! ^ (1 << dice.below(8));
  }
  return bytes;
};

const set: Mutation = (bytes, dice) => {
  if (bytes.length === 0) return bytes;
  bytes[dice.below(Math.min(bytes.length, HEADERS))] = dice.oneOf(VALUES);
  return bytes;
};

const cut: Mutation = (bytes, dice) => bytes.slice(0, dice.below(bytes.length + 1));

const splice: Mutation = (bytes, dice, _, other) => {
  const at = dice.below(bytes.length + 1);
  const from = dice.once(2) ? at : dice.below(other.length + 1);
  return concat(bytes.subarray(0, at), other.subarray(from));
};

/** Bytes come twice, or not at all. */
const stretch: Mutation = (bytes, dice) => {
  const [at, count] = [dice.below(bytes.length + 1), 1 + dice.below(24)];
  const rest = dice.once(2) ? bytes.subarray(at + count) : bytes.subarray(Math.max(0, at - count));
  return concat(bytes.subarray(0, at), rest);
};

/** A length field that says less or more, mostly by little. */
const lie: Mutation = (bytes, dice, link) => {
  const headers = locate(bytes, link);
  if (!headers) return flip(bytes, dice, link, bytes);
  const at = dice.oneOf(lengthsOf(headers));
  if (at + 1 >= bytes.length) return bytes;
  const stated = (bytes[at]! << 8) | bytes[at + 1]!;
  const value = dice.once(3) ? dice.oneOf(LENGTHS) : stated + dice.below(17) - 8;
  bytes[at] = (value >>> 8) & 255;
  bytes[at + 1] = value & 255;
  return bytes;
};

/** IP's, the transport's; flags and offset of a fragment; header lengths. */
function lengthsOf({ v6, ip, transport, protocol }: Headers): number[] {
  const fields = v6 ? [ip + 4] : [ip + 2, ip + 6, ip - 1];
  if (protocol === UDP) fields.push(transport + 4);
  if (protocol === TCP) fields.push(transport + 11, transport + 20);
  if (protocol === SCTP) fields.push(transport + 14);
  if (v6 && transport > ip + 40) fields.push(transport - 8, transport - 6);
  return fields;
}

/** Addresses or ports of another frame. */
const readdress: Mutation = (bytes, dice, link, other) => {
  const [here, there] = [locate(bytes, link), locate(other, link)];
  if (!here || !there || here.v6 !== there.v6) return flip(bytes, dice, link, other);
  const [from, to] = addressesOf(there);
  if (dice.once(2)) bytes.set(other.subarray(from, to), addressesOf(here)[0]);
  const ports = other.subarray(there.transport, Math.min(there.transport + 4, there.end));
  if (here.transport + ports.length <= here.end) bytes.set(ports, here.transport);
  return bytes;
};

/** Whatever the transport header holds behind the ports. */
const transport: Mutation = (bytes, dice, link) => {
  const headers = locate(bytes, link);
  if (!headers || headers.transport + 5 > headers.end) return flip(bytes, dice, link, bytes);
  const length = Math.min(40, headers.end - headers.transport - 4);
  for (let count = 1 + dice.below(3); count > 0; count--) {
    bytes[headers.transport + 4 + dice.below(length)] = dice.once(2)
      ? dice.oneOf(VALUES)
      : dice.below(256);
  }
  return bytes;
};

const MUTATIONS: readonly Mutation[] = [
  flip,
  flip,
  set,
  cut,
  splice,
  stretch,
  lie,
  lie,
  readdress,
  transport,
  transport,
  transport,
];

/** One or more of them; mostly the checksums are mended, so that the rest is looked at. */
export function mutate({ bytes, link }: Trace, other: Trace, dice: Dice): Packet {
  const { type } = linkOf(link);
  let mutated: Uint8Array = bytes.slice();
  for (let count = dice.oneOf([0, 1, 1, 1, 2, 3]); count > 0; count--) {
    mutated = dice.oneOf(MUTATIONS)(mutated, dice, type, other.bytes);
  }
  if (!dice.once(4)) mend(mutated, type);
  return arrive(mutated, dice.once(50) ? other.link : link, dice);
}
