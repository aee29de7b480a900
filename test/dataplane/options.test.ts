import { describe, expect, it } from "vitest";
import type { DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { createDataplane, createModel } from "../../src/index.ts";

const CREATE = { wasm: createDataplane, model: createModel };

const REFUSED: readonly { name: string; options: unknown; message: RegExp }[] = [
  {
    name: "a capacity below 1",
    options: { capacity: { connections: 0 } },
    message: /capacity\.connections is 0/,
  },
  {
    name: "a fraction as capacity",
    options: { capacity: { batch: 1.5 } },
    message: /capacity\.batch is 1\.5/,
  },
  {
    name: "a capacity nobody knows",
    options: { capacity: { flows: 1 } },
    message: /capacity\.flows is not known/,
  },
  {
    name: "a capacity named like something every object has",
    options: { capacity: { toString: 1 } },
    message: /capacity\.toString is not known/,
  },
  { name: "a negative seed", options: { seed: -1 }, message: /seed is -1/ },
  { name: "a seed beyond 32 bits", options: { seed: 2 ** 32 }, message: /seed is 4294967296/ },
  { name: "an unknown link type", options: { linkType: "wifi" }, message: /linkType "wifi"/ },
];

describe.each(Object.entries(CREATE))("options of the %s dataplane", (_, create) => {
  it.each(REFUSED)("refuse $name", async ({ options, message }) => {
    await expect(create(options as DataplaneOptions)).rejects.toThrow(message);
  });

  it("refuse a frame that is no Uint8Array, and a time that is no number", async () => {
    const dataplane = await create();
    expect(() => dataplane.process([1] as never, { now: 0 })).toThrow(/must be a Uint8Array/);
    expect(() => dataplane.process(new Uint8Array(60), { now: Number.NaN })).toThrow(/now is NaN/);
    expect(() => dataplane.process(new Uint8Array(60), {} as never)).toThrow(/now is undefined/);
  });

  it("refuse a frame larger than 256 KiB", async () => {
    const dataplane = await create();
    expect(() => dataplane.process(new Uint8Array(262145), { now: 0 })).toThrow(/262145 bytes/);
    expect(dataplane.process(new Uint8Array(262144), { now: 0 }).verdict).toBe("PASS");
  });

  it("refuse a frame more than the batch holds, and one larger than its slots", async () => {
    const { batch } = await create({ capacity: { batch: 2, frame: 100 } });
    expect(() => batch.push(new Uint8Array(101))).toThrow(/slot of 100/);
    batch.push(new Uint8Array(100));
    batch.push(new Uint8Array(0));
    expect(() => batch.push(new Uint8Array(1))).toThrow(/holds 2 frames/);
  });

  it("refuse to tell events that were not asked for, and frames that are not there", async () => {
    const { batch } = await create();
    batch.push(new Uint8Array(60));
    batch.process(0);
    expect(() => batch.event(0)).toThrow(/events: true/);
    expect(() => batch.verdict(1)).toThrow(/no frame 1/);
  });
});

describe("the Wasm dataplane", () => {
  it("refuses more memory than 32 bits address", async () => {
    const capacity = { connections: 2 ** 24, connections6: 2 ** 23, slots: 2 ** 28 };
    await expect(createDataplane({ capacity })).rejects.toThrow(/capacities need/);
  });

  it("refuses a module that is not its own", async () => {
    const empty = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    await expect(createDataplane({ module: empty })).rejects.toThrow(/lacks ABI_VERSION/);
    await expect(createDataplane({ module: {} as never })).rejects.toThrow(/no WebAssembly.Module/);
  });
});
