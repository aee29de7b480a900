import { describe, expect, test } from "vitest";
import { packet } from "../../src/packet/build.ts";
import { answer, CLIENT, connections, ENDPOINT, NEW, NODE, SYN, VIP, web } from "./scene.ts";
import { backend, CONFIG, createWorld } from "./world.ts";

describe("source ports", () => {
  test("a hairpin is masqueraded, whatever the route says", () => {
    const world = createWorld(web());
    const ask = { ...SYN, saddr: ENDPOINT };
    const first = world.send(packet(ask));
    expect(first).toMatchObject({ ...NEW, masquerade: true });
    const asked = { ...ask, saddr: NODE, daddr: ENDPOINT, dport: 8080 };
    expect(first.packet).toEqual(packet(asked));
    const back = world.send(packet(answer(asked, { flags: "SA" })));
    expect(back.packet).toEqual(packet(answer(ask, { flags: "SA" })));
  });

  test("two clients with one port get two, and each its own answers", () => {
    const world = createWorld(web());
    const asks = [CLIENT, "203.0.113.10"].map((saddr) => ({ ...SYN, saddr }));
    for (const ask of asks) world.send(packet(ask));
    const replies = connections(world).map(([, { reply }]) => reply.dport);
    expect(replies[0]).toBe(40000);
    expect(replies[1]).not.toBe(40000);
    expect(replies[1]).toBeGreaterThanOrEqual(1024);
    replies.forEach((dport, index) => {
      const { packet: out } = world.send(
        packet({ saddr: ENDPOINT, sport: 8080, daddr: NODE, dport, flags: "SA" }),
      );
      expect(out).toEqual(packet(answer(asks[index]!, { flags: "SA" })));
    });
  });

  test.each([
    [80, 1, 511],
    [600, 600, 1023],
    [513, 600, 1023],
    [1024, 1024, 65535],
    [0, 1, 511],
  ])("a port of %i is replaced by one from %i to %i", (sport, low, high) => {
    const world = createWorld(web());
    world.send(packet({ ...SYN, saddr: CLIENT, sport }));
    world.send(packet({ ...SYN, saddr: "203.0.113.10", sport }));
    const { reply } = connections(world)[1]![1];
    expect(reply.dport).toBeGreaterThanOrEqual(low);
    expect(reply.dport).toBeLessThanOrEqual(high);
    expect(reply.dport).not.toBe(sport);
  });

  test("a masqueraded connection never gets a nodePort's port", () => {
    const world = createWorld(web());
    world.send(packet({ ...SYN, saddr: CLIENT, sport: 30080 }));
    world.send(packet({ ...SYN, sport: 30080 }));
    const [masqueraded, plain] = connections(world).map(([, { reply }]) => reply.dport);
    expect(masqueraded).not.toBe(30080);
    expect(plain).toBe(30080);
  });

  test("when all ports it tries are taken, the packet is dropped", () => {
    const world = createWorld(web());
    const outcomes = Array.from({ length: 600 }, (_, index) => {
      const saddr = `198.18.${index >>> 8}.${index & 255}`;
      return world.send(packet({ ...SYN, saddr, sport: 7 })).reason;
    });
    expect(outcomes).toContain("port-exhausted");
    expect(connections(world).length).toBe(outcomes.filter((reason) => reason === null).length);
    const last = world.engine.counters();
    expect(last.reasons["port-exhausted"]).toBe(600 - last.connections.created);
  });

  test("an endpoint that is the VIP itself cannot answer by the tuple that asks", () => {
    const content = web();
    const self = backend(VIP, "tcp", { port: 80, masquerade: VIP });
    const world = createWorld({ ...content, backends: [[1, self]] });
    const first = world.send(packet({ ...SYN, saddr: VIP, sport: 80 }));
    expect(first).toMatchObject({ ...NEW, masquerade: true });
    const [orig, { reply }] = connections(world)[0]!;
    expect(reply).not.toEqual(orig);
  });

  test("without an address to masquerade with, the packet is dropped", () => {
    const addressless = backend(ENDPOINT, "tcp", { masquerade: "" });
    const world = createWorld({ ...web(), backends: [[1, addressless]] });
    expect(world.send(packet({ ...SYN, saddr: CLIENT }))).toMatchObject({
      verdict: "DROP",
      reason: "no-masquerade-address",
      conntrack: "new",
      service: 1,
      backend: 0,
    });
    expect(world.send(packet(SYN))).toMatchObject(NEW);
  });

  test("random ones are drawn for masqueraded connections, even where the own is free", () => {
    const config = { ...CONFIG, randomFully: true };
    const world = createWorld({ ...web(), config: [["config", config]] });
    world.send(packet({ ...SYN, saddr: CLIENT, sport: 600 }));
    world.send(packet({ ...SYN, sport: 600 }));
    const [masqueraded, plain] = connections(world).map(([, { reply }]) => reply.dport);
    expect(masqueraded).not.toBe(600);
    expect(masqueraded).toBeGreaterThan(600);
    expect(masqueraded).toBeLessThan(1024);
    expect(plain).toBe(600);
  });
});
