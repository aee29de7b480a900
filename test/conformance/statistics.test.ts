/** Traffic by service port and backend, as it leaves and enters; numbers that others were given before do not show. */
import { expect, test } from "vitest";
import type { ServiceStatistics } from "../../src/dataplane/counters.ts";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { parseObjects } from "../../src/index.ts";
import type { ServiceSpec } from "./cluster.ts";
import { build, type Frame } from "./frame.ts";
import { pieces } from "./pieces.ts";
import {
  answer,
  DELIVERED,
  DELIVERED_IPV6,
  NODE,
  REQUEST,
  REQUEST_IPV6,
  SERVICES,
  STRANGER,
  scene,
  WEB_BACKEND,
} from "./scene.ts";
import { EPOCH, eachDataplane } from "./walk.ts";

const NOTHING = { connections: 0, inPackets: 0, inBytes: 0, outPackets: 0, outBytes: 0 };
const payload = new Uint8Array(100);

function send(dataplane: Dataplane, ...frames: (Frame | Uint8Array)[]): number {
  const bytes = frames.map((frame) => (frame instanceof Uint8Array ? frame : build(frame)));
  for (const each of bytes) dataplane.process(each, { now: EPOCH });
  return bytes.reduce((sum, { length }) => sum + length, 0);
}

function of(dataplane: Dataplane, service: string, family = "ipv4"): ServiceStatistics {
  const all = dataplane.statistics().filter((each) => each.service === service);
  return all.find((each) => each.family === family)!;
}

const moved = (...addresses: string[]): ServiceSpec => ({
  ...SERVICES.web,
  clusterIPs: SERVICES.web.clusterIPs.slice(0, 1),
  endpoints: addresses.map((address) => ({ address, node: NODE })),
});
const apply = (dataplane: Dataplane, ...services: ServiceSpec[]) =>
  dataplane.apply(parseObjects(scene(...services)));

