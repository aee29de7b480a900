import { describe, expect, test } from "vitest";
import { packet } from "../../src/packet/build.ts";
import { answer, connections, ENDPOINT, SYN, SYN6, web } from "./scene.ts";
import { createWorld, TIMEOUTS, type World } from "./world.ts";

const ASKED = { ...SYN, daddr: ENDPOINT, dport: 8080 };

function dial(world: World, sport: number, now: number) {
  return world.send(packet({ ...SYN, sport }), { now });
}

function establish(world: World, sport: number, now: number) {
  dial(world, sport, now);
  world.send(packet(answer({ ...ASKED, sport }, { flags: "SA", ack: 1 })), { now });
  world.send(packet({ ...SYN, sport, flags: "A", seq: 1, ack: 1 }), { now });
}

function close(world: World, sport: number, now: number) {
  world.send(packet({ ...SYN, sport, flags: "FA", seq: 1, ack: 1 }), { now });
}

/** Source ports of those that are there. */
function ports(world: World): number[] {
  return connections(world).map(([{ sport }]) => sport);
}

function ended(world: World) {
  const { expired, closed, evicted } = world.engine.counters().connections;
  return { expired, closed, evicted };
}

describe("room for a new connection", () => {
  test("is made by the unanswered one that was silent the longest", () => {
    const world = createWorld(web("udp"), { connections: 3 });
    const ask = (sport: number, now: number) =>
      world.send(packet({ ...SYN, proto: "udp", sport }), { now });
    [1, 2, 3, 1, 3].forEach(ask);
    expect(ask(4, 40).reason).toBeNull();
    expect(ports(world)).toEqual([1, 3, 4]);
    expect(ended(world)).toEqual({ expired: 0, closed: 0, evicted: 1 });
    expect(world.engine.connections(1)).toBe(3);
  });

  test("takes all that were silent just as long", () => {
    const world = createWorld(web(), { connections: 3 });
    for (const [sport, now] of [
      [1, 10],
      [2, 10],
      [3, 20],
    ] as const) {
      dial(world, sport, now);
    }
    dial(world, 4, 30);
    expect(ports(world)).toEqual([3, 4]);
  });

  test("is made for a sixty-fourth of the capacity at once", () => {
    const world = createWorld(web(), { connections: 128 });
    for (let sport = 1; sport <= 128; sport++) dial(world, sport, sport);
    dial(world, 1000, 200);
    expect(ended(world).evicted).toBe(2);
    expect(ports(world).slice(0, 2)).toEqual([3, 4]);
  });

  test("is made by expired ones first, whatever they are", () => {
    const world = createWorld(web(), { connections: 2 });
    establish(world, 1, 0);
    close(world, 1, 0);
    const late = TIMEOUTS.FIN_WAIT + 1;
    // A sweep now, so that the next one does not come before the connection is met.
    dial(world, 2, late - 1);
    expect(dial(world, 3, late).reason).toBeNull();
    expect(ports(world)).toEqual([2, 3]);
    expect(ended(world)).toEqual({ expired: 1, closed: 0, evicted: 0 });
  });

  test("is made by those that are closing when all others are established", () => {
    const world = createWorld(web(), { connections: 2 });
    establish(world, 1, 0);
    establish(world, 2, 0);
    close(world, 2, 5);
    expect(dial(world, 3, 9).reason).toBeNull();
    expect(ports(world)).toEqual([1, 3]);
  });

  test("is never made by an established one", () => {
    const world = createWorld(web(), { connections: 2 });
    establish(world, 1, 0);
    establish(world, 2, 0);
    expect(dial(world, 3, 9)).toMatchObject({ verdict: "DROP", reason: "conntrack-full" });
    expect(ports(world)).toEqual([1, 2]);
    for (let sport = 100; sport < 400; sport++) dial(world, sport, sport);
    expect(ports(world)).toEqual([1, 2]);
  });

  test("is each family's own", () => {
    const world = createWorld(web(), { connections: 1, connections6: 1 });
    establish(world, 1, 0);
    expect(world.send(packet(SYN6)).reason).toBeNull();
    expect(world.send(packet({ ...SYN6, sport: 2 })).reason).toBeNull();
    expect(ports(world)).toEqual([1, 2]);
  });
});
