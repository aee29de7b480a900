/** Fields of keys and values between bytes and what TypeScript has for them. */
import { show } from "../dataplane/field.ts";
import { format, parseIpv4, parseIpv6 } from "../packet/address.ts";
import { hex } from "../packet/bytes.ts";
import { MapError } from "./error.ts";
import type { FieldType } from "./map.ts";

/** Reads and writes one layout, wherever it stands. */
export interface Codec {
  /** Bytes, with those that fill it up to a multiple of `alignment`. */
  readonly size: number;
  /** Bytes up to the end of its last field. */
  readonly end: number;
  readonly alignment: number;
  read(bytes: Uint8Array, at: number): unknown;
  /** Throws MapError EINVAL; touches no byte that is not a field's. */
  write(bytes: Uint8Array, at: number, value: unknown): void;
}

type Read = Codec["read"];
/** False for a value that is none of this type. */
type Put = (bytes: Uint8Array, at: number, value: unknown) => boolean;

interface Scalar {
  readonly size: number;
  /** As in C; that of an IPv6 address is a v128's, which it is in AssemblyScript. */
  readonly alignment: number;
  /** For messages. */
  readonly wanted: string;
  readonly read: Read;
  readonly put: Put;
}

/** Where eight bytes are put together, whatever this machine's order. */
const SCRATCH = new DataView(new ArrayBuffer(8));
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

const SCALARS: Readonly<Record<Extract<FieldType, string>, Scalar>> = {
  u8: integer(1, 0, (bytes, at) => bytes[at] as number),
  u16: integer(2, 0, (bytes, at) => word(bytes, at, 2)),
  u32: integer(4, 0, (bytes, at) => word(bytes, at, 4) >>> 0),
  i8: integer(1, 2 ** 7, (bytes, at) => (word(bytes, at, 1) << 24) >> 24),
  i16: integer(2, 2 ** 15, (bytes, at) => (word(bytes, at, 2) << 16) >> 16),
  i32: integer(4, 2 ** 31, (bytes, at) => word(bytes, at, 4)),
  u64: bigint(true, (at) => SCRATCH.getBigUint64(at, true), 0n),
  i64: bigint(true, (at) => SCRATCH.getBigInt64(at, true), 2n ** 63n),
  be16: bigEndian(2),
  be32: bigEndian(4),
  be64: bigint(false, (at) => SCRATCH.getBigUint64(at, false), 0n),
  f32: float(
    4,
    () => SCRATCH.getFloat32(0, true),
    (value) => SCRATCH.setFloat32(0, value, true),
  ),
  f64: float(
    8,
    () => SCRATCH.getFloat64(0, true),
    (value) => SCRATCH.setFloat64(0, value, true),
  ),
  bool: {
    size: 1,
    alignment: 1,
    wanted: "true or false",
    read: (bytes, at) => bytes[at] !== 0,
    put: (bytes, at, value) => {
      bytes[at] = value === true ? 1 : 0;
      return typeof value === "boolean";
    },
  },
  ipv4: {
    size: 4,
    alignment: 4,
    wanted: "an IPv4 address",
    read: formatIpv4,
    put: putIpv4,
  },
  ipv6: {
    size: 16,
    alignment: 16,
    wanted: "an IPv6 address",
    read: (bytes, at) => format(bytes.subarray(at, at + 16)),
    put: putIpv6,
  },
  addr16: {
    size: 16,
    alignment: 16,
    wanted: "an IP address",
    read: (bytes, at) =>
      isMapped(bytes, at) ? formatIpv4(bytes, at + 12) : format(bytes.subarray(at, at + 16)),
    put: putEither,
  },
  mac: {
    size: 6,
    alignment: 1,
    wanted: 'six bytes as in "02:00:00:00:00:01"',
    read: formatMac,
    put: putMac,
  },
  prefix4: prefix(4, 'an IPv4 prefix as in "10.0.0.0/8"'),
  prefix6: prefix(16, 'an IPv6 prefix as in "2001:db8::/32"'),
};

/** Undefined for a name that no type has. */
export function scalarOf(type: string): Scalar | undefined {
  return Object.hasOwn(SCALARS, type) ? SCALARS[type as keyof typeof SCALARS] : undefined;
}

export function scalarCodec(scalar: Scalar, place: string): Codec {
  const { size, alignment, read, put, wanted } = scalar;
  const write = (bytes: Uint8Array, at: number, value: unknown) => {
    if (!put(bytes, at, value)) throw badValue(place, value, wanted);
  };
  return { size, end: size, alignment, read, write };
}

export function badValue(place: string, value: unknown, wanted: string): MapError {
  return new MapError("EINVAL", `${place} is ${show(value)}: it must be ${wanted}`);
}

/** So many bytes that nobody looks into. */
export function bytesScalar(size: number): Scalar {
  return {
    size,
    alignment: 1,
    wanted: `a Uint8Array of ${size} bytes`,
    read: (bytes, at) => bytes.slice(at, at + size),
    put: (bytes, at, value) => {
      if (!(value instanceof Uint8Array) || value.length !== size) return false;
      bytes.set(value, at);
      return true;
    },
  };
}

/** The zero that ends a text, and surrogates without their other half, which UTF-8 cannot say. */
const NOT_TEXT = /[\0\p{Surrogate}]/u;

/** UTF-8, filled up with zeros. */
export function textScalar(size: number): Scalar {
  return {
    size,
    alignment: 1,
    wanted: `text of at most ${size} bytes of UTF-8 without a zero or half a character`,
    read: (bytes, at) => {
      const zero = bytes.indexOf(0, at);
      const end = zero < 0 ? at + size : Math.min(zero, at + size);
      return DECODER.decode(bytes.subarray(at, end));
    },
    put: (bytes, at, value) => {
      if (typeof value !== "string" || NOT_TEXT.test(value)) return false;
      const { read, written } = ENCODER.encodeInto(value, bytes.subarray(at, at + size));
      bytes.fill(0, at + written, at + size);
      return read === value.length;
    },
  };
}

