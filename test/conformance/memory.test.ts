/** What the dataplane remembers: streams, clients, how much, and what happens when the cluster changes. */
import { describe, expect, test } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { parseObjects } from "../../src/index.ts";
import type { ServiceSpec } from "./cluster.ts";
import { dataplanes } from "./dataplanes.ts";
import { build, type Frame } from "./frame.ts";
import {
  AFFINITY,
  answer,
  conversation,
  DELIVERED,
  passes,
  REQUEST,
  SERVICES,
  scene,
  WEB,
  WEB_BACKEND,
} from "./scene.ts";
import { type Case, connectionOf, EPOCH, eachDataplane, prepare, take, walk } from "./walk.ts";

const DATAGRAM: Frame = { ...REQUEST, proto: "udp" };
const UDP = conversation(DATAGRAM, { ...DELIVERED, proto: "udp" });
const SCTP = conversation({ ...REQUEST, proto: "sctp" }, { ...DELIVERED, proto: "sctp" });

describe("UDP", () => {
  const ends = (name: string, steps: Case["steps"], entry: object): Case => ({
    name,
    steps,
    after: (dataplane) => expect(connectionOf(dataplane)).toMatchObject(entry),
  });
  const young = { state: "UDP", assured: false };
  const stream = { state: "UDP_STREAM", assured: true, seenReply: true };
  const { open, request, response } = UDP;
  walk([
    ends("one datagram is no stream", [open()], { ...young, seenReply: false }),
    ends(
      "nor are many in one direction",
      [open(), { at: 1000, ...request() }, { at: 9000, ...request() }],
      young,
    ),
    ends("nor an answer within two seconds", [open(), { at: 2000, ...response() }], {
      ...young,
      seenReply: true,
    }),
    ends("a later answer makes one", [open(), { at: 2001, ...response() }], stream),
    ends(
      "so does a later request when there was an answer",
      [open(), response(), { at: 2001, ...request() }],
      stream,
    ),
    ends("30 s of silence are allowed", [open(), { at: 30_000, ...response() }], {
      seenReply: true,
    }),
    { name: "but not 1 ms more", steps: [open(), { at: 30_001, ...passes(response().send) }] },
    ends(
      "a stream may pause for 120 s",
      [open(), { at: 2001, ...response() }, { at: 122_001, ...request() }],
      stream,
    ),
    {
      name: "but not 1 ms longer",
      steps: [open(), { at: 2001, ...response() }, { at: 122_002, ...passes(response().send) }],
    },
  ]);
});

describe("SCTP", () => {
  const steps = [
    SCTP.open(),
    SCTP.response({ flags: "SA" }),
    SCTP.request({ flags: "A" }),
    SCTP.response({ flags: "A" }),
    SCTP.request({ flags: "D" }),
  ];
  const states = [
    "SCTP_CLOSED",
    "SCTP_COOKIE_WAIT",
    "SCTP_COOKIE_ECHOED",
    "SCTP_ESTABLISHED",
    "SCTP_ESTABLISHED",
  ];
  walk(
    states.map((state, index) => ({
      name: `packet ${index + 1} leaves the association ${state}`,
      steps: steps.slice(0, index + 1),
      after: (dataplane) =>
        expect(connectionOf(dataplane)).toMatchObject({
          state,
          timer: state,
          assured: index >= 3,
          seenReply: index >= 1,
        }),
    })),
  );
  eachDataplane({}, (dataplane) => {
    test.each([0, 1])("its timeout is kept to the millisecond (%i)", (late) => {
      const timeout = dataplane().maps.config.lookup("config")!.timeouts.SCTP_ESTABLISHED;
      const { send, options } = SCTP.response({ flags: "D" });
      const backend = late ? null : WEB_BACKEND;
      take(dataplane(), [...steps, { at: timeout + late, send, options, event: { backend } }]);
      expect(dataplane().counters().connections).toMatchObject({ expired: late });
    });
  });
});

/** Where each of `clients` is sent when it opens a connection now. */
function choose(
  dataplane: Dataplane,
  clients: readonly string[],
  now: number,
  sport: number,
): (string | null)[] {
  return clients.map((saddr) => {
    const request = { ...REQUEST, saddr, sport, daddr: "10.96.0.30" };
    return dataplane.process(build(request), { now: EPOCH + now }).event.backend;
  });
}

