/** ICMP errors, as a client has captured them, sent there and back. */
import { describe, expect, test } from "vitest";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import type { Packet } from "../../src/pcap/index.ts";
import { last, play, reply, results } from "./returns.ts";
import { applied, captured, engines } from "./scene.ts";

const POD = "10.244.1.9";
const VIP = { daddr: "10.96.0.10", dport: 80 };

interface Ends {
  readonly saddr: string;
  readonly sport: number;
  readonly daddr: string;
  readonly dport: number;
}

const isIpv6 = ({ saddr }: Ends): boolean => saddr.includes(":");

/** "Port unreachable" by default, about the IP packet `quoted`. */
function error(from: string, to: string, quoted: Uint8Array, more: Partial<PacketSpec> = {}) {
  const v6 = from.includes(":");
  const icmp = v6 ? { type: 1, code: 4 } : { type: 3, code: 3 };
  return captured(1, {
    saddr: from,
    daddr: to,
    proto: v6 ? "icmpv6" : "icmp",
    icmp,
    payload: quoted,
    ...more,
  });
}

/** From the IP header on. */
const quoteOf = (spec: PacketSpec): Uint8Array => packet({ ...spec, link: "raw" });

describe.each(engines)("the error that refuses a request ($engine)", ({ create }) => {
  const vacant: readonly { name: string; ends: Ends; node: string }[] = [
    {
      name: "IPv4",
      ends: { saddr: POD, sport: 4000, daddr: "10.96.0.11", dport: 80 },
      node: "10.244.1.1",
    },
    {
      name: "IPv6",
      ends: { saddr: "fd00:244:1::9", sport: 4000, daddr: "fd00:96::11", dport: 80 },
      node: "fd00:244:1::1",
    },
  ];
  const empty6 = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "empty6", namespace: "default" },
    spec: {
      clusterIP: "fd00:96::11",
      clusterIPs: ["fd00:96::11"],
      ipFamilies: ["IPv6"],
      ports: [{ port: 80, protocol: "TCP" }],
    },
  };
  const refused = (ends: Ends, more: Partial<PacketSpec> = {}) => {
    const request: PacketSpec = { ...ends, proto: "tcp", flags: "S", seq: 7, ...more };
    return { request: captured(0, request), quote: (ttl: number) => quoteOf({ ...request, ttl }) };
  };
  const setup = async () => applied(create, {}, [empty6]);
  /** What Linux gives its errors: icmp_push_reply and icmpv6_push_pending_frames. */
  const kernel = (ends: Ends): Partial<PacketSpec> =>
    isIpv6(ends) ? { flowLabel: 0xd08d2 } : { id: 0xc7c2, tos: 0xc0 };

  test.each(vacant)("$name: as the dataplane's, whatever the node drew", async ({ ends, node }) => {
    const { request, quote } = refused(ends);
    const answer = error(node, ends.saddr, quote(63), { ...kernel(ends), ttl: 62 });
    const [there, back] = play(await setup(), [request, answer]);
    expect(there).toMatchObject({ direction: "request", result: "refused" });
    expect(back).toMatchObject({ direction: "answer", result: "same", about: 1, replayed: null });
  });

  const wrong: readonly { name: string; more: Partial<PacketSpec>; ttl: number }[] = [
    { name: "another code", more: { icmp: { type: 3, code: 13 } }, ttl: 63 },
    { name: "another type of service", more: { tos: 0 }, ttl: 63 },
    { name: "hops that nobody takes away", more: { ttl: 65 }, ttl: 63 },
    { name: "a quoted packet that has gained hops", more: {}, ttl: 65 },
    { name: "do not fragment", more: { dontFragment: true }, ttl: 63 },
    { name: "a wrong checksum", more: { checksum: 1 }, ttl: 63 },
    {
      name: "something in the unused field",
      more: { icmp: { type: 3, code: 3, rest: 1 } },
      ttl: 63,
    },
  ];
  test.each(wrong)("$name is told", async ({ more, ttl }) => {
    const { ends, node } = vacant[0]!;
    const { request, quote } = refused(ends);
    const answer = error(node, ends.saddr, quote(ttl), { ...kernel(ends), ...more });
    const { result, complaint } = last(await setup(), request, answer);
    expect(result).toBe("different");
    expect(complaint).toBe("an ICMP error about packet 1, that is not the dataplane's");
  });

  test("a quote of another packet of the connection is told", async () => {
    const { ends, node } = vacant[0]!;
    const { request } = refused(ends);
    const answer = error(node, ends.saddr, refused(ends, { seq: 8 }).quote(63), kernel(ends));
    expect(last(await setup(), request, answer).result).toBe("different");
  });

  test("of requests sent again, the one that is quoted is answered", async () => {
    const { ends, node } = vacant[0]!;
    const tries = [1, 2, 3].map((id) => refused(ends, { id }));
    const answers = [3, 1, 2].map((id) =>
      error(node, ends.saddr, refused(ends, { id }).quote(63), kernel(ends)),
    );
    const all = play(await setup(), [...tries.map(({ request }) => request), ...answers]);
    expect(all.slice(3).map(({ result, about }) => [result, about])).toEqual([
      ["same", 3],
      ["same", 1],
      ["same", 2],
    ]);
  });

  test("an address of the node answers itself, and undecremented", async () => {
    const ends = { saddr: "203.0.113.9", sport: 4000, daddr: "172.18.0.2", dport: 30090 };
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "empty-port", namespace: "default" },
      spec: {
        type: "NodePort",
        clusterIP: "10.96.0.13",
        clusterIPs: ["10.96.0.13"],
        ports: [{ port: 80, nodePort: 30090, protocol: "TCP" }],
      },
    };
    const from = async (address: string) => {
      const { request, quote } = refused(ends);
      const answer = error(address, ends.saddr, quote(64), kernel(ends));
      return last(await applied(create, {}, [service]), request, answer).result;
    };
    expect(await from("172.18.0.2")).toBe("same");
    expect(await from("172.18.0.3")).toBe("different");
  });

  test("cut by the capture: as far as it goes, if the request was whole", async () => {
    const { ends, node } = vacant[0]!;
    const { request, quote } = refused(ends, { payload: new Uint8Array(400) });
    const whole = error(node, ends.saddr, quote(63), kernel(ends));
    const cut = (whole: Packet) => ({ ...whole, data: whole.data.subarray(0, 96) });
    expect(last(await setup(), request, cut(whole)).result).toBe("same");
    expect(last(await setup(), cut(request), whole).result).toBe("unchecked");
  });

  test("an error comes once, and about what was refused", async () => {
    const { ends, node } = vacant[0]!;
    const { request, quote } = refused(ends);
    const answer = error(node, ends.saddr, quote(63), kernel(ends));
    const dataplane = await setup();
    expect(results(dataplane, [request, answer, answer])).toEqual([
      "request refused",
      "answer same",
      "other unchecked",
    ]);
    expect(dataplane.counters().packets).toBe(2);
  });

  test("errors that never come are forgotten, the oldest first", async () => {
    const { ends, node } = vacant[0]!;
    const all = Array.from({ length: 300 }, (_, index) =>
      refused({ ...ends, sport: 5000 + index }),
    );
    const answers = [0, 299].map((index) =>
      error(node, ends.saddr, all[index]!.quote(63), kernel(ends)),
    );
    const packets = [...all.map(({ request }) => request), ...answers];
    expect(results(await setup(), packets).slice(-2)).toEqual(["other unchecked", "answer same"]);
  });
});

