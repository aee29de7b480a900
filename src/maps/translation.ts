/** Keys and values between bytes of a map and what people have for them. */
import type { MapShape } from "../dataplane/runtime.ts";
import { compileLayout } from "./layout.ts";
import type { Layout } from "./map.ts";
import { badValue, type Codec } from "./scalar.ts";
import { strideOf } from "./shape.ts";

export interface Translation {
  /** Bytes that are good until the next call. Throws MapError. */
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

/** Of one layout. Whoever has said none gets bytes. */
export function translate(layout: Layout | undefined, size: number, place: string): Translation {
  const codec = compileLayout(layout ?? size, place);
  const scratch = new Uint8Array(size);
  return {
    encode: (value) => {
      codec.write(scratch, 0, value);
      return scratch;
    },
    decode: (bytes) => codec.read(bytes, 0),
  };
}

/** An array with a value for each CPU. */
export function translateEach(
  layout: Layout | undefined,
  shape: MapShape,
  cpus: number,
  place: string,
): Translation {
  const codec = compileLayout(layout ?? shape.valueSize, place);
  const stride = strideOf(shape);
  const scratch = new Uint8Array(cpus * stride);
  const offsets = Array.from({ length: cpus }, (_, cpu) => cpu * stride);
  const write = (at: number, cpu: number, value: unknown) => {
    try {
      codec.write(scratch, at, value);
    } catch (error) {
      // Refuses it again, with the CPU in the message.
      compileLayout(layout ?? shape.valueSize, `${place}[${cpu}]`).write(scratch, at, value);
      throw error;
    }
  };
  return {
    encode: (values) => {
      if (!Array.isArray(values) || values.length !== cpus) {
        throw badValue(place, values, `an array of ${cpus}, a value for each CPU`);
      }
      for (const [cpu, at] of offsets.entries()) write(at, cpu, values[cpu]);
      return scratch;
    },
    decode: (bytes) => offsets.map((at) => codec.read(bytes, at)),
  };
}

/** What has a number that stands for it in the map. */
export interface Referent {
  /** Throws MapError. */
  number(value: unknown): number;
  value(number: number): unknown;
}

export function translateReference(referent: Referent): Translation {
  const scratch = new Uint8Array(4);
  const view = new DataView(scratch.buffer);
  return {
    encode: (value) => {
      view.setUint32(0, referent.number(value), true);
      return scratch;
    },
    decode: (bytes) => referent.value(numberIn(bytes)),
  };
}

/** The number in the value of a map that holds references. */
export function numberIn(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}

/** Records of a ring buffer. One that is too short is filled up with zeros, of one too long the rest is left out. */
export function translateRecords(
  layout: Layout | undefined,
  place: string,
): (record: Uint8Array) => unknown {
  if (layout === undefined) return (record) => record;
  const codec: Codec = compileLayout(layout, place);
  const whole = new Uint8Array(codec.size);
  return (record) => {
    if (record.length >= codec.end) return codec.read(record, 0);
    whole.fill(0).set(record);
    return codec.read(whole, 0);
  };
}
