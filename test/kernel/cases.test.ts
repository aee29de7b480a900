/**
 * What happens to connections in a kernel with kube-proxy's rules, told case by case, and the same in waxdp: every
 * packet sent here is compared by `duel`. What a case expects says that it has come where it wanted to.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packet } from "../../src/testing.ts";
import type { ServiceSpec } from "../conformance/cluster.ts";
import { type Frontend, PLAIN } from "./clusters.ts";
import type { Outcome } from "./comparison.ts";
import { complain, open, proceed, say } from "./conversation.ts";
import { type Datagram, read } from "./datagram.ts";
import { createDuel, type Duel } from "./duel.ts";
import type { Direction, Flow } from "./flow.ts";
import type { Lab } from "./lab.ts";
import { ERRORS } from "./packets.ts";
import { requireLab, skipped } from "./requirement.ts";

const SEED = 7;
const FAMILIES = ["ipv4", "ipv6"] as const;
type Family = (typeof FAMILIES)[number];

/** Who is who in a family. */
const PEOPLE = {
  ipv4: {
    service: "10.96.0.10",
    other: "10.96.0.11",
    vip: "198.51.100.10",
    node: "192.168.0.2",
    outside: "203.0.113.5",
    pod: "10.244.1.10",
    remote: "10.244.2.10",
    endpoints: ["10.244.1.11", "10.244.1.12", "10.244.2.11", "10.244.2.12"],
    bridge: "10.244.1.1",
    uplink: "192.168.1.2",
  },
  ipv6: {
    service: "fd00:96::10",
    other: "fd00:96::11",
    vip: "2001:db8:aa::10",
    node: "2001:db8::2",
    outside: "2001:db8:c::5",
    pod: "fd00:10:1::10",
    remote: "fd00:10:2::10",
    endpoints: ["fd00:10:1::11", "fd00:10:1::12", "fd00:10:2::11", "fd00:10:2::12"],
    bridge: "fd00:10:1::1",
    uplink: "2001:db8:1::2",
  },
} as const;
const PORT = 80;
const TARGET = 8080;
const NODE_PORT = 30080;
const UNUSED_PORT = 9;

