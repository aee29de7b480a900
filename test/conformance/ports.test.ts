/** Source ports: kept where they can be, moved where two connections' answers could not be told apart. */
import { describe, expect, test } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { parseObjects } from "../../src/index.ts";
import { serviceObjects } from "./cluster.ts";
import { build, type Frame } from "./frame.ts";
import {
  CLIENT,
  conversation,
  DELIVERED,
  NODE_IPV4,
  POD,
  REQUEST,
  SERVICES,
  STRANGER,
  scene,
  selfServed,
} from "./scene.ts";
import { EPOCH, eachDataplane } from "./walk.ts";

describe("source ports", () => {
  const twin = serviceObjects({
    ...SERVICES.web,
    type: "ClusterIP",
    name: "twin",
    clusterIPs: ["10.96.0.11"],
    externalIPs: [],
    ports: [{ name: "tcp", port: 80, target: 8080 }],
  });
  const given = [...scene(SERVICES.web), ...twin];
  const CLASSES = [
    { sport: 40000, low: 1024, high: 65535 },
    { sport: 1023, low: 600, high: 1023 },
    { sport: 512, low: 600, high: 1023 },
    { sport: 511, low: 1, high: 511 },
    { sport: 1, low: 1, high: 511 },
  ];
  eachDataplane({ seed: 3 }, (dataplane) => {
    test.each(CLASSES)(
      "port $sport taken twice is moved within $low..$high",
      ({ sport, low, high }) => {
        expect(dial(dataplane(), { ...REQUEST, saddr: CLIENT, sport }).sport).toBe(sport);
        const moved = dial(dataplane(), { ...REQUEST, saddr: STRANGER, sport });
        expect(moved.sport).not.toBe(sport);
        expect(moved.sport).toBeGreaterThanOrEqual(low);
        expect(moved.sport).toBeLessThanOrEqual(high);
      },
    );

    test("a masqueraded source is never a nodePort's port", () => {
      expect(dial(dataplane(), { ...REQUEST, saddr: CLIENT, sport: 30080 }).sport).not.toBe(30080);
    });

    test("when all ports of its class are taken, a connection is refused", () => {
      for (let sport = 1; sport <= 511; sport++)
        dial(dataplane(), { ...REQUEST, saddr: CLIENT, sport });
      const refused = build({ ...REQUEST, saddr: STRANGER, sport: 80 });
      const { event } = dataplane().process(refused, { now: EPOCH });
      expect(event).toMatchObject({
        verdict: "DROP",
        action: "drop",
        reason: "port-exhausted",
        conntrack: "new",
        service: "test/web:tcp",
        backend: null,
      });
      expect(dataplane().counters().connections).toMatchObject({ created: 511, ipv4: 511 });
    });

    test("never gives a connection's answers the tuple of its requests", () => {
      dataplane().apply(parseObjects(selfServed([NODE_IPV4])));
      const after = dial(dataplane(), {
        ...REQUEST,
        saddr: DELIVERED.daddr,
        sport: 8080,
        daddr: NODE_IPV4,
        dport: 8080,
      });
      expect(after).toMatchObject({ saddr: NODE_IPV4, daddr: DELIVERED.daddr, dport: 8080 });
      expect(after.sport).not.toBe(8080);
    });

    test("answers of a moved port find their client", () => {
      dial(dataplane(), { ...REQUEST, saddr: CLIENT });
      const request = { ...REQUEST, saddr: STRANGER };
      const after = dial(dataplane(), request);
      const { response } = conversation(request, { ...request, ...after } as Frame);
      const { send, out } = response({ flags: "SA" });
      const { packet } = dataplane().process(build(send as Frame), { now: EPOCH });
      expect(packet).toEqual(build(out as Frame));
    });

    test("without masquerade, too, two connections never share their answers' tuple", () => {
      dataplane().apply(parseObjects(given));
      expect(dial(dataplane(), REQUEST)).toMatchObject({ saddr: POD, sport: 40000 });
      const moved = dial(dataplane(), { ...REQUEST, daddr: "10.96.0.11" });
      expect(moved).toMatchObject({ saddr: POD, daddr: DELIVERED.daddr, dport: 8080 });
      expect(moved.sport).not.toBe(40000);
    });
  });
});

/** Opens a connection, holds the frame against its event, and tells where it went. */
function dial(dataplane: Dataplane, request: Frame) {
  const { packet, event } = dataplane.process(build(request), { now: EPOCH });
  expect(event).toMatchObject({ verdict: "PASS", action: "dnat", conntrack: "new" });
  const { saddr, sport, daddr, dport } = event.after!;
  expect(packet).toEqual(build({ ...request, saddr, sport, daddr, dport }));
  return { saddr, sport, daddr, dport };
}
