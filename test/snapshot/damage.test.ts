/** What is no whole snapshot of this version is refused, and leaves everything as it was. */
import { Packr, Unpackr } from "msgpackr";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { open, SNAPSHOT_VERSION, sealBody } from "../../src/dataplane/snapshot/envelope.ts";
import { createModel, DataplaneError, dump, readSnapshot } from "../../src/index.ts";
import { createChecked } from "../conformance/dataplanes.ts";
import { createDice, type Dice } from "../fuzz/dice.ts";
import { EPOCH, live, OPTIONS, ROOM } from "./run.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false });

let bytes: Uint8Array;
let dataplanes: Dataplane[];
let before: Uint8Array[];

beforeAll(async () => {
  const source = await createModel(OPTIONS);
  live(source);
  bytes = source.snapshot();
  dataplanes = [await createChecked(OPTIONS), await createModel(OPTIONS)];
  for (const dataplane of dataplanes) live(dataplane, EPOCH + 5);
  before = dataplanes.map((dataplane) => dataplane.snapshot());
});

afterEach(() => {
  dataplanes.forEach((dataplane, index) => {
    expect(Buffer.compare(dataplane.snapshot(), before[index]!)).toBe(0);
  });
});

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DataplaneError) return error.code;
    throw error;
  }
  return "none";
}

function restore(given: Uint8Array): string[] {
  return dataplanes.map((dataplane) => codeOf(() => dataplane.restore(given)));
}

const REFUSED = ["bad-snapshot", "bad-snapshot"];

describe("a snapshot", () => {
  test("with any byte changed is refused", () => {
    const accepted: number[] = [];
    for (let at = 0; at < bytes.length; at++) {
      for (const change of [1 << (at % 8), 255]) {
        const changed = bytes.slice();
        changed[at]! ^= change;
        if (codeOf(() => readSnapshot(changed)) !== "bad-snapshot") accepted.push(at);
      }
    }
    expect(accepted).toEqual([]);
  });

  test("with any byte of its beginning turned into any other is refused", () => {
    const accepted: number[] = [];
    for (let at = 0; at < 64; at++) {
      for (let change = 1; change < 256; change++) {
        const changed = bytes.slice();
        changed[at]! ^= change;
        if (codeOf(() => readSnapshot(changed)) !== "bad-snapshot") accepted.push(at);
      }
    }
    expect(accepted).toEqual([]);
  });

  test("cut anywhere is refused", () => {
    for (let length = 0; length < bytes.length; length++)
      expect(codeOf(() => readSnapshot(bytes.subarray(0, length)))).toBe("bad-snapshot");
  });

  test("is refused by restore as by readSnapshot", () => {
    const changed = bytes.slice();
    changed[bytes.length >>> 1]! ^= 1;
    expect(restore(changed)).toEqual(REFUSED);
    expect(restore(bytes.subarray(0, bytes.length - 1))).toEqual(REFUSED);
  });

  test("with something behind it is refused", () => {
    expect(restore(Uint8Array.of(...bytes, 0))).toEqual(REFUSED);
    expect(restore(Uint8Array.of(...bytes, ...bytes))).toEqual(REFUSED);
  });

  test.each([
    ["nothing", () => new Uint8Array()],
    ["a dump", () => dump(dataplanes[0]!)],
    ["text", () => new TextEncoder().encode("waxdp-snapshot")],
    ["zeros", () => new Uint8Array(4096)],
    ["MessagePack of something else", () => packr.pack({ format: "something", version: 1 })],
    ["an ArrayBuffer", () => bytes.buffer as unknown as Uint8Array],
    ["an array", () => [...bytes] as unknown as Uint8Array],
    ["undefined", () => undefined as unknown as Uint8Array],
  ])("is not %s", (_, make) => {
    expect(restore(make())).toEqual(REFUSED);
  });

  test("of another version is refused by its number", () => {
    const at = bytes.indexOf(SNAPSHOT_VERSION, 8);
    const other = bytes.slice();
    other[at] = 2;
    expect(() => readSnapshot(other)).toThrow("the snapshot has version 2, this waxdp reads 1");
  });

  test("of another ABI is refused by its number", () => {
    const body = open(bytes) as Record<string, unknown>;
    const other = sealBody(packr.pack({ ...body, abi: 3 }));
    expect(() => readSnapshot(other)).toThrow(/the snapshot is of ABI 3, this waxdp has ABI/);
    expect(restore(other)).toEqual(REFUSED);
  });
});

