import { describe, expect, test } from "vitest";
import type { RingName } from "../../src/dataplane/entries.ts";
import { initial, xorshift32 } from "../../src/model/random.ts";
import { murmur3 } from "../../src/murmur3.ts";
import { packet } from "../../src/packet/build.ts";
import { NEW, SYN, SYN6, VIP, VIP6, web } from "./scene.ts";
import { backend, type Content, createWorld, DNAT, routes, service, transaction } from "./world.ts";

const NUMBERS = [3, 5, 7, 9, 11];
const SEED = 7;

/** Service port 1 with five endpoints. */
function pool(scheduler: "random" | "maglev", affinity = 0): Content {
  const value = service({ affinity, routes: routes(DNAT) });
  const vip = { family: "ipv4", address: VIP, port: 80, proto: "tcp" } as const;
  return {
    services: [
      [vip, value],
      [{ ...vip, family: "ipv6", address: VIP6 }, value],
    ],
    backends: NUMBERS.map((number) => [number, backend(`10.244.2.${number}`, "tcp")]),
    rings: [
      [
        { service: 1, ring: "cluster" },
        { scheduler, slots: NUMBERS },
      ],
    ],
  };
}

describe("random", () => {
  test("each new connection draws once, by the seed", () => {
    const world = createWorld(pool("random"));
    let state = initial(SEED);
    for (let sport = 1; sport <= 100; sport++) {
      state = xorshift32(state);
      const { backend } = world.send(packet({ ...SYN, sport }));
      expect(backend).toBe(NUMBERS[Math.floor((state / 2 ** 32) * NUMBERS.length)]);
    }
  });

  test("a connection keeps its backend without drawing", () => {
    const world = createWorld(pool("random"));
    const first = world.send(packet(SYN)).backend;
    for (let i = 0; i < 20; i++) expect(world.send(packet(SYN)).backend).toBe(first);
  });
});

