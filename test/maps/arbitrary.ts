/** Maps of any shape, and operations on them that meet each other's keys. */
import fc from "fast-check";
import type { Operation } from "./operation.ts";
import type { Shape } from "./specification.ts";

export const MAP = "map";
export const [HASH, ARRAY, PERCPU_HASH, PERCPU_ARRAY, LRU_HASH, LPM_TRIE] = [
  1, 2, 5, 6, 9, 11,
] as const;
const NO_PREALLOC = 1;

export interface Play {
  readonly shape: Shape;
  readonly operations: readonly Operation[];
}

interface Limits {
  readonly type: number;
  readonly cpus: number;
  /** Most entries; keys are a few more. */
  readonly entries: fc.Arbitrary<number>;
  /** Operations of programs among them. */
  readonly programs: boolean;
}

const keySize = fc.constantFrom(1, 2, 3, 4, 5, 8, 12, 16, 20, 33);
const valueSize = fc.constantFrom(1, 3, 4, 5, 8, 12, 16, 24, 40);

export function playOf({ type, cpus, entries, programs }: Limits): fc.Arbitrary<Play> {
  const isArray = type === ARRAY || type === PERCPU_ARRAY;
  const lpmSize = fc.constantFrom(5, 6, 8, 20);
  const keys = isArray ? fc.constant(4) : type === LPM_TRIE ? lpmSize : keySize;
  const shape = fc.record({
    type: fc.constant(type),
    keySize: keys,
    valueSize,
    maxEntries: entries,
    flags: fc.constant(type === LPM_TRIE ? NO_PREALLOC : 0),
  });
  return shape.chain((each) =>
    fc.record({
      shape: fc.constant(each),
      operations: operationsOf(each, cpus, programs),
    }),
  );
}

function operationsOf(shape: Shape, cpus: number, programs: boolean) {
  return poolOf(shape).chain((pool) => {
    const one = oneOperation(shape, pool, cpus, programs);
    return fc.array(one, { minLength: 1, maxLength: 60, size: "max" });
  });
}

/** Keys to choose from. */
function poolOf(shape: Shape): fc.Arbitrary<readonly string[]> {
  const { type, keySize: size, maxEntries } = shape;
  const count = { minLength: 1, maxLength: Math.min(maxEntries, 12) + 4 };
  if (type === ARRAY || type === PERCPU_ARRAY) return fc.array(indexOf(maxEntries), count);
  if (type === LPM_TRIE) return fc.array(prefixOf(size - 4), { ...count, maxLength: 20 });
  return fc.array(bytesOf(size), count);
}

function indexOf(length: number): fc.Arbitrary<string> {
  const index = fc.oneof(fc.nat(length + 1), fc.constant(2 ** 32 - 1));
  return index.map((number) => Buffer.from(new Uint32Array([number]).buffer).toString("hex"));
}

/** Few different bits, so that prefixes lie in each other; now and then one that is too long. */
function prefixOf(bytes: number): fc.Arbitrary<string> {
  const length = fc.oneof({ weight: 12, arbitrary: fc.nat(8 * bytes) }, fc.constant(8 * bytes + 1));
  const byte = fc.constantFrom(0, 0x80, 0xc0, 0xff, 0x0a);
  const data = fc.array(byte, { minLength: bytes, maxLength: bytes });
  return fc.tuple(length, data).map(([bits, rest]) => {
    return (
      Buffer.from(new Uint32Array([bits]).buffer).toString("hex") +
      Buffer.from(rest).toString("hex")
    );
  });
}

function bytesOf(length: number): fc.Arbitrary<string> {
  const bytes = fc.uint8Array({ minLength: length, maxLength: length });
  return bytes.map((each) => Buffer.from(each).toString("hex"));
}

function oneOperation(shape: Shape, pool: readonly string[], cpus: number, programs: boolean) {
  const key = fc.constantFrom(...pool);
  const name = fc.constant(MAP);
  const flags = fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 4, arbitrary: fc.constantFrom(1, 2) },
    // None of them has BPF_F_LOCK, 4, which is nothing here and something in the kernel.
    { weight: 1, arbitrary: fc.constantFrom(3, 8, 255) },
  );
  const cpu = fc.nat(cpus - 1);
  const one = bytesOf(shape.valueSize);
  const ofPeople: fc.Arbitrary<Operation>[] = [
    fc.tuple(fc.constant("update"), name, key, allOf(shape, cpus), flags),
    fc.tuple(fc.constant("update"), name, key, allOf(shape, cpus), flags),
    fc.tuple(fc.constant("lookup"), name, key),
    fc.tuple(fc.constant("delete"), name, key),
    fc.tuple(fc.constant("dump"), name),
  ];
  const ofPrograms: fc.Arbitrary<Operation>[] = [
    fc.tuple(fc.constant("put"), name, key, one, flags, cpu),
    fc.tuple(fc.constant("put"), name, key, one, flags, cpu),
    fc.tuple(fc.constant("use"), name, key, cpu),
    fc.tuple(fc.constant("drop"), name, key),
  ];
  return fc.oneof(...ofPeople, ...(programs ? ofPrograms : []));
}

/** A value, or one for each CPU with zeros between. */
function allOf({ type, valueSize: size }: Shape, cpus: number): fc.Arbitrary<string> {
  if (type !== PERCPU_HASH && type !== PERCPU_ARRAY) return bytesOf(size);
  const padding = "00".repeat(Math.ceil(size / 8) * 8 - size);
  const each = bytesOf(size).map((value) => value + padding);
  return fc.array(each, { minLength: cpus, maxLength: cpus }).map((values) => values.join(""));
}

export function creation({
  type,
  keySize: key,
  valueSize: value,
  maxEntries,
  flags,
}: Shape): Operation {
  return ["create", MAP, type, key, value, maxEntries, flags, null];
}
