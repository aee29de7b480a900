/**
 * Who of several engines gets a packet: case by case, from both engines and both builds. What is expected stands
 * here by its rule, the hash of ports included.
 */
import { describe, expect, test } from "vitest";
import { SHARD_UNKNOWN, SHARDS_MAX } from "../../abi/limits.ts";
import type { Capacity } from "../../src/dataplane/dataplane.ts";
import type { Tuple } from "../../src/dataplane/entries.ts";
import { fragments, packet } from "../../src/packet/build.ts";
import { inverse } from "../fuzz/flows.ts";
import type { Packet } from "../fuzz/packets.ts";
import { send } from "../fuzz/pair.ts";
import { ROOMY } from "../fuzz/settings.ts";
import { createShards, type Shards, type Steering } from "../fuzz/shards.ts";
import { answer as answerTo, ask, complain } from "../fuzz/steering.ts";
import type { ServiceSpec } from "./cluster.ts";
import { build, type Frame } from "./frame.ts";
import { CLIENT, NODE, NODE_IPV4, POD, SERVICES, STRANGER, scene } from "./scene.ts";

const SHARDS = 7;
const CAPACITY: Capacity = { ...ROOMY, connections: 4096, connections6: 16 };
const VIP = "10.96.0.10";
const ENDPOINT = "10.244.1.10";
const NODE_PORT = 30080;

/** The node's own address as an external IP, and an endpoint in its network. */
const HOST: ServiceSpec = {
  name: "host",
  clusterIPs: ["10.96.0.80"],
  externalIPs: [NODE_IPV4],
  ports: [{ name: "tcp", port: 9443, target: 9100 }],
  endpoints: [{ address: NODE_IPV4, node: NODE }],
};
const OBJECTS = scene(SERVICES.web, HOST);

/** The shard of a port: 2^16 by the golden ratio spreads them. */
const ofPort = (port: number, shards = SHARDS) => (((port * 40503) % 65536) * shards) >>> 16;

const tcp = (saddr: string, sport: number, daddr: string, dport: number): Frame => {
  return { saddr, sport, daddr, dport, proto: "tcp" };
};

async function make(steering: Steering, objects = OBJECTS, shards = SHARDS): Promise<Shards> {
  const options = { node: NODE, seed: 7, capacity: CAPACITY };
  const made = await createShards(shards, steering, options);
  made.apply(objects);
  return made;
}

const whole = (frame: Frame): Packet => ({ bytes: build(frame), options: {} });

