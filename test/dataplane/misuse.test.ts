/** What no type checker stops: every wrong call is told what is wrong, and none reads what is not there. */
import { describe, expect, test } from "vitest";
import {
  createDataplane,
  createModel,
  type Dataplane,
  explain,
  parseManifests,
  parseObjects,
} from "../../src/index.ts";
import { packet } from "../../src/testing.ts";

const FRAME = packet({ saddr: "10.0.0.1", sport: 4000, daddr: "10.0.0.2", dport: 80, flags: "S" });

const engines = describe.each([
  { engine: "wasm", create: createDataplane },
  { engine: "model", create: createModel },
]);

const badOption = (message: string) => expect.objectContaining({ code: "bad-option", message });

engines("$engine", ({ create }) => {
  const fresh = () => create({ capacity: { batch: 4, frame: 128 } });

  test.each([
    { options: { scheduler: "rr" }, message: 'scheduler is "rr": it must be "random" or "maglev"' },
    { options: { node: 5 }, message: "node is 5: it must be the name of a Node" },
    { options: { seed: "1" }, message: 'seed is "1": it must be an integer from 0 to 4294967295' },
    {
      options: { nod: "a" },
      message:
        "nod is not known: an option is one of node, seed, capacity, network, linkType, scheduler, randomFully, sysctls, module",
    },
    { options: null, message: "the options must be an object" },
  ])("options $options are refused", async ({ options, message }) => {
    await expect(create(options as never)).rejects.toThrow(badOption(message));
  });

  test.each<{ name: string; call(dataplane: Dataplane): void; message: string }>([
    {
      name: "a packet without a time",
      call: ({ process }) => process(FRAME, undefined as never),
      message: "now is undefined: it must be a finite number of milliseconds",
    },
    ...[null, 5, "eth0"].flatMap((options) => {
      const message = `are ${JSON.stringify(options)}: they must be an object`;
      const given = options as never;
      return [
        {
          name: `a frame to push with ${options}`,
          call: ({ batch }: Dataplane) => void batch.push(FRAME, given),
          message: `the options of a frame ${message}`,
        },
        {
          name: `a frame to commit with ${options}`,
          call: ({ batch }: Dataplane) => void batch.commit(FRAME.length, given),
          message: `the options of a frame ${message}`,
        },
        {
          name: `a batch to process with ${options}`,
          call: ({ batch }: Dataplane) => batch.process(0, given),
          message: `the options of process ${message}`,
        },
      ];
    }),
    {
      name: "a packet with null for its options",
      call: ({ process }) => process(FRAME, null as never),
      message: "now is undefined: it must be a finite number of milliseconds",
    },
    {
      name: "a frame with a symbol for its link layer",
      call: ({ batch }) => batch.push(FRAME, { linkType: Symbol("ethernet") as never }),
      message:
        "linkType Symbol(ethernet) is none of ethernet, raw, null, loop, linux-sll, linux-sll2, nor a LINKTYPE_ number",
    },
    ...(
      [
        [5, "5"],
        [null, "null"],
        [{}, "an object"],
        [["eth0"], "an array of 1"],
        [Symbol("eth0"), "Symbol(eth0)"],
      ] as const
    ).flatMap(([device, shown]) => {
      const message = `interface is ${shown}: it must be the name of a device`;
      const given = { interface: device as never };
      return [
        {
          name: `a packet that came in on ${shown}`,
          call: ({ process }: Dataplane) => void process(FRAME, { now: 0, ...given }),
          message,
        },
        {
          name: `a frame to push that came in on ${shown}`,
          call: ({ batch }: Dataplane) => void batch.push(FRAME, given),
          message,
        },
        {
          name: `a frame to commit that came in on ${shown}`,
          call: ({ batch }: Dataplane) => void batch.commit(FRAME.length, given),
          message,
        },
      ];
    }),
    {
      name: "objects that are a text",
      call: ({ apply }) => apply("kind: Service" as never),
      message:
        'apply takes what parseManifests, parseObjects or createObjectStore returns, not "kind: Service"',
    },
    {
      name: "a verdict before the batch was processed",
      call({ batch }) {
        batch.push(FRAME);
        batch.verdict(0);
      },
      message: "frame 0 has no verdict yet: call process",
    },
    {
      name: "the verdict that the slot's last frame had",
      call({ batch }) {
        batch.push(FRAME);
        batch.process(0);
        batch.clear();
        batch.push(FRAME);
        batch.verdict(0);
      },
      message: "frame 0 has no verdict yet: call process",
    },
    {
      name: "a slot below 0",
      call: ({ batch }) => batch.frameAt(-1),
      message: "there is no slot -1: the batch has 4",
    },
  ])("$name is refused", async ({ call, message }) => {
    const dataplane = await fresh();
    expect(() => call(dataplane)).toThrow(badOption(message));
  });

  test("an interface that is none gets no number and leaves no frame", async () => {
    const dataplane = await fresh();
    expect(() => dataplane.batch.push(FRAME, { interface: 5 as never })).toThrow();
    expect(() => dataplane.process(FRAME, { now: 0, interface: 5 as never })).toThrow();
    expect(dataplane.batch.length).toBe(0);
    expect(dataplane.maps.interfaces.length).toBe(0);
    expect(dataplane.interface("5")).toBe(1);
  });

  test("writing all over the batch's memory leaves the tables alone", async () => {
    const dataplane = await fresh();
    dataplane.apply(parseObjects([]));
    dataplane.batch.memory.fill(0xff);
    dataplane.batch.push(FRAME);
    dataplane.batch.process(0);
    expect(dataplane.batch.verdict(0)).toBe("PASS");
    expect(dataplane.maps.config.length).toBe(1);
  });

  test("a flow whose port is none is refused by its field", async () => {
    const flow = { saddr: "10.0.0.1", daddr: "10.0.0.2", dport: 70000, proto: "tcp" } as const;
    const dataplane = await fresh();
    expect(() => explain(dataplane, flow)).toThrow(/port is 70000/);
  });
});

test.each([undefined, 5, {}, [5], [{}], ["x"]])("parseManifests(%j) is refused", (input) => {
  expect(() => parseManifests(input as never)).toThrow(
    "parseManifests takes a text, or an array of { file, text }",
  );
});
