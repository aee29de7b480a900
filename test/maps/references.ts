/** Operations on maps whose values are maps or programs. */
import fc from "fast-check";
import type { Operation, Reference } from "./operation.ts";

const [PROG_ARRAY, ARRAY_OF_MAPS, HASH_OF_MAPS, ARRAY, HASH] = [3, 12, 13, 2, 1] as const;
const ENTRIES = 4;

/** Inner maps: two that fit, one that is larger, and one with another value. */
function innerMaps(type: number): Operation[] {
  const key = type === ARRAY ? 4 : 8;
  return [
    ["create", "model", type, key, 8, 2, 0, null],
    ["create", "fitting", type, key, 8, 2, 0, null],
    ["create", "larger", type, key, 8, 3, 0, null],
    ["create", "other", type, key, 12, 2, 0, null],
  ];
}

const names = fc.constantFrom("model", "fitting", "larger", "other");
const keys = fc.oneof(fc.nat(ENTRIES + 1), fc.constant(2 ** 32 - 1)).map((index) => {
  return Buffer.from(new Uint32Array([index]).buffer).toString("hex");
});
const flags = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(1, 2) },
);

function operationsOf(value: fc.Arbitrary<Reference>): fc.Arbitrary<Operation[]> {
  const update = fc.tuple(fc.constant("update" as const), fc.constant("map"), keys, value, flags);
  const one: fc.Arbitrary<Operation> = fc.oneof(
    update,
    update,
    fc.tuple(fc.constant("lookup" as const), fc.constant("map"), keys),
    fc.tuple(fc.constant("delete" as const), fc.constant("map"), keys),
    fc.tuple(fc.constant("dump" as const), fc.constant("map")),
  );
  return fc.array(one, { minLength: 1, maxLength: 40, size: "max" });
}

const ofMaps = fc
  .tuple(fc.constantFrom(ARRAY_OF_MAPS, HASH_OF_MAPS), fc.constantFrom(ARRAY, HASH))
  .chain(([type, inner]) =>
    operationsOf(names.map((map) => ({ map }))).map((operations): Operation[] => [
      ...innerMaps(inner),
      ["create", "map", type, 4, 4, ENTRIES, 0, "model"],
      ...operations,
    ]),
  );

const ofPrograms = operationsOf(fc.constant({ program: true })).map((operations): Operation[] => [
  ["create", "map", PROG_ARRAY, 4, 4, ENTRIES, 0, null],
  ...operations,
]);

export const references: fc.Arbitrary<Operation[]> = fc.oneof(ofMaps, ofPrograms);
