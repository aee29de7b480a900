/**
 * bpf_csum_diff of the kernel at hand against the model's: any bytes, any seed. Kernels before 6.13 leave it to the
 * processor whether the sum is folded, so results are compared folded. Skipped where bpf(2) is not allowed, unless
 * WAXDP_REQUIRE_TOOLS=1 says that it is.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { difference } from "../../src/model/runtime/csum.ts";
import { fold } from "../../src/packet/checksum.ts";

const SCRIPT = fileURLToPath(new URL("csum-diff.py", import.meta.url));

type Case = readonly [from: string, to: string, seed: number];

/** Undefined where there is no such kernel. */
function ask(cases: readonly Case[]): number[] | undefined {
  const { status, stdout } = spawnSync("python3", [SCRIPT], {
    input: `${JSON.stringify(cases)}\n`,
    encoding: "utf8",
  });
  return status === 0 ? JSON.parse(stdout) : undefined;
}

const skipped = ask([]) === undefined || ask([["00000000", "", 0]]) === undefined;

/** Zeros and ones among the words: where a one's complement sum has two zeros. */
const word = fc.oneof(
  fc.constantFrom("00000000", "ffffffff", "ffff0000", "0000ffff"),
  fc.nat(0xffffffff).map((value) => value.toString(16).padStart(8, "0")),
);
const rest = fc.uint8Array({ maxLength: 3 }).map((some) => Buffer.from(some).toString("hex"));
const bytes = fc
  .tuple(fc.array(word, { maxLength: 24, size: "max" }), rest)
  .map(([words, tail]) => words.join("") + tail);
const seed = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0x10000, 0xffffffff), fc.nat(0xffffffff));

describe.skipIf(skipped && process.env.WAXDP_REQUIRE_TOOLS !== "1")("csum_diff", () => {
  test("is the kernel's", () => {
    const cases = fc.sample(fc.tuple(bytes, bytes, seed), { numRuns: 300, seed: 1 });
    const results = ask(cases)?.map((sum) => fold(sum >>> 0));
    const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
    const own = cases.map(([from, to, seed]) => difference(bytesOf(from), bytesOf(to), seed));
    expect(own).toEqual(results);
  });
});
