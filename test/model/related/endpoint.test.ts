/** ICMP errors about connections that dial an endpoint itself. */
import { describe, expect, test } from "vitest";
import { type PacketSpec, packet } from "../../../src/packet/build.ts";
import { answer, ENDPOINT, LEFT_ALONE, POD, web } from "../scene.ts";
import { createWorld } from "../world.ts";
import { DIRECT, error, RELATED, ROUTER, withConfig } from "./scene.ts";

describe("an error about a connection that dials the endpoint itself", () => {
  const endpoint = { family: "ipv4", address: ENDPOINT, port: 8080, proto: "tcp" } as const;
  const content = { ...web(), endpoints: [[endpoint, { backend: 1 }]] } as const;
  const dialled: PacketSpec = { ...DIRECT.seen, flags: "S" };

  test("is related, and stays as it is", () => {
    const world = createWorld({ ...content, ...withConfig({}) });
    world.send(packet(dialled));
    for (const spec of [error(ROUTER, dialled), error(POD, answer(dialled))]) {
      const frame = packet(spec);
      const outcome = world.send(frame);
      expect(outcome).toMatchObject({ ...LEFT_ALONE, conntrack: "related", backend: 0 });
      expect(outcome.packet).toEqual(frame);
    }
    const redirect = error(ROUTER, dialled, { icmp: { type: 5, code: 1 } });
    expect(world.send(packet(redirect))).toMatchObject({ ...LEFT_ALONE, conntrack: "related" });
  });

  test("is translated where the port had to change", () => {
    const world = createWorld({ ...content, ...withConfig({}) });
    world.send(packet({ ...DIRECT.sent, flags: "S" }));
    const { packet: out } = world.send(packet(dialled));
    const sport = out[34]! * 256 + out[35]!;
    expect(sport).not.toBe(40000);
    const outcome = world.send(packet(error(ROUTER, { ...dialled, sport })));
    expect(outcome).toMatchObject({ ...RELATED, backend: 0 });
    expect(outcome.packet).toEqual(packet(error(ROUTER, dialled)));
  });
});