describe("lengths that are not there", () => {
  const NESTED = Uint8Array.from({ length: 4000 }, () => 0x91);
  test.each([
    ["an array of 4 G", Uint8Array.of(0xdd, 255, 255, 255, 255)],
    ["a map of 4 G", Uint8Array.of(0xdf, 255, 255, 255, 255)],
    ["bytes of 4 GiB", Uint8Array.of(0xc6, 255, 255, 255, 255)],
    ["text of 4 GiB", Uint8Array.of(0xdb, 255, 255, 255, 255)],
    ["arrays in arrays in arrays", NESTED],
    [
      "arrays that claim all the rest",
      Uint8Array.from({ length: 999 }, (_, i) => [0xdc, 3, 200][i % 3]!),
    ],
    ["an extension", Uint8Array.of(0xd4, 0x01, 0x00)],
    ["what was never used", Uint8Array.of(0xc1)],
    ["nothing", new Uint8Array()],
  ])("%s", (_, body) => {
    expect(restore(sealBody(body))).toEqual(REFUSED);
  });

  test("tables and rows that claim more than there is", () => {
    const body = open(bytes) as { state: { connections: { ipv4: { rows: number } } } };
    for (const rows of [0, 1, 2 ** 31, 2 ** 40, -1, 0.5, Number.NaN]) {
      const copy = structuredClone(body);
      copy.state.connections.ipv4.rows = rows;
      expect(restore(sealBody(packr.pack(copy)))).toEqual(REFUSED);
    }
  });
});

test.each(
  Object.keys(ROOM).filter(
    (name) => !["batch", "frame", "datagrams", "fragments", "arena"].includes(name),
  ),
)("what there is no room for is refused: %s", async (name) => {
  const tight = { ...OPTIONS, capacity: { ...ROOM, [name]: 1 } };
  for (const create of [createChecked, createModel]) {
    const dataplane = await create(tight);
    const empty = dataplane.snapshot();
    expect(() => dataplane.restore(bytes)).toThrow(
      expect.objectContaining({
        code: "capacity",
        message: expect.stringMatching(new RegExp(`the snapshot needs \\d+ ${name}, .* holds 1`)),
      }),
    );
    expect(Buffer.compare(dataplane.snapshot(), empty)).toBe(0);
  }
});

/** Whatever is told with a right checksum is refused, or can be gone on with. */
describe("snapshots that lie", () => {
  const HOSTILE = [
    null,
    true,
    -1,
    0,
    1,
    7,
    255,
    65536,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    1e300,
    0.5,
    Number.NaN,
    "",
    "tcp",
    "10.0.0.1",
    "cluster",
    [],
    [1],
    {},
    new Uint8Array(),
    Uint8Array.of(1, 2, 3, 4),
  ];

  test("1,000 times", async () => {
    const victims = [await createChecked(OPTIONS), await createModel(OPTIONS)];
    const met = new Map<string, number>();
    for (let seed = 0; seed < 1000; seed++) {
      const dice = createDice(seed);
      const body = unpackr.unpack(packr.pack(open(bytes)));
      for (let times = 1 + dice.below(2); times > 0; times--) lie(body, dice);
      const lying = sealBody(packr.pack(body));
      for (const victim of victims) {
        const code = codeOf(() => victim.restore(lying));
        met.set(code, (met.get(code) ?? 0) + 1);
        if (code === "none") live(victim, EPOCH + 1000);
      }
    }
    expect([...met.keys()].sort()).toEqual(["bad-snapshot", "capacity", "none"]);
    for (const times of met.values()) expect(times).toBeGreaterThan(3);
  }, 120_000);

  /** One thing somewhere becomes another. */
  function lie(body: object, dice: Dice): void {
    let [owner, key]: [Record<string, unknown>, string] = [{ body }, "body"];
    for (;;) {
      const value = owner[key];
      if (value instanceof Uint8Array && value.length > 0) {
        value[dice.below(value.length)] = dice.below(256);
        return;
      }
      const isBranch = typeof value === "object" && value !== null && Object.keys(value).length > 0;
      if (!isBranch || dice.once(12)) break;
      owner = value as Record<string, unknown>;
      key = dice.oneOf(Object.keys(owner));
    }
    if (dice.once(4)) delete owner[key];
    else owner[key] = dice.oneOf(HOSTILE);
  }
});
