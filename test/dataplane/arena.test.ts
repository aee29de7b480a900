import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createArena } from "../../src/dataplane/arena.ts";

const BASE = 1024;

function create(capacity: number) {
  const memory = new WebAssembly.Memory({ initial: 1 });
  return { bytes: new Uint8Array(memory.buffer), arena: createArena(memory, BASE, capacity) };
}

describe("arena", () => {
  it("takes the first room that is large enough", () => {
    const { arena } = create(256);
    const [first] = [arena.take(64), arena.take(64), arena.take(64)];
    arena.release(first as number);
    expect(arena.take(32)).toBe(first);
  });

  it("rounds sizes up to 8, and gives even nothing an address of its own", () => {
    const { arena } = create(64);
    expect([arena.take(0), arena.take(1), arena.take(9)]).toEqual([BASE, BASE + 8, BASE + 16]);
    expect(arena.used).toBe(32);
  });

  it("gives zeroed room, whatever stood there", () => {
    const { arena, bytes } = create(64);
    bytes.fill(0xa5);
    const address = arena.take(24) as number;
    expect([...bytes.subarray(address, address + 24)]).toEqual(Array(24).fill(0));
    expect(bytes[address + 24]).toBe(0xa5);
  });

  it("aligns, and keeps what is in front of an aligned address", () => {
    const { arena } = create(256);
    arena.take(8);
    expect(arena.take(64, 64)).toBe(BASE + 64);
    expect(arena.take(56)).toBe(BASE + 8);
  });

  it("begins and ends at multiples of 8 when its stretch does not", () => {
    const arena = createArena(new WebAssembly.Memory({ initial: 1 }), 13, 30);
    expect([arena.take(24), arena.take(8)]).toEqual([16, undefined]);
  });

  it.each([
    ["more than there is", 72],
    ["less than nothing", -8],
    ["half a byte", 0.5],
    ["no number", Number.NaN],
    ["without end", Number.POSITIVE_INFINITY],
    ["more than a memory can be", 2 ** 40],
  ])("has no room for %s, and is as it was", (_, size) => {
    const { arena } = create(64);
    expect(arena.take(size)).toBeUndefined();
    expect(arena.used).toBe(0);
    expect(arena.take(64)).toBe(BASE);
  });

  it("of no capacity has no room", () => {
    expect(create(0).arena.take(8)).toBeUndefined();
  });

  it("refuses to take back what it did not give", () => {
    const { arena } = create(64);
    const address = arena.take(8) as number;
    expect(() => arena.release(address + 8)).toThrow(RangeError);
    arena.release(address);
    expect(() => arena.release(address)).toThrow(RangeError);
  });

  it("never gives a byte twice, and is whole again when all has been released", () => {
    const taking = fc.record({ size: fc.integer({ min: 0, max: 300 }), shift: fc.nat(4) });
    const step = fc.oneof(taking, fc.record({ release: fc.nat(20) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { arena } = create(2048);
        const held = new Map<number, number>();
        for (const each of steps) {
          if ("release" in each) release(arena, held, each.release);
          else take(arena, held, each.size, 8 << each.shift);
        }
        for (const address of held.keys()) arena.release(address);
        expect(arena.used).toBe(0);
        expect(arena.take(2048)).toBe(BASE);
      }),
    );
  });
});

type Sizes = Map<number, number>;

function take(arena: ReturnType<typeof createArena>, held: Sizes, size: number, align: number) {
  const address = arena.take(size, align);
  if (address === undefined) return;
  const room = Math.max(8, Math.ceil(size / 8) * 8);
  expect(address % align).toBe(0);
  expect(address).toBeGreaterThanOrEqual(BASE);
  expect(address + room).toBeLessThanOrEqual(BASE + 2048);
  for (const [at, length] of held) {
    expect(address >= at + length || address + room <= at).toBe(true);
  }
  held.set(address, room);
  expect(arena.used).toBe([...held.values()].reduce((sum, each) => sum + each, 0));
}

function release(arena: ReturnType<typeof createArena>, held: Sizes, index: number) {
  const address = [...held.keys()][index];
  if (address === undefined) return;
  arena.release(address);
  held.delete(address);
}
