import { describe, expect, it } from "vitest";
import { DATAGRAM_MAX } from "../../abi/limits.ts";
import type { DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { createDataplane, createModel, parseObjects } from "../../src/index.ts";

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
  {
    name: "no room to follow a datagram",
    options: { capacity: { datagrams: 0 } },
    message: /capacity\.datagrams is 0: it must be an integer from 1 to 1048576/,
  },
  {
    name: "more fragments than can be numbered",
    options: { capacity: { fragments: 65537 } },
    message: /capacity\.fragments is 65537: it must be an integer from 1 to 65536/,
  },
  {
    name: "headroom that is no whole number of cache lines",
    options: { capacity: { headroom: 100 } },
    message: /capacity\.headroom is 100: it must be a multiple of 64 from 64 to 4096/,
  },
  {
    name: "less headroom than a reject takes",
    options: { capacity: { headroom: 0 } },
    message: /capacity\.headroom is 0: it must be a multiple of 64 from 64 to 4096/,
  },
  {
    name: "an arena below 0",
    options: { capacity: { arena: -1 } },
    message: /capacity\.arena is -1: it must be an integer from 0 to 2147483648/,
  },
  {
    name: "more CPUs than there are numbers for",
    options: { capacity: { cpus: 65 } },
    message: /capacity\.cpus is 65: it must be an integer from 1 to 64/,
  },
  {
    name: "ports that are drawn perhaps",
    options: { randomFully: 1 },
    message: /randomFully is 1: it must be true or false/,
  },
  { name: "no settings at all", options: { sysctls: null }, message: /sysctls is null/ },
  { name: "settings in a list", options: { sysctls: ["a=1"] }, message: /sysctls is an array/ },
  { name: "settings in a text", options: { sysctls: "a=1" }, message: /sysctls is "a=1"/ },
  {
    name: "a setting that is an object",
    options: { sysctls: { nf_conntrack_checksum: { value: 1 } } },
    message: /sysctls\.nf_conntrack_checksum is an object: it must be a number or a string/,
  },
  {
    name: "a setting that is not a number",
    options: { sysctls: { ipfrag_time: Number.NaN } },
    message: /sysctls\.ipfrag_time is NaN/,
  },
  {
    name: "a setting that the kernel does not have",
    options: { sysctls: { nf_conntrack_max_speed: 1 } },
    message: /nf_conntrack_max_speed/,
  },
  {
    name: "a setting named like something every object has",
    options: { sysctls: { constructor: 1 } },
    message: /constructor/,
  },
  {
    name: "a time below 0",
    options: { sysctls: { ipfrag_time: -1 } },
    message: /ipfrag_time/,
  },
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

  it.each([
    { given: { mark: -1 }, message: /mark is -1: it must be an integer from 0 to 4294967295/ },
    { given: { mark: 0.5 }, message: /mark is 0\.5/ },
    { given: { priority: 2 ** 32 }, message: /priority is 4294967296/ },
    { given: { cpu: 2 }, message: /cpu is 2: it must be an integer below capacity\.cpus, 2/ },
    { given: { cpu: -1 }, message: /cpu is -1/ },
  ])("refuse a frame with $given", async ({ given, message }) => {
    const { process, batch } = await create({ capacity: { cpus: 2 } });
    expect(() => process(new Uint8Array(60), { now: 0, ...given })).toThrow(message);
    expect(() => {
      batch.push(new Uint8Array(60), given);
      batch.process(0, given);
    }).toThrow(message);
    expect(process(new Uint8Array(60), { now: 0, mark: 2 ** 32 - 1, cpu: 1 }).verdict).toBe("PASS");
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

  it.each([
    { options: null, message: /the options of apply are null: they must be an object/ },
    { options: true, message: /the options of apply are true/ },
    { options: { keepStaleFlows: 1 }, message: /keepStaleFlows is 1: it must be true or false/ },
    { options: { keepFlows: true }, message: /keepFlows is not known: the only option of apply/ },
  ])("refuse to apply with $options, and change nothing", async ({ options, message }) => {
    const { apply, maps } = await create();
    expect(() => apply(parseObjects([]), options as never)).toThrow(message);
    expect(maps.config.length).toBe(0);
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
    const held = { fragments: 2 ** 16, frame: 2 ** 16 };
    await expect(createDataplane({ capacity: held })).rejects.toThrow(/need more than 4 GiB/);
  });

  it("takes memory for what it is to hold", async () => {
    const sizeOf = async (capacity: DataplaneOptions["capacity"]) =>
      (await createDataplane({ capacity })).batch.memory.buffer.byteLength;
    const small = await sizeOf({ datagrams: 1, fragments: 1 });
    const more = (await sizeOf({ datagrams: 4096, fragments: 1024 })) - small;
    expect(more).toBeGreaterThanOrEqual(4096 * (DATAGRAM_MAX / 8 / 8) + 1023 * 1984);
    expect(more).toBeLessThan(4096 * 1400 + 1024 * 2300);
  });

  it("refuses a module that is not its own", async () => {
    const empty = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    await expect(createDataplane({ module: empty })).rejects.toThrow(/lacks ABI_VERSION/);
    await expect(createDataplane({ module: {} as never })).rejects.toThrow(/no WebAssembly.Module/);
  });
});
