import { describe, expect, test } from "vitest";
import type { PacketSpec } from "../../src/packet/build.ts";
import { last, play, reply, results } from "./returns.ts";
import { applied, captured, conversation, engines } from "./scene.ts";

const POD = "10.244.1.9";
const VIP = { daddr: "10.96.0.10", dport: 80 };

describe.each(engines)("both ways ($engine)", ({ create }) => {
  const clients = [
    { name: "a pod", ends: { saddr: POD, sport: 4000, ...VIP } },
    { name: "a client outside, masqueraded", ends: { saddr: "203.0.113.9", sport: 4000, ...VIP } },
    {
      name: "a nodePort",
      ends: { saddr: "203.0.113.9", sport: 4000, daddr: "172.18.0.2", dport: 30080 },
    },
    { name: "an endpoint that dials itself", ends: { saddr: "10.244.1.5", sport: 4000, ...VIP } },
    {
      name: "IPv6",
      ends: { saddr: "fd00:244:1::9", sport: 4000, daddr: "fd00:96::10", dport: 80 },
    },
  ];
  test.each(clients)("$name: every packet of a connection comes back", async ({ ends }) => {
    const all = results(await applied(create), conversation(0, ends));
    const [there, back] = ["request same", "answer same"];
    expect(all).toEqual([there, back, there, there, back, there, back, there]);
  });

  const datagrams: { name: string; spec: PacketSpec }[] = [
    {
      name: "UDP",
      spec: { saddr: POD, sport: 5000, daddr: VIP.daddr, dport: 53, proto: "udp", payload: "q" },
    },
    {
      name: "UDP without a checksum",
      spec: { saddr: POD, sport: 5000, daddr: VIP.daddr, dport: 53, proto: "udp", checksum: 0 },
    },
    {
      name: "UDP in two VLANs",
      spec: {
        saddr: POD,
        sport: 5000,
        daddr: VIP.daddr,
        dport: 53,
        proto: "udp",
        vlan: [5, 6],
      },
    },
    {
      name: "SCTP",
      spec: {
        saddr: POD,
        sport: 5000,
        daddr: VIP.daddr,
        dport: 3868,
        proto: "sctp",
        chunks: [{ type: "INIT", value: new Uint8Array(16).fill(1) }],
      },
    },
  ];
  test.each(datagrams)("$name comes back", async ({ spec }) => {
    const packets = [captured(0, spec), captured(1, reply(spec)), captured(2, spec)];
    expect(results(await applied(create), packets)).toEqual([
      "request same",
      "answer same",
      "request same",
    ]);
  });

  test("a tuple used again after a reset is a new connection", async () => {
    const ends = { saddr: POD, sport: 4000, ...VIP, proto: "tcp" } as const;
    const reset = captured(1, { ...reply(ends), flags: "RA" });
    const packets = [
      captured(0, { ...ends, flags: "S" }),
      reset,
      ...conversation(2, ends),
      ...conversation(9, ends),
    ];
    const all = results(await applied(create), packets);
    expect(new Set(all)).toEqual(new Set(["request same", "answer same"]));
  });

  test("what is no Service's passes as it is", async () => {
    const packets = [
      captured(0, { saddr: POD, daddr: "192.0.2.1", dport: 80, flags: "S" }),
      captured(1, { saddr: POD, daddr: VIP.daddr, proto: "icmp" }),
      captured(2, { saddr: POD, daddr: VIP.daddr, etherType: 0x0806 }),
    ];
    expect(results(await applied(create), packets)).toEqual([
      "other same",
      "other same",
      "other same",
    ]);
  });

  test("an answer before any request cannot be checked", async () => {
    const answer = captured(0, { ...reply({ saddr: POD, sport: 4000, ...VIP }), flags: "A" });
    const { direction, result, complaint } = last(await applied(create), answer);
    expect([direction, result]).toEqual(["answer", "unchecked"]);
    expect(complaint).toMatch(/has not seen open/);
  });

  test("a request that the objects reject is refused, not different", async () => {
    const packet = captured(0, { saddr: POD, daddr: "10.96.0.11", dport: 80, flags: "S" });
    const { direction, result, complaint } = last(await applied(create), packet);
    expect([direction, result]).toEqual(["request", "refused"]);
    expect(complaint).toBe("a request that does not come out at a backend: reject (no-endpoints)");
  });

  test("an answer that conntrack calls invalid does not come back", async () => {
    const ends = { saddr: POD, sport: 4000, ...VIP } as const;
    const { result, complaint } = last(
      await applied(create),
      captured(0, { ...ends, flags: "S" }),
      captured(1, { ...reply(ends), flags: "FS" }),
    );
    expect(result).toBe("different");
    expect(complaint).toMatch(
      /^an answer as 10\.244\.\d\.\d port 8080 sent it, .*drop \(invalid\)$/,
    );
  });
});

describe.each(engines)("an endpoint dialled itself ($engine)", ({ create }) => {
  const ends = { saddr: POD, sport: 4000, daddr: "10.244.1.5", dport: 8080 };

  test("is no Service's, and comes back", async () => {
    const all = results(await applied(create), conversation(0, ends));
    expect(new Set(all)).toEqual(new Set(["other same"]));
  });

  test("with a port that a Service's connection already has", async () => {
    const through = conversation(0, { saddr: POD, sport: 4000, ...VIP });
    const directly = ["10.244.1.5", "10.244.2.7"].flatMap((daddr) =>
      conversation(9, { ...ends, daddr }),
    );
    const dataplane = await applied(create);
    const all = play(dataplane, [...through, ...directly]);
    expect(new Set(all.map(({ result }) => result))).toEqual(new Set(["same"]));
    const moved = all.filter(({ direction, replayed }) => {
      return direction === "other" && replayed?.event.action === "dnat";
    });
    expect(moved.length).toBeGreaterThan(0);
  });
});