describe("by port", () => {
  const CASES: readonly (readonly [name: string, frame: Frame, shard: number])[] = [
    ["a client dials a cluster IP", tcp(CLIENT, 40001, VIP, 80), ofPort(40001)],
    ["a client dials an external IP", tcp(CLIENT, 40002, "198.51.100.10", 80), ofPort(40002)],
    ["a client dials a nodePort", tcp(CLIENT, 40003, NODE_IPV4, NODE_PORT), ofPort(40003)],
    ["the node dials its nodePort", tcp("127.0.0.1", 40004, "127.0.0.1", NODE_PORT), ofPort(40004)],
    ["a client dials an endpoint", tcp(CLIENT, 40005, ENDPOINT, 8080), ofPort(40005)],
    ["an endpoint answers a client", tcp(ENDPOINT, 8080, CLIENT, 40006), ofPort(40006)],
    ["an endpoint answers the node", tcp(ENDPOINT, 8080, NODE_IPV4, 40007), ofPort(40007)],
    ["a low port answers a lower one", tcp(ENDPOINT, 8080, CLIENT, 80), ofPort(80)],
    ["the client's port is a nodePort's", tcp(CLIENT, NODE_PORT, VIP, 80), ofPort(NODE_PORT)],
    ["the same answered", tcp(ENDPOINT, 8080, CLIENT, NODE_PORT), ofPort(NODE_PORT)],
    ["an endpoint dials from elsewhere", tcp(ENDPOINT, 40008, VIP, 80), ofPort(40008)],
    ["an endpoint dials from where it serves", tcp(ENDPOINT, 8080, VIP, 80), 0],
    ["an endpoint dials an endpoint so", tcp(ENDPOINT, 8080, NODE_IPV4, 9100), 0],
    ["the same answered", tcp(NODE_IPV4, 9100, ENDPOINT, 8080), 0],
    ["a frontend elsewhere dials a service", tcp("198.51.100.10", 80, VIP, 80), 0],
    ["the same answered", tcp(ENDPOINT, 8080, "198.51.100.10", 80), 0],
    [
      "the node dials from a nodePort's port",
      tcp(NODE_IPV4, NODE_PORT, VIP, 80),
      ofPort(NODE_PORT),
    ],
    ["the same answered", tcp(ENDPOINT, 8080, NODE_IPV4, NODE_PORT), ofPort(NODE_PORT)],
    ["the node dials an endpoint from there", tcp(NODE_IPV4, 9443, ENDPOINT, 8080), ofPort(9443)],
    ["the same answered", tcp(ENDPOINT, 8080, NODE_IPV4, 9443), ofPort(9443)],
    ["the node dials from an endpoint's port", tcp(NODE_IPV4, 9100, VIP, 80), 0],
    ["the same answered", tcp(ENDPOINT, 8080, NODE_IPV4, 9100), 0],
    ["nobody's, to the higher port", tcp(CLIENT, 80, STRANGER, 50000), ofPort(50000)],
    ["nobody's, from the higher port", tcp(CLIENT, 50000, STRANGER, 80), ofPort(50000)],
    ["a ping", { saddr: CLIENT, daddr: VIP, proto: "icmp" }, 0],
  ];

  test.each(CASES)("%s", async (_, frame, shard) => {
    expect((await shards).steer(whole(frame))).toBe(shard);
  });

  const shards = make("port");

  test("every protocol and family has its own frontends", async () => {
    const udp: Frame = { ...tcp(CLIENT, 40001, VIP, 80), proto: "udp" };
    expect((await shards).steer(whole(udp))).toBe(ofPort(40001));
    // Nobody serves UDP there: the higher port is the client's, whoever that is.
    const unserved: Frame = { ...tcp(NODE_IPV4, 100, ENDPOINT, 9100), proto: "udp" };
    expect((await shards).steer(whole(unserved))).toBe(ofPort(9100));
    const six = tcp("2001:db8:f::9", 40009, "fd00:96::10", 80);
    expect((await shards).steer(whole(six))).toBe(ofPort(40009));
    const back = tcp("fd00:10:244:1::10", 8080, "2001:db8:f::9", 40009);
    expect((await shards).steer(whole(back))).toBe(ofPort(40009));
  });

  test.each([
    ["a cluster IP, by who is behind it", tcp(VIP, 80, CLIENT, 40001), 40001],
    ["an endpoint, by who is in front", tcp(NODE_IPV4, 40002, ENDPOINT, 8080), 40002],
    ["a nodePort", tcp(NODE_IPV4, NODE_PORT, CLIENT, 40003), 40003],
  ])("an error about a packet of %s", async (_, frame, port) => {
    const error = complain(build(frame), frame as Tuple);
    expect((await shards).steer(error)).toBe(ofPort(port));
  });

  test("an error that quotes no ports, or an error", async () => {
    const about = { ...tcp(VIP, 80, CLIENT, 40001) } as Tuple;
    const ping = complain(build({ saddr: VIP, daddr: CLIENT, proto: "icmp" }), about);
    const short = complain(build(tcp(VIP, 80, CLIENT, 40001)).subarray(0, 41), about);
    const again = complain(complain(build(tcp(VIP, 80, CLIENT, 40001)), about).bytes, about);
    for (const error of [ping, short, again]) expect((await shards).steer(error)).toBe(0);
  });

  test.each([
    ["IPv4", { saddr: CLIENT, daddr: VIP, proto: "udp" as const }, {}],
    ["IPv4 with options", { saddr: CLIENT, daddr: VIP, ipOptions: new Uint8Array(8).fill(1) }, {}],
    ["IPv6", { saddr: "2001:db8:f::9", daddr: "fd00:96::10" }, {}],
    ["IPv4 behind two tags", { saddr: CLIENT, daddr: VIP, vlan: [5, 6] }, {}],
    [
      "raw IPv6",
      { saddr: "2001:db8:f::9", daddr: "fd00:96::10", link: "raw" as const },
      {
        linkType: "raw" as const,
      },
    ],
  ])("fragments of %s: the first by its ports, the others unknown", async (_, ends, options) => {
    const spec = { sport: 40010, dport: 80, payload: new Uint8Array(100), ...ends };
    const [first, ...others] = fragments(spec, 24).map((bytes) => ({ bytes, options }));
    expect((await shards).steer(first!)).toBe(ofPort(40010));
    expect(others.length).toBeGreaterThan(2);
    for (const one of others) expect((await shards).steer(one)).toBe(SHARD_UNKNOWN);
  });

  test("a first fragment without ports, and one that cannot be", async () => {
    const ends = { saddr: CLIENT, daddr: VIP };
    const [ping, rest] = fragments({ ...ends, proto: "icmp", payload: new Uint8Array(64) }, 24);
    expect((await shards).steer({ bytes: ping!, options: {} })).toBe(0);
    expect((await shards).steer({ bytes: rest!, options: {} })).toBe(SHARD_UNKNOWN);
    const ragged = packet({ ...ends, fragment: { offset: 8, more: true }, payload: "ragged" });
    expect((await shards).steer({ bytes: ragged, options: {} })).toBe(0);
  });

  test("what is cut before its ports, or no IP", async () => {
    const { bytes } = whole(tcp(CLIENT, 40001, VIP, 80));
    for (const length of [0, 13, 14, 33, 34, 36, 53]) {
      const cut = { bytes: bytes.subarray(0, length), options: { wireLength: bytes.length } };
      expect((await shards).steer(cut)).toBe(0);
    }
    const headers = { bytes: bytes.subarray(0, 54), options: { wireLength: 1500 } };
    expect((await shards).steer(headers)).toBe(ofPort(40001));
  });

  test("a wrong checksum goes where the right one goes: engines look at it", async () => {
    const { bytes } = whole(tcp(CLIENT, 40001, VIP, 80));
    bytes[24]! ^= 1;
    expect((await shards).steer({ bytes, options: {} })).toBe(ofPort(40001));
  });

  test("the frame and the counters stay", async () => {
    const { pairs } = await shards;
    const before = pairs.map(({ wasm }) => wasm.counters());
    const one = whole(tcp(CLIENT, 40001, VIP, 80));
    const copy = one.bytes.slice();
    (await shards).steer(one);
    expect(one.bytes).toEqual(copy);
    expect(pairs.map(({ wasm }) => wasm.counters())).toEqual(before);
  });
});