describe("maglev", () => {
  test("hashes source, destination port and protocol", () => {
    const world = createWorld(pool("maglev"));
    const bytes = Uint8Array.of(10, 244, 1, 5, 0x9c, 0x40, 0, 80, 6);
    const expected = NUMBERS[murmur3(bytes, SEED) % NUMBERS.length];
    expect(world.send(packet(SYN))).toMatchObject({ ...NEW, backend: expected });
  });

  test("takes all of an IPv6 address", () => {
    const world = createWorld(pool("maglev"));
    const saddr = [0x20, 1, 0xd, 0xb8, 0, 0xf, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    const bytes = Uint8Array.of(...saddr, 0x9c, 0x40, 0, 80, 6);
    const endpoints = NUMBERS.map((number) => [number, backend(`fd00::${number}`, "tcp")] as const);
    world.engine.commit(transaction({ backends: endpoints }));
    const expected = NUMBERS[murmur3(bytes, SEED) % NUMBERS.length];
    expect(world.send(packet(SYN6)).backend).toBe(expected);
  });

  test("leaves out the source port of a client with affinity", () => {
    const world = createWorld(pool("maglev", 1000));
    const bytes = Uint8Array.of(10, 244, 1, 5, 0, 80, 6);
    const expected = NUMBERS[murmur3(bytes, SEED) % NUMBERS.length];
    for (const sport of [1, 2]) {
      world.engine.maps.affinity.delete({ service: 1, address: SYN.saddr });
      expect(world.send(packet({ ...SYN, sport })).backend).toBe(expected);
    }
  });
});

describe("affinity", () => {
  const key = { service: 1, address: SYN.saddr };
  let sport = 0;
  const dial = (world: ReturnType<typeof createWorld>, now = 0, saddr = SYN.saddr) =>
    world.send(packet({ ...SYN, saddr, sport: ++sport }), { now }).backend;

  test("a client stays while it comes back in time, counted from its last new connection", () => {
    const world = createWorld(pool("random", 10_000));
    const first = dial(world);
    for (const now of [10_000, 20_000, 30_000]) expect(dial(world, now)).toBe(first);
    expect(world.engine.maps.affinity.lookup(key)).toEqual({
      backends: [{ backend: first, used: 30_000 }],
      timeout: 10_000,
    });
  });

  test("who is remembered draws no number", () => {
    const [kept, fresh] = [
      createWorld(pool("random", 10_000)),
      createWorld(pool("random", 10_000)),
    ];
    dial(kept);
    dial(kept);
    dial(fresh);
    expect(dial(kept, 0, "10.244.1.6")).toBe(dial(fresh, 0, "10.244.1.6"));
  });

  test("a later one draws again", () => {
    const world = createWorld(pool("random", 500));
    const seen = new Set(Array.from({ length: 40 }, (_, index) => dial(world, index * 501)));
    expect(seen.size).toBeGreaterThan(1);
  });

  test("a sweep forgets those who stay away", () => {
    const world = createWorld(pool("random", 10_000));
    dial(world);
    const other = packet({ ...SYN, daddr: "10.244.9.9" });
    world.send(other, { now: 10_000 });
    expect(world.engine.maps.affinity.length).toBe(1);
    world.send(other, { now: 11_000 });
    expect(world.engine.maps.affinity.length).toBe(0);
  });

  test.each([
    ["is in no ring any more", { rings: [] }],
    ["belongs to another service now", { service: 2 }],
  ] as const)("nobody goes to a backend that %s", (_, change) => {
    const world = createWorld(pool("random", 10_000));
    const first = dial(world);
    const rest = NUMBERS.filter((number) => number !== first);
    world.engine.commit(
      transaction({
        backends: [[first, backend(`10.244.2.${first}`, "tcp", change)]],
        rings: [
          [
            { service: 1, ring: "cluster" },
            { scheduler: "random", slots: rest },
          ],
        ],
      }),
    );
    expect(rest).toContain(dial(world));
  });

  test("when the map is full, those in it keep their place and others get none", () => {
    const world = createWorld(pool("random", 10_000), { affinity: 1 });
    const first = dial(world);
    const strangers = new Set(Array.from({ length: 40 }, () => dial(world, 0, "10.244.1.6")));
    expect(strangers.size).toBeGreaterThan(1);
    expect(dial(world, 5)).toBe(first);
    expect([...world.engine.maps.affinity.entries()]).toEqual([
      [key, { backends: [{ backend: first!, used: 5 }], timeout: 10_000 }],
    ]);
  });

  test("a connection that was not let in leaves no memory", () => {
    const world = createWorld(pool("random", 10_000), { connections: 1 });
    const saddr = `10.244.2.${dial(world)}`;
    const reply = { saddr, sport: 8080, daddr: SYN.saddr, dport: sport, flags: "SA" };
    for (const spec of [reply, { ...SYN, sport, flags: "A" }]) world.send(packet(spec));
    dial(world, 0, "10.244.1.6");
    expect([...world.engine.maps.affinity.entries()].map(([{ address }]) => address)).toEqual([
      SYN.saddr,
    ]);
  });

  describe("by two backends", () => {
    const [first, second, third] = [NUMBERS[1]!, NUMBERS[0]!, NUMBERS[2]!];
    const slots = (world: ReturnType<typeof createWorld>, ...numbers: number[]) =>
      world.engine.maps.rings.update(
        { service: 1, ring: "cluster" },
        { scheduler: "random", slots: numbers },
      );
    const remembered = (world: ReturnType<typeof createWorld>) =>
      world.engine.maps.affinity.lookup(key)?.backends;
    const member = (number: number, rings: readonly RingName[] = ["cluster"]) =>
      backend(`10.244.2.${number}`, "tcp", { rings });

    /** A client that was with `first`, and then with `second`, as the first was in another ring. */
    function twice() {
      const world = createWorld(pool("random", 10_000));
      const { backends } = world.engine.maps;
      slots(world, first);
      dial(world, 0);
      backends.update(first, member(first, ["local"]));
      slots(world, second);
      dial(world, 5);
      backends.update(first, member(first));
      slots(world, ...NUMBERS);
      return world;
    }

    test("a client goes to the one that comes first in the ring", () => {
      const world = twice();
      expect(dial(world, 6)).toBe(second);
      slots(world, first, second);
      expect(dial(world, 7)).toBe(first);
      expect(remembered(world)).toEqual([
        { backend: first, used: 7 },
        { backend: second, used: 6 },
      ]);
    });

    test("or to the one that is left", () => {
      const world = twice();
      world.engine.maps.backends.update(second, member(second, []));
      expect(dial(world, 6)).toBe(first);
      expect(dial(world, 10_000)).toBe(first);
    });

    test("a third takes the place of one that is gone, else of the one used longer ago", () => {
      for (const gone of [first, second]) {
        const world = twice();
        const { backends, affinity } = world.engine.maps;
        backends.update(gone, member(gone, []));
        const kept = gone === first ? second : first;
        backends.update(kept, member(kept, ["local"]));
        slots(world, third);
        expect(dial(world, 6)).toBe(third);
        expect(affinity.lookup(key)?.backends.map(({ backend }) => backend)).toEqual(
          gone === first ? [third, second] : [first, third],
        );
      }
    });

    test("those that are retired are forgotten, and UDP connections to them end", () => {
      const world = twice();
      expect(world.engine.retire({ udp: [first], clients: [first] })).toBe(0);
      expect(remembered(world)).toEqual([{ backend: second, used: 5 }]);
      world.engine.retire({ udp: [], clients: [second] });
      expect(remembered(world)).toBeUndefined();
    });
  });
});

test("retired backends lose their UDP connections, and no others", () => {
  const world = createWorld(web("udp"));
  world.send(packet({ ...SYN, proto: "udp" }));
  expect(world.engine.retire({ udp: [2], clients: [1] })).toBe(0);
  expect(world.engine.retire({ udp: [1], clients: [] })).toBe(1);
  expect(world.engine.counters().connections).toMatchObject({ closed: 1, ipv4: 0 });
});