describe.skipIf(skipped)("in the kernel and in waxdp", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await requireLab();
  });
  afterAll(() => lab?.close());

  describe.each(FAMILIES)("%s", (family) => {
    const people = PEOPLE[family];
    let duel: Duel;

    const serve = async (spec: Partial<ServiceSpec>, ...more: ServiceSpec[]) => {
      duel = await createDuel(
        lab,
        { services: [serviceOf(family, spec), ...more], settings: PLAIN },
        SEED,
      );
    };
    const dial = async (address: string, from: string, proto: Frontend["proto"] = "tcp") => {
      const port = address === people.node ? NODE_PORT : PORT;
      return shownOf(await open(duel, { address, port, proto }, { address: from, port: 40000 }));
    };
    const flow = (index = 0) => duel.flows[index] as Flow;
    /** The handshake and a little more. */
    const establish = async (address: string, from: string) => {
      await dial(address, from);
      for (let step = 0; step < 5; step++) await proceed(duel, flow());
    };

    test("a client's port that is taken at a shared endpoint is exchanged for another", async () => {
      const other = { ...serviceOf(family, {}), name: "other", clusterIPs: [people.other] };
      await serve({}, other);
      const first = await dial(people.service, people.pod);
      const second = await dial(people.other, people.pod);
      expect(first).toMatchObject({ saddr: people.pod, sport: 40000, daddr: people.remote });
      expect(second).toMatchObject({ saddr: people.pod, daddr: people.remote });
      expect(second.sport).not.toBe(40000);
      for (const one of [0, 1, 1, 0, 0, 1]) await proceed(duel, flow(one));
    });

    test("a port taken by a direct connection is exchanged too", async () => {
      await serve({});
      await open(
        duel,
        { address: people.remote, port: TARGET, proto: "tcp" },
        { address: people.pod, port: 40000 },
      );
      expect((await dial(people.service, people.pod)).sport).not.toBe(40000);
      for (const one of [0, 1, 1, 0, 0, 1]) await proceed(duel, flow(one));
    });

    test("a pod that reaches itself is masqueraded", async () => {
      await serve({ endpoints: [{ address: people.pod, node: "node-a" }] });
      expect(await dial(people.service, people.pod)).toMatchObject({
        saddr: people.bridge,
        daddr: people.pod,
      });
      for (let step = 0; step < 8; step++) await proceed(duel, flow());
    });

    test("a nodePort is masqueraded, both ways", async () => {
      await serve({});
      expect(await dial(people.node, people.outside)).toMatchObject({ saddr: people.uplink });
      const answer = shownOf(await proceed(duel, flow()));
      expect(answer).toMatchObject({ saddr: people.node, sport: NODE_PORT, daddr: people.outside });
    });

    test("a connection is closed, and its ports are used again", async () => {
      await serve({ endpoints: people.endpoints.map((address) => ({ address })) });
      await dial(people.service, people.pod);
      for (let step = 1; step < 9; step++) {
        expect((await proceed(duel, flow())).kind).toBe("forward");
      }
      // Time-wait: the ninth step was the last acknowledgement. The same ports open a new connection.
      for (let step = 0; step < 9; step++) {
        expect((await proceed(duel, flow())).kind).toBe("forward");
      }
    });

    test.each<Direction>(["orig", "reply"])("a reset ends it (%s)", async (from) => {
      await serve({ endpoints: people.endpoints.map((address) => ({ address })) });
      await establish(people.vip, people.outside);
      expect((await say(duel, flow(), from, { flags: "RA" })).kind).toBe("forward");
      await say(duel, flow(), "orig", { flags: "A" });
      expect((await dial(people.vip, people.outside)).daddr).toBeDefined();
      await proceed(duel, flow());
    });

    test("a refused connection is forgotten at once", async () => {
      await serve({ endpoints: people.endpoints.map((address) => ({ address })) });
      await dial(people.service, people.pod);
      expect((await say(duel, flow(), "reply", { flags: "RA" })).kind).toBe("forward");
      for (let again = 0; again < 4; again++) await dial(people.service, people.pod);
    });

    test("UDP goes both ways, with checksums and without", async () => {
      await serve({ ports: [{ port: PORT, target: TARGET, protocol: "UDP" }] });
      await dial(people.vip, people.outside, "udp");
      for (let step = 0; step < 8; step++) {
        expect((await proceed(duel, flow())).kind).toBe("forward");
      }
    });

    test("an SCTP association lives and ends", async () => {
      await serve({ ports: [{ port: PORT, target: TARGET, protocol: "SCTP" }] });
      await dial(people.vip, people.outside, "sctp");
      for (let step = 1; step < 9; step++) {
        expect((await proceed(duel, flow())).kind).toBe("forward");
      }
    });

    describe.each(["translated", "masqueraded"])("an error about a %s connection", (kind) => {
      const frontend = kind === "translated" ? people.service : people.vip;
      const client = kind === "translated" ? people.pod : people.outside;
      const cases = Object.entries(ERRORS).flatMap(([name, types]) =>
        (["orig", "reply"] as const).map((about) => ({ name, about, type: types[family] })),
      );

      test.each(cases)("$name, $about", async ({ about, type: [type, code] }) => {
        await serve({});
        await establish(frontend, client);
        for (const quoted of [8, 12, 20, 1000]) {
          for (const router of [true, false]) {
            const error = { about, type, code, rest: code === 4 ? 1400 : 0, quoted, router };
            expect((await complain(duel, flow(), error))?.kind).toBe("forward");
          }
        }
        expect((await proceed(duel, flow())).kind).toBe("forward");
      });

      test("that is damaged, or quotes too little", async () => {
        await serve({});
        await establish(frontend, client);
        const [type, code] = ERRORS["port unreachable"][family];
        const whole = { about: "orig", type, code } as const;
        const outcomes = [
          await complain(duel, flow(), { ...whole, checksum: 1 }),
          await complain(duel, flow(), { ...whole, quoted: 7 }),
        ];
        expect(outcomes.map((one) => one?.kind)).not.toContain("forward");
      });
    });

    test("an error is the first answer of a UDP service", async () => {
      await serve({ ports: [{ port: PORT, target: TARGET, protocol: "UDP" }] });
      await dial(people.vip, people.outside, "udp");
      const [type, code] = ERRORS["port unreachable"][family];
      expect((await complain(duel, flow(), { about: "orig", type, code }))?.kind).toBe("forward");
      await proceed(duel, flow());
    });

    test.each<Direction>(["orig", "reply"])("segments at the window's edges (%s)", async (from) => {
      await serve({});
      await establish(people.service, people.pod);
      const edges = [0, 1, -1, 65_000, 65_535, 66_000, 70_000, 2 ** 31 - 1, 2 ** 31, -70_000];
      for (const seqBy of edges) await say(duel, flow(), from, { flags: "A", seqBy, payload: "x" });
      for (const ackBy of edges) await say(duel, flow(), from, { flags: "A", ackBy });
      const far = await say(duel, flow(), from, { flags: "A", seqBy: 10_000_000 });
      expect(far.kind).toBe("silence");
    });

    test("nobody serves: refused at once, from where it was dialled", async () => {
      await serve({ endpoints: [] });
      for (const [address, from] of [
        [people.service, people.pod],
        [people.vip, people.outside],
        [people.node, people.outside],
        [people.node, people.pod],
      ] as const) {
        const outcome = await open(
          duel,
          { address, port: address === people.node ? NODE_PORT : PORT, proto: "tcp" },
          { address: from, port: 40000 },
        );
        expect(outcome.kind).toBe("answer");
      }
    });

    test("an external IP that is the node's own refuses from that address", async () => {
      await serve({ endpoints: [], externalIPs: [people.node] });
      const frontend = { address: people.node, port: PORT, proto: "tcp" } as const;
      const { kind, packet } = await open(duel, frontend, { address: people.pod, port: 40000 });
      expect(kind).toBe("answer");
      expect(read(packet as Uint8Array)?.saddr).toBe(people.node);
    });

    test("only other nodes serve, which the policy forbids: dropped", async () => {
      await serve({ externalPolicy: "Local", internalPolicy: "Local" });
      const vip = { address: people.vip, port: PORT, proto: "tcp" } as const;
      const refused = await open(duel, vip, { address: people.outside, port: 40000 });
      expect(refused.kind).toBe("silence");
      // Pods go to any endpoint, as if there were no policy.
      expect(await dial(people.vip, people.pod)).toMatchObject({ daddr: people.remote });
    });

    test("a client stays with its endpoint, until it has been away for long", async () => {
      const affinity = 2;
      await serve({ affinity, endpoints: people.endpoints.map((address) => ({ address })) });
      const clients = Array.from({ length: 16 }, (_, index) =>
        family === "ipv4" ? `203.0.113.${index + 10}` : `2001:db8:c::${index + 10}`,
      );
      const vip = { address: people.vip, port: PORT, proto: "tcp" } as const;
      const round = async (port: number, unsteered?: boolean) => {
        const chosen: string[] = [];
        for (const address of clients) {
          chosen.push(shownOf(await open(duel, vip, { address, port }, {}, { unsteered })).daddr);
        }
        return chosen;
      };
      const first = await round(40000);
      expect(await round(40001)).toEqual(first);
      await new Promise((resolve) => setTimeout(resolve, affinity * 1000 + 100));
      expect(await round(40002, false)).not.toEqual(first);
      // Left to itself, waxdp chooses anew as well.
      await new Promise((resolve) => setTimeout(resolve, affinity * 1000 + 100));
      const packets = clients.map((saddr) =>
        packet({ saddr, sport: 40003, daddr: people.vip, dport: PORT, flags: "S", link: "raw" }),
      );
      for (const results of duel.process("ext0", packets)) {
        expect(results.map((one) => read(one.packet)?.daddr)).not.toEqual(first);
      }
    });

    const oddities = [
      { name: "left to the host", address: people.node, flags: "S" },
      { name: "invalid and addressed to the node", address: people.node, port: NODE_PORT },
      { name: "not tracked", address: people.remote },
      { name: "invalid, and liberal", address: people.service, port: PORT, tcpBeLiberal: true },
    ];
    test.each(oddities)("$name: known to be different", async (one) => {
      const { name, address, port = UNUSED_PORT, flags = "FA", tcpBeLiberal = false } = one;
      const settings = { ...PLAIN, tcpBeLiberal };
      duel = await createDuel(lab, { services: [serviceOf(family, {})], settings }, SEED);
      const client = { address: people.pod, port: 40000 };
      await open(duel, { address, port, proto: "tcp" }, client, { flags });
      expect([...duel.met].map((difference) => difference.name)).toEqual([name]);
    });

    test("an error with a cut quote passes in the kernel, about connections left alone", async () => {
      await serve({});
      const elsewhere = { address: people.vip, port: UNUSED_PORT, proto: "tcp" } as const;
      await open(duel, elsewhere, { address: people.pod, port: 40000 });
      const [type, code] = ERRORS["port unreachable"][family];
      await complain(duel, flow(), { about: "orig", type, code, quoted: 7 });
      expect([...duel.met].map(({ name }) => name)).toEqual(["a quote cut short"]);
    });

    test("what came before the Service goes on untranslated in the kernel only", async () => {
      await serve({ clusterIPs: [people.other] });
      await dial(people.service, people.pod);
      const before = [...duel.flows];
      duel.apply({ services: [serviceOf(family, {})], settings: PLAIN });
      duel.flows.push(...before);
      await say(duel, flow(), "orig", { flags: "S" });
      expect([...duel.met].map(({ name }) => name)).toContain("older than the Service");
    });
  });
});

/** A packet that has gone through. */
function shownOf({ kind, packet }: Outcome): Datagram {
  expect(kind).toBe("forward");
  return read(packet as Uint8Array) as Datagram;
}

/** One endpoint on the other node, behind every kind of frontend. */
function serviceOf(family: Family, spec: Partial<ServiceSpec>): ServiceSpec {
  const { service, vip, remote } = PEOPLE[family];
  return {
    name: "web",
    type: "LoadBalancer",
    clusterIPs: [service],
    ingress: [vip],
    ports: [{ port: PORT, target: TARGET, nodePort: NODE_PORT }],
    endpoints: [{ address: remote, node: "node-b" }],
    ...spec,
  };
}