describe("by address", () => {
  const shards = make("address");

  test("all packets of a client go to one shard, whatever they dial", async () => {
    const dialled: readonly (readonly [string, number])[] = [
      [VIP, 80],
      [NODE_IPV4, NODE_PORT],
    ];
    for (const client of [CLIENT, STRANGER, POD]) {
      const found = new Set<number>();
      for (let port = 40000; port < 40050; port++) {
        for (const [daddr, dport] of dialled) {
          found.add((await shards).steer(whole(tcp(client, port, daddr, dport))));
        }
        found.add((await shards).steer(whole(tcp(ENDPOINT, 8080, client, port))));
      }
      expect(found.size).toBe(1);
    }
  });

  test("the node's own by their ports, as masqueraded answers come", async () => {
    const answered = whole(tcp(ENDPOINT, 8080, NODE_IPV4, 40001));
    expect((await shards).steer(answered)).toBe(ofPort(40001));
    expect((await shards).steer(whole(tcp(NODE_IPV4, 40002, VIP, 80)))).toBe(ofPort(40002));
    const local = whole(tcp("127.0.0.1", 40003, "127.0.0.1", NODE_PORT));
    expect((await shards).steer(local)).toBe(ofPort(40003));
  });

  test("clients spread evenly, and as the seed says", async () => {
    const count = async (one: Shards) => {
      const hits = new Array<number>(SHARDS).fill(0);
      for (let host = 0; host < 7000; host++) {
        const client = `203.${host >> 8}.${host & 255}.9`;
        hits[one.steer(whole(tcp(client, 40000, VIP, 80)))]!++;
      }
      return hits;
    };
    for (const hits of await count(await shards))
      expect(Math.abs(hits / 1000 - 1)).toBeLessThan(0.15);
  });
});