describe.each(engines)("errors about translated packets ($engine)", ({ create }) => {
  const dns = { dport: 53, proto: "udp", payload: "which address?" } as const;
  const requests: readonly { name: string; spec: PacketSpec & Ends }[] = [
    { name: "UDP", spec: { saddr: POD, sport: 5000, daddr: VIP.daddr, ...dns } },
    {
      name: "UDP, masqueraded",
      spec: { saddr: "203.0.113.9", sport: 5000, daddr: VIP.daddr, ...dns },
    },
    { name: "UDP, hairpin", spec: { saddr: "10.244.1.5", sport: 5000, daddr: VIP.daddr, ...dns } },
    {
      name: "UDP without a checksum",
      spec: { saddr: POD, sport: 5000, daddr: VIP.daddr, ...dns, checksum: 0 },
    },
    {
      name: "UDP over IPv6",
      spec: { saddr: "fd00:244:1::9", sport: 5000, daddr: "fd00:96::10", ...dns },
    },
    { name: "TCP", spec: { saddr: POD, sport: 5000, ...VIP, proto: "tcp", flags: "S" } },
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

  test.each(requests)("$name: about a request, from behind the node", async ({ spec }) => {
    const there = captured(0, spec);
    const back = error(spec.daddr, spec.saddr, quoteOf({ ...spec, ttl: 62 }), { ttl: 60 });
    expect(results(await applied(create), [there, back])).toEqual(["request same", "answer same"]);
  });

  test.each(requests)("$name: about an answer, from the client", async ({ spec }) => {
    const [there, back] = [captured(0, spec), captured(0.5, reply(spec))];
    const about = error(spec.saddr, spec.daddr, quoteOf({ ...reply(spec), ttl: 61 }));
    const all = results(await applied(create), [there, back, about]);
    expect(all.at(-1)).toBe("request same");
  });

  const { spec } = requests[0]!;
  const request = captured(0, spec);

  test("a TCP packet quoted without its checksum", async () => {
    const { spec } = requests[5]!;
    const back = error(spec.daddr, spec.saddr, quoteOf(spec).subarray(0, 28));
    expect(last(await applied(create), captured(0, spec), back).result).toBe("same");
  });

  test("a damaged one does not come back", async () => {
    const back = error(spec.daddr, spec.saddr, quoteOf(spec), { checksum: 1 });
    const { direction, result, complaint } = last(await applied(create), request, back);
    expect([direction, result]).toEqual(["answer", "different"]);
    expect(complaint).toMatch(/^an ICMP error, as 10\.244\.\d\.\d sent it, .*: drop \(checksum\)$/);
  });

  test("one that goes to somebody else is not the captured packet again", async () => {
    const back = error(spec.daddr, "10.244.1.8", quoteOf(spec));
    expect(last(await applied(create), request, back)).toMatchObject({
      direction: "answer",
      result: "different",
    });
  });

  test("a router between client and node cannot be checked", async () => {
    const back = error("192.0.2.1", spec.saddr, quoteOf(spec), { icmp: { type: 11 } });
    const { result, complaint } = last(await applied(create), request, back);
    expect(result).toBe("unchecked");
    expect(complaint).toBe("an ICMP error about a request, from 192.0.2.1, who is before the node");
  });

  test("one about a connection that was not captured cannot be checked", async () => {
    const back = error(spec.daddr, spec.saddr, quoteOf(spec));
    const { result, complaint } = last(await applied(create), back);
    expect(result).toBe("unchecked");
    expect(complaint).toMatch(/^an ICMP error about a connection .* not seen open/);
  });

  test("SCTP quoted in part has another checksum behind the node", async () => {
    const { spec } = requests[6]!;
    const [there, back] = [captured(0, spec), captured(0.5, reply(spec))];
    const about = error(spec.saddr, spec.daddr, quoteOf(reply(spec)).subarray(0, 36));
    expect(last(await applied(create), there, back, about)).toMatchObject({
      direction: "request",
      result: "unchecked",
    });
  });

  test("one about somebody else's connection passes as it is", async () => {
    const other = { saddr: POD, sport: 1, daddr: "192.0.2.1", dport: 2, proto: "udp" } as const;
    const back = error("192.0.2.1", POD, quoteOf(other));
    expect(results(await applied(create), [captured(0, other), back])).toEqual([
      "other same",
      "other same",
    ]);
  });
});
