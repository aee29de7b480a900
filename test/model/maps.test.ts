import { describe, expect, test } from "vitest";
import { LINK_SLOT_ETHERNET } from "../../abi/layout.ts";
import type { Transaction } from "../../src/dataplane/transaction.ts";
import { fragments, packet } from "../../src/packet/build.ts";
import { connections, ENDPOINT, SYN, VIP, web } from "./scene.ts";
import {
  backend,
  CAPACITY,
  CONFIG,
  type Content,
  createWorld,
  INTERFACE,
  REJECT,
  routes,
  service,
  transaction,
  UNMARKED,
} from "./world.ts";

const VIP_KEY = { family: "ipv4", address: VIP, port: 80, proto: "tcp" } as const;
const RANGE = { first: "10.0.0.0", last: "10.0.0.1" };

function many<Value>(length: number, value: (index: number) => Value): Value[] {
  return Array.from({ length }, (_, index) => value(index));
}

describe("a transaction", () => {
  const vips = (length: number, sourceRanges: (typeof RANGE)[] | null = null) =>
    many(length, (port) => [{ ...VIP_KEY, port }, service({ sourceRanges })] as const);
  const ring = (slots: number) => ({ scheduler: "random", slots: many(slots, () => 1) }) as const;

  const fitting: readonly [string, Content][] = [
    ["frontends", { services: vips(16) }],
    ["services", { services: [[VIP_KEY, service({ service: 16 })]] }],
    ["backends", { backends: [[16, backend(ENDPOINT, "tcp")]] }],
    ["backends", { endpoints: many(16, (port) => [{ ...VIP_KEY, port }, { backend: 1 }]) }],
    ["services", { rings: [[{ service: 16, ring: "local" }, ring(1)]] }],
    [
      "slots",
      {
        rings: [
          [{ service: 1, ring: "cluster" }, ring(32)],
          [{ service: 1, ring: "local" }, ring(32)],
        ],
      },
    ],
    ["ranges", { services: vips(8, [RANGE]) }],
    [
      "ranges",
      {
        config: [
          [
            "config",
            {
              ...CONFIG,
              podRanges: { ipv4: many(4, () => RANGE), ipv6: many(4, () => RANGE) },
            },
          ],
        ],
      },
    ],
    [
      "addresses",
      {
        addresses: many(4, (i) => [
          { family: "ipv4", address: `10.0.0.${i}` },
          { nodePorts: true },
        ]),
      },
    ],
    ["interfaces", { interfaces: [[3, INTERFACE]] }],
  ];
  const withoutRanges = { ...CONFIG, podRanges: { ipv4: [], ipv6: [] } };
  const EMPTY: Content = { config: [["config", withoutRanges]] };

  test.each(fitting)("may use all of capacity.%s", (_, content) => {
    expect(() => createWorld({ ...EMPTY, ...content })).not.toThrow();
  });

  test.each(fitting)(
    "may not use more than capacity.%s, and then changes nothing",
    (name, content) => {
      const capacity = { [name]: CAPACITY[name as keyof typeof CAPACITY] - 1 };
      const world = createWorld(EMPTY, capacity);
      const more = { addresses: [], ...content, config: content.config ?? EMPTY.config! };
      expect(() => world.engine.commit(transaction(more))).toThrow(
        expect.objectContaining({ code: "capacity", message: expect.stringContaining(name) }),
      );
      for (const map of [
        "services",
        "backends",
        "rings",
        "endpoints",
        "addresses",
        "interfaces",
      ] as const) {
        expect(world.engine.maps[map].length).toBe(0);
      }
    },
  );

  test("is measured by what it leaves, not by what it passes through", () => {
    const world = createWorld({ services: vips(16) });
    const { operations } = transaction({ services: [[{ ...VIP_KEY, port: 99 }, service()]] });
    const first = {
      op: "delete",
      map: "services",
      key: { ...VIP_KEY, port: 0 },
      label: "",
    } as const;
    const both: Transaction = { operations: [...operations, first], warnings: [], empty: false };
    world.engine.commit(both);
    expect(world.engine.maps.services.length).toBe(16);
    expect(world.engine.maps.services.lookup(first.key)).toBeUndefined();
  });

  test("leaves connections alone, also those of a backend it takes out", () => {
    const world = createWorld(web());
    world.send(packet(SYN));
    const { operations } = transaction({
      backends: [[1, backend(ENDPOINT, "tcp", { rings: [] })]],
    });
    const gone = { op: "delete", map: "services", key: VIP_KEY, label: "" } as const;
    world.engine.commit({ operations: [...operations, gone], warnings: [], empty: false });
    expect(world.engine.connections(1)).toBe(1);
    expect(world.send(packet(SYN))).toMatchObject({ conntrack: "established", backend: 1 });
  });
});