/** Up to four bytes, little-endian, as a signed number. */
function word(bytes: Uint8Array, at: number, size: number): number {
  let value = bytes[at] as number;
  for (let index = 1; index < size; index++) value |= (bytes[at + index] as number) << (8 * index);
  return value;
}

/** From -`below` on; as many above. */
function integer(
  size: 1 | 2 | 4,
  below: number,
  read: (b: Uint8Array, at: number) => number,
): Scalar {
  const last = 2 ** (8 * size) - below - 1;
  return {
    size,
    alignment: size,
    wanted: `an integer from ${-below} to ${last}`,
    read,
    put: (bytes, at, value) => {
      if (!Number.isInteger(value)) return false;
      const number = value as number;
      if (number < -below || number > last) return false;
      for (let index = 0; index < size; index++) bytes[at + index] = number >> (8 * index);
      return true;
    },
  };
}

function bigEndian(size: 2 | 4): Scalar {
  const last = 2 ** (8 * size) - 1;
  return {
    size,
    alignment: size,
    wanted: `an integer from 0 to ${last}`,
    read: (bytes, at) => {
      let value = 0;
      for (let index = 0; index < size; index++)
        value = value * 256 + (bytes[at + index] as number);
      return value;
    },
    put: (bytes, at, value) => {
      if (!Number.isInteger(value)) return false;
      const number = value as number;
      if (number < 0 || number > last) return false;
      for (let index = 0; index < size; index++) {
        bytes[at + size - 1 - index] = number >> (8 * index);
      }
      return true;
    },
  };
}

function bigint(little: boolean, read: (at: number) => bigint, below: bigint): Scalar {
  const last = 2n ** 64n - below - 1n;
  return {
    size: 8,
    alignment: 8,
    wanted: `a bigint from ${-below}n to ${last}n`,
    read: (bytes, at) => {
      load(bytes, at, 8);
      return read(0);
    },
    put: (bytes, at, value) => {
      if (typeof value !== "bigint" || value < -below || value > last) return false;
      SCRATCH.setBigInt64(0, value, little);
      store(bytes, at, 8);
      return true;
    },
  };
}

function float(size: 4 | 8, read: () => number, write: (value: number) => void): Scalar {
  return {
    size,
    alignment: size,
    wanted: "a number",
    read: (bytes, at) => {
      load(bytes, at, size);
      return read();
    },
    put: (bytes, at, value) => {
      if (typeof value !== "number") return false;
      write(value);
      store(bytes, at, size);
      return true;
    },
  };
}

function load(bytes: Uint8Array, at: number, size: number): void {
  for (let index = 0; index < size; index++) SCRATCH.setUint8(index, bytes[at + index] as number);
}

function store(bytes: Uint8Array, at: number, size: number): void {
  for (let index = 0; index < size; index++) bytes[at + index] = SCRATCH.getUint8(index);
}

function formatIpv4(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** ::ffff:0:0/96, RFC 4291 section 2.5.5.2. */
function isMapped(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < 10; index++) if (bytes[at + index] !== 0) return false;
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
}

function putIpv4(bytes: Uint8Array, at: number, value: unknown): boolean {
  const address = typeof value === "string" ? parseIpv4(value) : null;
  if (address === null) return false;
  for (let index = 0; index < 4; index++) bytes[at + index] = address / 2 ** (24 - 8 * index);
  return true;
}

function putIpv6(bytes: Uint8Array, at: number, value: unknown): boolean {
  const groups = typeof value === "string" ? parseIpv6(value) : null;
  if (groups === null) return false;
  for (const [index, group] of groups.entries()) {
    bytes[at + 2 * index] = group >> 8;
    bytes[at + 2 * index + 1] = group;
  }
  return true;
}

function putEither(bytes: Uint8Array, at: number, value: unknown): boolean {
  if (!putIpv4(bytes, at + 12, value)) return putIpv6(bytes, at, value);
  bytes.fill(0, at, at + 10).fill(0xff, at + 10, at + 12);
  return true;
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

function formatMac(bytes: Uint8Array, at: number): string {
  return hex(bytes.subarray(at, at + 6), ":");
}

function putMac(bytes: Uint8Array, at: number, value: unknown): boolean {
  if (typeof value !== "string" || !MAC.test(value)) return false;
  for (let index = 0; index < 6; index++) {
    bytes[at + index] = Number.parseInt(value.slice(3 * index, 3 * index + 2), 16);
  }
  return true;
}

/** struct bpf_lpm_trie_key of include/uapi/linux/bpf.h: u32 bits, then an address. */
function prefix(width: 4 | 16, wanted: string): Scalar {
  return {
    size: 4 + width,
    alignment: 4,
    wanted,
    read: (bytes, at) => {
      return `${format(bytes.subarray(at + 4, at + 4 + width))}/${word(bytes, at, 4) >>> 0}`;
    },
    put: (bytes, at, value) => putPrefix(bytes, at, width, value),
  };
}

/** An address alone is the prefix that is all of it. */
function putPrefix(bytes: Uint8Array, at: number, width: number, value: unknown): boolean {
  if (typeof value !== "string") return false;
  const [address, length = `${8 * width}`, ...rest] = value.split("/", 3);
  if (rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > 8 * width) {
    return false;
  }
  bytes.fill(0, at, at + 4);
  bytes[at] = Number(length);
  return width === 4 ? putIpv4(bytes, at + 4, address) : putIpv6(bytes, at + 4, address);
}