eachDataplane({}, (dataplane) => {
  test("every service port and every backend is there from the start, by name", () => {
    const all = dataplane().statistics();
    const names = all.map(({ service, family, proto }) => `${service} ${family} ${proto}`);
    expect(names).toEqual([...names].sort());
    expect(names).toContain("test/web:udp ipv6 udp");
    expect(of(dataplane(), "test/pool:tcp").backends.map(({ backend }) => backend)).toEqual(
      [1, 2, 3, 4, 5].map((i) => `10.244.2.${i}:8080`),
    );
    for (const { backends, ...rest } of all) {
      expect(rest).toMatchObject({ ...NOTHING, rejected: 0, dropped: 0 });
      for (const each of backends) expect(each).toMatchObject({ ...NOTHING, active: 0 });
    }
  });

  test("requests go in, answers come out, bytes are those of the frames as they came", () => {
    const opening = send(dataplane(), REQUEST);
    const agreeing = send(dataplane(), { ...answer(DELIVERED), flags: "SA" });
    const asking = send(dataplane(), { ...REQUEST, flags: "A", payload, padding: 9 });
    const answering = send(dataplane(), { ...answer(DELIVERED), flags: "A", payload });
    const [inBytes, outBytes] = [opening + asking, agreeing + answering];
    const counted = { connections: 1, inPackets: 2, inBytes, outPackets: 2, outBytes };
    expect(of(dataplane(), "test/web:tcp")).toEqual({
      service: "test/web:tcp",
      family: "ipv4",
      proto: "tcp",
      ...counted,
      rejected: 0,
      dropped: 0,
      backends: [{ backend: WEB_BACKEND, active: 1, ...counted }],
    });
    expect(of(dataplane(), "test/web:tcp", "ipv6")).toMatchObject(NOTHING);
    expect(of(dataplane(), "test/web:udp")).toMatchObject(NOTHING);
  });

  test("IPv6 is counted by itself", () => {
    const inBytes = send(dataplane(), REQUEST_IPV6);
    const outBytes = send(dataplane(), { ...answer(DELIVERED_IPV6), flags: "SA" });
    const counted = { connections: 1, inPackets: 1, inBytes, outPackets: 1, outBytes };
    expect(of(dataplane(), "test/web:tcp", "ipv6")).toMatchObject(counted);
    expect(of(dataplane(), "test/web:tcp")).toMatchObject(NOTHING);
  });

  test("every fragment counts, those that waited too", () => {
    const datagram: Frame = { ...REQUEST, proto: "udp", payload };
    const inBytes = send(dataplane(), ...pieces(datagram, 40, 80).reverse());
    const counted = { connections: 1, inPackets: 3, inBytes };
    expect(of(dataplane(), "test/web:udp")).toMatchObject(counted);
  });

  test("what is turned away is told apart, what is no packet of a connection is not counted", () => {
    const gate = { ...REQUEST, daddr: "198.51.100.50" };
    send(dataplane(), { ...REQUEST, daddr: "10.96.0.40" }, { ...REQUEST, daddr: "10.96.0.40" });
    send(dataplane(), { ...gate, saddr: STRANGER }, { ...REQUEST, flags: "R" });
    send(dataplane(), { ...REQUEST, saddr: "127.0.0.1" });
    expect(of(dataplane(), "test/vacant:tcp")).toMatchObject({ rejected: 2, dropped: 0 });
    expect(of(dataplane(), "test/gate:tcp")).toMatchObject({ rejected: 0, dropped: 1 });
    expect(of(dataplane(), "test/web:tcp")).toMatchObject({ ...NOTHING, rejected: 0, dropped: 1 });
  });

  test("an endpoint that is gone stays in the sum of its service port", () => {
    const reset = { ...REQUEST, flags: "R" };
    const inBytes = send(dataplane(), REQUEST, reset);
    apply(dataplane(), moved("10.244.1.11"));
    const more = send(dataplane(), { ...REQUEST, sport: 2 });
    expect(of(dataplane(), "test/web:tcp")).toMatchObject({
      connections: 2,
      inPackets: 3,
      inBytes: inBytes + more,
      backends: [{ backend: "10.244.1.11:8080", active: 1, inPackets: 1, inBytes: more }],
    });
  });

  test("one that only keeps old connections is there until they end", () => {
    send(dataplane(), REQUEST);
    apply(dataplane(), moved("10.244.1.11"));
    const backends = () => of(dataplane(), "test/web:tcp").backends;
    expect(backends().map(({ backend, active }) => [backend, active])).toEqual([
      [WEB_BACKEND, 1],
      ["10.244.1.11:8080", 0],
    ]);
    apply(dataplane());
    expect(backends().map(({ backend, active }) => [backend, active])).toEqual([[WEB_BACKEND, 1]]);
    send(dataplane(), { ...REQUEST, flags: "R" });
    apply(dataplane());
    expect(dataplane().statistics()).toEqual([]);
  });

  test("nobody inherits what was counted under a number before", () => {
    const gone = { ...REQUEST, daddr: "10.96.0.40" };
    apply(dataplane());
    for (let round = 0; round < 3; round++) {
      apply(dataplane(), moved("10.244.1.10"), SERVICES.vacant);
      send(dataplane(), { ...REQUEST, sport: round }, { ...REQUEST, sport: round, flags: "R" });
      send(dataplane(), gone, { ...REQUEST, saddr: "127.0.0.1" });
      expect(of(dataplane(), "test/web:tcp")).toMatchObject({
        connections: 1,
        inPackets: 2,
        dropped: 1,
        backends: [{ backend: WEB_BACKEND, connections: 1, inPackets: 2 }],
      });
      expect(of(dataplane(), "test/vacant:tcp")).toMatchObject({ rejected: 1 });
      apply(dataplane());
      expect(dataplane().statistics()).toEqual([]);
      const other = { ...SERVICES.pool, name: `other${round}` };
      apply(dataplane(), other, { ...SERVICES.vacant, name: `empty${round}` });
      for (const { backends, ...rest } of dataplane().statistics()) {
        expect([rest, ...backends]).toEqual(
          [rest, ...backends].map(() => expect.objectContaining(NOTHING)),
        );
        expect(rest).toMatchObject({ rejected: 0, dropped: 0 });
      }
      apply(dataplane());
    }
  });

  test("a flush forgets connections, not what they carried", () => {
    send(dataplane(), REQUEST);
    dataplane().flush();
    const { backends, ...rest } = of(dataplane(), "test/web:tcp");
    expect(rest).toMatchObject({ connections: 1, inPackets: 1 });
    expect(backends).toMatchObject([{ active: 0, connections: 1 }]);
  });
});