describe("maps", () => {
  test("look up, change, delete and list what the control plane wrote", () => {
    const { maps } = createWorld(web()).engine;
    expect(maps.services.lookup(VIP_KEY)).toEqual(service());
    maps.services.update(VIP_KEY, service({ routes: routes(REJECT) }));
    expect(maps.services.lookup({ ...VIP_KEY })?.routes.pod).toEqual(REJECT);
    expect(maps.services.length).toBe(3);
    expect([...maps.backends.entries()].map(([number]) => number)).toEqual([1, 2]);
    expect(maps.services.delete(VIP_KEY)).toBe(true);
    expect(maps.services.delete(VIP_KEY)).toBe(false);
    expect(maps.services.lookup(VIP_KEY)).toBeUndefined();
  });

  test("are what the packets see", () => {
    const world = createWorld(web());
    world.engine.maps.services.update(VIP_KEY, service({ routes: routes(REJECT) }));
    expect(world.send(packet(SYN)).verdict).toBe("TX");
    world.engine.maps.services.delete(VIP_KEY);
    expect(world.send(packet(SYN)).action).toBe("pass");
  });

  test("hold no more than they have room for", () => {
    const { maps } = createWorld(web()).engine;
    expect(() => maps.backends.update(17, backend(ENDPOINT, "tcp"))).toThrow(
      expect.objectContaining({ code: "capacity" }),
    );
    expect(maps.backends.length).toBe(2);
    const entry = { backends: [{ backend: 1, used: 0 }], timeout: 1 };
    for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.2"]) {
      maps.affinity.update({ service: 1, address }, entry);
    }
    expect(() => maps.affinity.update({ service: 1, address: "10.0.0.3" }, entry)).toThrow(
      expect.objectContaining({ code: "capacity" }),
    );
  });

  test("conntrack lists each connection once, by the tuple that opened it", () => {
    const world = createWorld(web());
    const { conntrack } = world.engine.maps;
    world.send(packet(SYN), { now: 3 });
    const orig = { saddr: SYN.saddr, sport: 40000, daddr: VIP, dport: 80, proto: "tcp" };
    const connection = {
      reply: { saddr: ENDPOINT, sport: 8080, daddr: SYN.saddr, dport: 40000, proto: "tcp" },
      state: "SYN_SENT",
      timer: "SYN_SENT",
      backend: 1,
      masquerade: false,
      seenReply: false,
      assured: false,
      created: 3,
      lastSeen: 3,
    };
    expect([...conntrack.entries()]).toEqual([[orig, connection]]);
    expect(conntrack.lookup(orig)).toEqual(connection);
    expect(conntrack.lookup(conntrack.lookup(orig)!.reply)).toBeUndefined();
    expect(conntrack.length).toBe(1);
  });

  test("conntrack entries can be deleted, which closes them, but not written", () => {
    const world = createWorld(web());
    const { conntrack } = world.engine.maps;
    world.send(packet(SYN));
    const [orig, connection] = connections(world)[0]!;
    expect(() => conntrack.update(orig, connection)).toThrow(
      expect.objectContaining({ code: "read-only-map" }),
    );
    expect(conntrack.delete(connection.reply)).toBe(false);
    expect(conntrack.delete(orig)).toBe(true);
    expect(conntrack.delete(orig)).toBe(false);
    expect(world.engine.counters().connections).toMatchObject({ closed: 1, ipv4: 0 });
    expect(world.engine.connections(1)).toBe(0);
  });

  test("flush forgets connections and clients", () => {
    const world = createWorld(web("tcp", { affinity: 1000 }));
    world.send(packet(SYN));
    world.engine.flush();
    expect(connections(world)).toEqual([]);
    expect(world.engine.maps.affinity.length).toBe(0);
    expect(world.engine.counters().connections.closed).toBe(1);
  });
});