describe("session affinity", () => {
  const clients = Array.from({ length: 32 }, (_, i) => `10.244.9.${i + 1}`);
  eachDataplane({}, (dataplane) => {
    test("holds exactly as long as it says, counted from the last new connection", () => {
      const first = choose(dataplane(), clients, 0, 1);
      expect(new Set(first).size).toBeGreaterThan(1);
      expect(choose(dataplane(), clients, AFFINITY, 2)).toEqual(first);
      expect(choose(dataplane(), clients, 2 * AFFINITY, 3)).toEqual(first);
      expect(choose(dataplane(), clients, 3 * AFFINITY + 1, 4)).not.toEqual(first);
    });

    test("packets of a connection do not prolong it", () => {
      const first = choose(dataplane(), clients, 0, 1);
      expect(choose(dataplane(), clients, AFFINITY / 2, 1)).toEqual(first);
      expect(choose(dataplane(), clients, AFFINITY + 1, 2)).not.toEqual(first);
    });

    test("ends with its endpoint", () => {
      const first = choose(dataplane(), clients, 0, 1);
      const endpoints = SERVICES.sticky.endpoints.filter(
        ({ address }) => `${address}:8080` !== first[0],
      );
      dataplane().apply(parseObjects(scene({ ...SERVICES.sticky, endpoints })));
      const second = choose(dataplane(), clients, 1, 2);
      expect(second).not.toContain(first[0]);
      expect(second.filter((backend, i) => backend !== first[i])).toHaveLength(
        first.filter((backend) => backend === first[0]).length,
      );
    });

    test("is no longer told when the endpoint is gone", () => {
      const [first] = choose(dataplane(), clients.slice(0, 1), 0, 1);
      const { maps } = dataplane();
      expect([...maps.affinity.entries()].map(([key]) => key.address)).toEqual([clients[0]]);
      const endpoints = SERVICES.sticky.endpoints.filter(
        ({ address }) => `${address}:8080` !== first,
      );
      dataplane().apply(parseObjects(scene({ ...SERVICES.sticky, endpoints })));
      expect(maps.affinity.length).toBe(0);
    });

    test("is of the last two that were used", () => {
      const { maps } = dataplane();
      const used = () => [...maps.affinity.entries()][0]?.[1].backends.map(({ used }) => used);
      const [client] = clients;
      choose(dataplane(), [client!], 0, 1);
      expect(used()).toEqual([0]);
      const [key, { backends, timeout }] = [...maps.affinity.entries()][0]!;
      const other = backends[0]!.backend % 8 === 0 ? 1 : backends[0]!.backend + 1;
      const both = [...backends, { backend: other, used: 5 }];
      maps.affinity.update(key, { backends: both, timeout });
      expect(maps.affinity.lookup(key)).toEqual({ backends: both, timeout });
    });

    test("is each service port's own", () => {
      const request = { ...REQUEST, daddr: "10.96.0.30" };
      for (const proto of ["tcp", "udp", "tcp"] as const) {
        dataplane().process(build({ ...request, proto }), { now: EPOCH });
      }
      expect([...dataplane().maps.affinity.entries()]).toHaveLength(2);
    });
  });

  for (const { name, create } of dataplanes)
    test(`with a full table is not remembered, but served: ${name}`, async () => {
      const dataplane = await prepare(create, { options: { capacity: { affinity: 4 } } });
      expect(choose(dataplane, clients, 0, 1)).not.toContain(null);
      expect([...dataplane.maps.affinity.entries()]).toHaveLength(4);
      expect(dataplane.maps.affinity.length).toBe(4);
    });
});

