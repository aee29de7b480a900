/** A full connection table: who has to make room, and who never does (tcp_can_early_drop of the kernel). */
import { describe, expect, test } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import type { Frame } from "./frame.ts";
import {
  answer,
  conversation,
  DELIVERED,
  drops,
  passes,
  REQUEST,
  REQUEST_IPV6,
  WEB,
  WEB_IPV6,
} from "./scene.ts";
import { eachDataplane, type Step, take, walk } from "./walk.ts";

const options = { capacity: { connections: 2, connections6: 1 } };
const dial = (sport: number, at?: number): Step => ({ at, ...WEB.open({ sport }) });
const full = (send: Frame) =>
  drops(send, "conntrack-full", { conntrack: "new", service: "test/web:tcp", backend: null });

/** A connection that both ends have agreed to. */
function established(sport: number): Step[] {
  return [
    WEB.open({ sport }),
    WEB.response({ dport: sport, flags: "SA" }),
    WEB.request({ sport, flags: "A" }),
  ];
}

const counts = (expected: object) => (dataplane: Dataplane) =>
  expect(dataplane.counters()).toMatchObject(expected);

function portsOf({ maps }: Dataplane): number[] {
  return [...maps.conntrack.entries()].map(([tuple]) => tuple.sport).sort((a, b) => a - b);
}

describe("a full connection table", () => {
  walk([
    {
      name: "takes new ones in place of the oldest that nobody has answered",
      options,
      steps: [dial(1, 10), dial(2, 20), dial(3, 30)],
      after: (dataplane) => {
        expect(portsOf(dataplane)).toEqual([2, 3]);
        counts({ connections: { created: 3, evicted: 1, closed: 0, expired: 0, ipv4: 2 } })(
          dataplane,
        );
      },
    },
    {
      name: "or of those that are as old",
      options,
      steps: [dial(1), dial(2), dial(3)],
      after: (dataplane) => expect(portsOf(dataplane)).toEqual([3]),
    },
    {
      name: "refuses new ones rather than end an established one, and serves those",
      options,
      steps: [
        ...established(1),
        ...established(2),
        full({ ...REQUEST, sport: 3 }),
        WEB.response({ dport: 1 }),
        WEB.request({ sport: 2 }),
      ],
      after: counts({
        reasons: { "conntrack-full": 1 },
        connections: { created: 2, evicted: 0, ipv4: 2, ipv6: 0 },
      }),
    },
    {
      name: "prefers an unanswered one, however young, to one that is closing",
      options,
      steps: [
        ...established(1),
        WEB.request({ sport: 1, flags: "FA" }),
        dial(2, 1000),
        dial(3, 1001),
      ],
      after: (dataplane) => expect(portsOf(dataplane)).toEqual([1, 3]),
    },
    {
      name: "but takes a closing one where there is no other",
      options,
      steps: [
        ...established(1),
        WEB.request({ sport: 1, flags: "FA" }),
        { at: 1000, ...established(2)[0]! },
        ...established(2).slice(1),
        dial(3),
      ],
      after: (dataplane) => expect(portsOf(dataplane)).toEqual([2, 3]),
    },
    {
      name: "is one of each family",
      options: { capacity: { connections: 1, connections6: 1 } },
      steps: [...established(1), WEB_IPV6.open(), full({ ...REQUEST, sport: 3 })],
      after: counts({ connections: { ipv4: 1, ipv6: 1, evicted: 0 } }),
    },
    {
      name: "has room again when connections have expired, and ends no other",
      options,
      steps: [...established(1), dial(2), { ...dial(3), at: 120_001 }],
      after: (dataplane) => {
        expect(portsOf(dataplane)).toEqual([1, 3]);
        counts({ connections: { expired: 1, evicted: 0 } })(dataplane);
      },
    },
    {
      name: "lets those pass that dial an endpoint and would only be followed",
      options,
      steps: [...established(1), ...established(2), passes({ ...DELIVERED, sport: 3 })],
    },
    {
      name: "makes room for such a one too",
      options,
      steps: [
        ...established(1),
        dial(2),
        { ...passes({ ...DELIVERED, sport: 3 }), event: { conntrack: "new", action: "pass" } },
        {
          ...passes({ ...answer({ ...DELIVERED, sport: 3 }), flags: "SA" }),
          event: { conntrack: "reply", action: "pass" },
        },
      ],
      after: (dataplane) => expect(portsOf(dataplane)).toEqual([1, 3]),
    },
  ]);

  eachDataplane(options, (dataplane) => {
    test("is emptied by flush, which counts what it closes", () => {
      take(dataplane(), [dial(1), dial(2)]);
      dataplane().flush();
      expect(dataplane().counters().connections).toMatchObject({ created: 2, closed: 2, ipv4: 0 });
      take(dataplane(), [dial(1), dial(2)]);
    });

    test("is never fuller than it may be", () => {
      const { open } = conversation(REQUEST_IPV6, { ...REQUEST_IPV6 });
      for (let sport = 1; sport <= 50; sport++) {
        take(dataplane(), [dial(sport), { send: open({ sport }).send, event: {} }]);
        const { ipv4, ipv6 } = dataplane().counters().connections;
        expect(ipv4).toBeLessThanOrEqual(2);
        expect(ipv6).toBeLessThanOrEqual(1);
      }
    });
  });
});