test("counters count each packet once in every row", () => {
  const world = createWorld(web());
  const frames = [SYN, { ...SYN, daddr: "10.244.9.9" }, { ...SYN, flags: "SF" }].map(packet);
  for (const frame of frames) world.send(frame);
  expect(world.engine.counters()).toMatchObject({
    packets: 3,
    bytes: 3 * 54,
    verdicts: { ABORTED: 0, DROP: 1, PASS: 2, TX: 0, REDIRECT: 0 },
    actions: { pass: 1, dnat: 1, reply: 0, related: 0, reject: 0, drop: 1, hold: 0 },
    conntrack: { none: 1, new: 1, established: 0, reply: 0, related: 0, invalid: 1 },
    connections: { created: 1, expired: 0, closed: 0, evicted: 0, ipv4: 1, ipv6: 0 },
  });
  expect(world.engine.counters().reasons).toMatchObject({ invalid: 1, truncated: 0 });
  expect(world.engine.counters().reasons).not.toHaveProperty("null");
});

describe("batch", () => {
  const input = { ...UNMARKED, interface: 0, local: false, link: LINK_SLOT_ETHERNET };

  test("does what one packet at a time does", () => {
    const frames = [SYN, { ...SYN, sport: 1 }, { ...SYN, daddr: "10.244.9.9" }].map(packet);
    const [single, batched] = [createWorld(web()), createWorld(web())];
    const { batch } = batched.engine;
    for (const frame of frames) {
      batch.memory.set(frame, batch.frameAt(batch.length));
      batch.commit(frame.length, { ...input, wireLength: frame.length });
    }
    batch.process(0);
    expect(batch.length).toBe(3);
    frames.forEach((frame, index) => {
      const { packet: out, ...rest } = single.send(frame);
      expect(batch.packet(index)).toEqual(out);
      expect(batch.outcome(index)).toMatchObject({ backend: rest.backend, service: rest.service });
    });
    expect(batched.engine.counters()).toEqual(single.engine.counters());
    batch.clear();
    expect(batch.length).toBe(0);
  });

  test("a reject of the largest frame grows into the headroom", () => {
    const world = createWorld(web("tcp", { routes: routes(REJECT) }), { frame: 60 });
    const { batch } = world.engine;
    const frame = packet({ ...SYN, payload: "sixty." });
    for (let index = 0; index < 2; index++) {
      batch.memory.set(frame, batch.frameAt(index));
      batch.commit(frame.length, { ...input, wireLength: frame.length });
    }
    batch.process(0);
    const expected = world.send(frame).packet;
    expect(expected.length).toBe(88);
    expect([batch.packet(0), batch.packet(1)]).toEqual([expected, expected]);
  });

  test("names the packet that has let a held fragment go, until the next call", () => {
    const { batch } = createWorld(web("udp")).engine;
    const ask = { ...SYN, proto: "udp" as const, payload: new Uint8Array(40), id: 3 };
    const [first, ...later] = fragments(ask, 24);
    const frames = [packet({ ...SYN, sport: 1 }), ...later, first!];
    for (const frame of frames) {
      batch.memory.set(frame, batch.frameAt(batch.length));
      batch.commit(frame.length, { ...input, wireLength: frame.length });
    }
    batch.process(0);
    const [, ...expected] = fragments({ ...ask, daddr: ENDPOINT, dport: 8080 }, 24);
    // The checksum of the whole datagram stands in the first one, so the others match byte for byte.
    expect(batch.released()).toMatchObject(expected.map((frame) => ({ by: 2, packet: frame })));
    batch.process(0);
    expect(batch.released()).toEqual([]);
  });
});