describe("when the cluster changes", () => {
  const without: ServiceSpec = { ...SERVICES.web, endpoints: [] };
  const draining: ServiceSpec = {
    ...SERVICES.web,
    endpoints: [
      { ...SERVICES.web.endpoints[0], ready: false, serving: true, terminating: true },
      { address: "10.244.1.11", node: "worker-1" },
    ],
  };
  const { open, request, response } = WEB;
  const survivor = { backend: WEB_BACKEND };
  const stays = (name: string, apply: readonly object[]): Case => ({
    name,
    steps: [
      open(),
      { ...response({ flags: "SA" }), apply },
      request(),
      { ...request(), event: { ...request().event, ...survivor } },
    ],
  });
  walk([
    stays("a connection outlives its endpoint", scene(without)),
    stays("and one that drains", scene(draining)),
    stays("and its Service", scene()),
    {
      name: "new connections go to the ready endpoint, not to the draining one",
      given: scene(draining),
      steps: [conversation(REQUEST, { ...DELIVERED, daddr: "10.244.1.11" }).open()],
    },
    {
      name: "nothing goes to a Service that is gone",
      steps: [open(), { ...passes({ ...REQUEST, sport: 1 }), apply: scene() }],
    },
    {
      name: "a connection that passed by before the Service came is not captured afterwards",
      given: scene(),
      steps: [passes(REQUEST), { ...open(), apply: scene(SERVICES.web) }],
    },
  ]);
});

for (const { name, create } of dataplanes) {
  describe(`Maglev: ${name}`, () => {
    const requests = Array.from({ length: 400 }, (_, i) => ({
      ...REQUEST,
      sport: 1024 + i,
      daddr: "10.96.0.20",
    }));
    const choices = async (pool: ServiceSpec, seed: number) => {
      const dataplane = await prepare(create, {
        given: scene(pool),
        options: { scheduler: "maglev", seed },
      });
      return requests.map(
        (request) => dataplane.process(build(request), { now: EPOCH }).event.backend,
      );
    };

    test("the same client finds the same endpoint on every node with the seed", async () => {
      expect(await choices(SERVICES.pool, 5)).toEqual(await choices(SERVICES.pool, 5));
    });

    test("clients of the endpoints that remain stay, all but a few", async () => {
      const before = await choices(SERVICES.pool, 5);
      const gone = SERVICES.pool.endpoints[2];
      const endpoints = SERVICES.pool.endpoints.filter((endpoint) => endpoint !== gone);
      const after = await choices({ ...SERVICES.pool, endpoints }, 5);
      const stayers = before.flatMap((backend, i) =>
        backend === `${gone?.address}:8080` ? [] : [i],
      );
      const moved = stayers.filter((i) => after[i] !== before[i]);
      expect(moved.length).toBeLessThan(stayers.length * 0.05);
    });

    test("every endpoint gets about its share", async () => {
      const backends = await choices(SERVICES.pool, 5);
      for (const { address } of SERVICES.pool.endpoints) {
        const share = backends.filter((backend) => backend === `${address}:8080`).length;
        expect(share).toBeGreaterThan(40);
        expect(share).toBeLessThan(140);
      }
    });
  });
}

for (const { name, create } of dataplanes) {
  describe(`random: ${name}`, () => {
    test("every endpoint gets about its share, and a seed always the same", async () => {
      const choices = async () => {
        const dataplane = await prepare(create, { given: scene(SERVICES.pool) });
        return Array.from({ length: 500 }, (_, i) => {
          const request = { ...REQUEST, sport: 1024 + i, daddr: "10.96.0.20" };
          return dataplane.process(build(request), { now: EPOCH }).event.backend;
        });
      };
      const backends = await choices();
      for (const { address } of SERVICES.pool.endpoints) {
        const share = backends.filter((backend) => backend === `${address}:8080`).length;
        expect(share).toBeGreaterThan(60);
        expect(share).toBeLessThan(150);
      }
      expect(await choices()).toEqual(backends);
    });
  });
}

describe("conntrack entries", () => {
  eachDataplane({}, (dataplane) => {
    test("are keyed by the opener's tuple and tell the answer's", () => {
      take(dataplane(), [WEB.open()]);
      const [entry] = [...dataplane().maps.conntrack.entries()];
      const tuple = ({ saddr, sport, daddr, dport, proto }: Frame) => ({
        saddr,
        sport,
        daddr,
        dport,
        proto,
      });
      expect(entry?.[0]).toEqual(tuple(REQUEST));
      expect(entry?.[1].reply).toEqual(tuple(answer(DELIVERED)));
      expect(dataplane().maps.conntrack.lookup(entry![0])).toEqual(entry![1]);
    });
  });
});
