/** Records into ring buffers and out of them, with how they stand after each. */
import fc from "fast-check";
import type { Operation } from "./operation.ts";

const RING = "ring";
/** The most that the kernel's test hands over in one piece. */
const RECORD_MAX = 32760;

function record(size: number): fc.Arbitrary<string> {
  const largest = Math.min(size + 64, RECORD_MAX);
  const length = fc.oneof(
    { weight: 4, arbitrary: fc.nat(200) },
    { weight: 2, arbitrary: fc.nat(largest) },
    // Around what fills it.
    fc.integer({ min: size - 20, max: largest }),
  );
  return fc.tuple(length, fc.nat(255)).map(([bytes, first]) => {
    return Buffer.from(Array.from({ length: bytes }, (_, index) => first + index)).toString("hex");
  });
}

/** Data, size, consumer, producer, and what is no question. */
const QUERIES: readonly Operation[] = [0, 1, 2, 3, 4].map((what) => ["query", RING, what]);

export const records: fc.Arbitrary<Operation[]> = fc.constantFrom(4096, 8192).chain((size) => {
  const emit = fc.tuple(fc.constant("emit" as const), fc.constant(RING), record(size));
  const consume = fc.tuple(fc.constant("consume" as const), fc.constant(RING), fc.nat(6));
  const one: fc.Arbitrary<Operation> = fc.oneof(emit, emit, consume);
  return fc
    .array(one, { minLength: 1, maxLength: 40, size: "max" })
    .map((operations) => [
      ["create", RING, 27, 0, 0, size, 0, null] as const,
      ...operations,
      ...QUERIES,
      ["consume", RING, 1000] as const,
      ...QUERIES,
    ]);
});
