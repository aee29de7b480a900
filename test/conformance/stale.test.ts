/** What an apply takes from endpoints that are gone: UDP connections and the clients that were remembered. */
import { describe, expect, test } from "vitest";
import type { ApplyOptions, Dataplane } from "../../src/dataplane/dataplane.ts";
import { parseObjects } from "../../src/index.ts";
import type { ServiceSpec } from "./cluster.ts";
import { build, type Frame } from "./frame.ts";
import { DELIVERED, NODE, REQUEST, SERVICES, scene, WEB_BACKEND } from "./scene.ts";
import { EPOCH, eachDataplane } from "./walk.ts";

const OTHER = "10.244.1.11";
const MOVED: ServiceSpec = {
  ...SERVICES.web,
  endpoints: [{ address: OTHER, node: NODE }, SERVICES.web.endpoints[1]],
};
const VACATED: ServiceSpec = { ...SERVICES.web, endpoints: [] };

const DATAGRAM: Frame = { ...REQUEST, proto: "udp" };

function send(dataplane: Dataplane, frame: Frame) {
  return dataplane.process(build(frame), { now: EPOCH }).event;
}

eachDataplane({}, (dataplane) => {
  const move = (options?: ApplyOptions) =>
    dataplane().apply(parseObjects(scene(MOVED, SERVICES.sticky)), options);

  describe("a UDP connection whose endpoint is gone", () => {
    test("ends, and its next packet goes to the endpoint that is there", () => {
      expect(send(dataplane(), DATAGRAM).backend).toBe(WEB_BACKEND);
      move();
      expect(dataplane().counters().connections).toMatchObject({ closed: 1, ipv4: 0 });
      expect(send(dataplane(), DATAGRAM)).toMatchObject({
        backend: `${OTHER}:8080`,
        conntrack: "new",
        action: "dnat",
      });
    });

    test("goes on where that is asked for", () => {
      send(dataplane(), DATAGRAM);
      move({ keepStaleFlows: true });
      expect(dataplane().counters().connections).toMatchObject({ closed: 0, ipv4: 1 });
      expect(send(dataplane(), DATAGRAM)).toMatchObject({
        backend: WEB_BACKEND,
        conntrack: "established",
      });
    });

    test("goes on while there is no other", () => {
      send(dataplane(), DATAGRAM);
      dataplane().apply(parseObjects(scene(VACATED)));
      expect(send(dataplane(), DATAGRAM).conntrack).toBe("established");
    });
  });

  test("TCP and SCTP connections go on", () => {
    for (const proto of ["tcp", "sctp"] as const) send(dataplane(), { ...REQUEST, proto });
    move();
    expect(dataplane().counters().connections).toMatchObject({ closed: 0, ipv4: 2 });
  });

  test("a UDP connection to another Service's endpoint goes on", () => {
    send(dataplane(), { ...DATAGRAM, daddr: "10.96.0.30" });
    send(dataplane(), DATAGRAM);
    move();
    expect(dataplane().counters().connections).toMatchObject({ closed: 1, ipv4: 1 });
  });

  test("one that dials an endpoint by its own address goes on", () => {
    send(dataplane(), { ...DELIVERED, proto: "udp" });
    expect(dataplane().counters().connections.ipv4).toBe(1);
    move();
    expect(dataplane().counters().connections).toMatchObject({ closed: 0, ipv4: 1 });
  });

  test("a client forgets the endpoint that is gone and keeps the one that is there", () => {
    const { maps } = dataplane();
    const { backend } = send(dataplane(), { ...REQUEST, daddr: "10.96.0.30" });
    const [key, entry] = [...maps.affinity.entries()][0]!;
    const ofSticky = [...maps.backends.entries()].find(
      ([number, { service }]) => service === key.service && number !== entry.backends[0]!.backend,
    )!;
    const both = [...entry.backends, { backend: ofSticky[0], used: 0 }];
    maps.affinity.update(key, { ...entry, backends: both });
    const endpoints = SERVICES.sticky.endpoints.filter(
      ({ address }) => `${address}:8080` !== backend,
    );
    const options = { keepStaleFlows: true };
    dataplane().apply(parseObjects(scene({ ...SERVICES.sticky, endpoints })), options);
    expect(maps.affinity.lookup(key)?.backends).toEqual(both.slice(1));
  });

  test("an apply that changes nothing takes nothing", () => {
    send(dataplane(), DATAGRAM);
    send(dataplane(), { ...REQUEST, daddr: "10.96.0.30" });
    const before = [...dataplane().maps.affinity.entries()];
    dataplane().apply(parseObjects(scene(...Object.values(SERVICES))));
    expect(dataplane().counters().connections).toMatchObject({ closed: 0, ipv4: 2 });
    expect([...dataplane().maps.affinity.entries()]).toEqual(before);
  });
});