describe("ports spread over shards", () => {
  test.each([2, 3, 4, 7, 64])(
    "those of one parity within 10 % over %i",
    async (shards) => {
      const made = await make("port", OBJECTS, shards);
      for (const parity of [0, 1]) {
        const hits = new Array<number>(shards).fill(0);
        for (let port = 32768 + parity; port < 61000; port += 2) {
          hits[made.steer(whole(tcp(CLIENT, port, VIP, 80)))]!++;
        }
        const even = hits.reduce((sum, each) => sum + each) / shards;
        for (const each of hits) expect(Math.abs(each / even - 1)).toBeLessThan(0.1);
      }
    },
    60_000,
  );

  test("not more than there may be", () => expect(SHARDS_MAX).toBeLessThan(SHARD_UNKNOWN));
});

describe("source ports", () => {
  /** Sends where it is steered to. */
  function pass(shards: Shards, one: Packet) {
    const shard = shards.steer(one);
    return { shard, ...send(shards.pairs[shard]!, [one], 0, false)[0]! };
  }

  test.each(["port", "address"] as const)(
    "masqueraded ones differ among engines, by %s",
    async (by) => {
      const shards = await make(by);
      const taken = new Set<number>();
      for (let client = 1; client <= 200; client++) {
        const asked = tcp(`203.0.113.${client}`, 40000, NODE_IPV4, NODE_PORT) as Tuple;
        const { shard, event } = pass(shards, ask(asked));
        expect(event).toMatchObject({ conntrack: "new", masquerade: true });
        expect(ofPort(event.after!.sport)).toBe(shard);
        taken.add(event.after!.sport);
        expect(pass(shards, answerTo(event.after!))).toMatchObject({
          shard,
          event: { conntrack: "reply", after: inverse(asked) },
        });
      }
      expect(taken.size).toBe(200);
    },
  );

  test("an engine that has no port left refuses, while others go on", async () => {
    const shards = await make("port", OBJECTS, 2);
    const dial = (client: number, sport: number) => {
      const asked = tcp(`203.0.113.${client}`, sport, NODE_IPV4, NODE_PORT) as Tuple;
      return pass(shards, ask(asked)).event.reason;
    };
    // Each takes all of its own ports below 512 ...
    for (let sport = 1; sport <= 511; sport++) expect(dial(1, sport)).toBeNull();
    const none = Array.from({ length: 20 }, (_, i) => dial(2, i + 1));
    expect(new Set(none)).toEqual(new Set(["port-exhausted"]));
    // ... and has others.
    expect(dial(2, 600)).toBeNull();
  });

  test("a nodePort that comes and goes moves no connection", async () => {
    const shards = await make("port", scene(SERVICES.web));
    const late = { ...SERVICES.web, name: "late", clusterIPs: ["10.96.0.90"], externalIPs: [] };
    const port = 31_000;
    const more: ServiceSpec = { ...late, ports: [{ name: "tcp", port: 80, nodePort: port }] };
    const asked = tcp(CLIENT, port, NODE_IPV4, NODE_PORT) as Tuple;
    const { shard, event } = pass(shards, ask(asked));
    expect(event.after).toMatchObject({ saddr: NODE_IPV4, sport: port });
    for (const objects of [scene(SERVICES.web, more), scene(SERVICES.web)]) {
      shards.apply(objects);
      expect(shards.steer(answerTo(event.after!))).toBe(shard);
      expect(pass(shards, answerTo(event.after!)).event.conntrack).toBe("reply");
      expect(pass(shards, ask(asked, "A")).event.conntrack).toBe("established");
    }
  });

  test("a Service that goes leaves its connections where they are", async () => {
    const shards = await make("port");
    const asked = tcp(CLIENT, 40001, VIP, 80) as Tuple;
    const { event } = pass(shards, ask(asked));
    shards.apply(scene());
    expect(pass(shards, answerTo(event.after!)).event.conntrack).toBe("reply");
    expect(pass(shards, ask(asked, "A")).event.conntrack).toBe("established");
  });

  test("one engine keeps what it always kept", async () => {
    const shards = await make("port", OBJECTS, 1);
    for (const sport of [1, 80, 511, 600, 8080, 30001, 40000, 65535]) {
      const asked = tcp(CLIENT, sport, NODE_IPV4, NODE_PORT) as Tuple;
      expect(pass(shards, ask(asked)).event.after!.sport).toBe(sport);
    }
  });
});
