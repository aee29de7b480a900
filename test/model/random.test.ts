import { describe, expect, test } from "vitest";
import { draw, initial, xorshift32 } from "../../src/model/random.ts";
import { fmix32, murmur3 } from "../../src/murmur3.ts";

describe("MurmurHash3_x86_32", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  test.each([
    ["nothing", [], 0, 0],
    ["nothing, with a seed", [], 1, 0x514e28b7],
    ["nothing, with the largest seed", [], 0xffffffff, 0x81f16f39],
    ["one byte", [0x21], 0, 0x72661cf4],
    ["two bytes", [0x21, 0x43], 0, 0xa0f7b07a],
    ["three bytes", [0x21, 0x43, 0x65], 0, 0x7e4a8634],
    ["a word", [0x21, 0x43, 0x65, 0x87], 0, 0xf55b516b],
    ["a word, with a seed", [0x21, 0x43, 0x65, 0x87], 0x5082edee, 0x2362f9de],
    ["a word of ones", [0xff, 0xff, 0xff, 0xff], 0, 0x76293b50],
    ["a word of zeros", [0, 0, 0, 0], 0, 0x2362f9de],
  ])("%s", (_, input, seed, expected) => {
    expect(murmur3(Uint8Array.from(input), seed)).toBe(expected);
  });

  test.each([
    ["Hello, world!", 0x24884cba],
    ["The quick brown fox jumps over the lazy dog", 0x2fa826cd],
  ])("%s", (text, expected) => {
    expect(murmur3(bytes(text), 0x9747b28c)).toBe(expected);
  });

  test("the finaliser keeps zero and mixes all else", () => {
    expect(fmix32(0)).toBe(0);
    expect(fmix32(1)).toBe(0x514e28b7);
  });
});

describe("xorshift32", () => {
  test("the sequence from 1", () => {
    const sequence: number[] = [];
    for (let state = 1; sequence.length < 4; ) {
      state = xorshift32(state);
      sequence.push(state);
    }
    expect(sequence).toEqual([270369, 67634689, 2647435461, 307599695]);
  });

  test("the first number from the state in Marsaglia's paper", () => {
    expect(xorshift32(2463534242)).toBe(723471715);
  });

  test("no seed starts at zero, where it would stay", () => {
    expect(initial(0x9e3779b9)).toBe(0x6d2b79f5);
    expect(initial(0)).toBe(fmix32(0x9e3779b9));
  });

  test("a draw is below its length and takes one number, even of one", () => {
    const source = { random: 1 };
    expect(draw(source, 1)).toBe(0);
    expect(source.random).toBe(270369);
    source.random = 67634689;
    expect(draw(source, 10)).toBe(Math.floor(2647435461 / 429496729.6));
    for (let length = 1; length < 1000; length++) expect(draw(source, length)).toBeLessThan(length);
  });
});
