import { describe, expect, test } from "vitest";
import { LINK_ETHERNET } from "../../abi/limits.ts";
import type { Config } from "../../src/dataplane/entries.ts";
import { fragments, type PacketSpec, packet } from "../../src/packet/build.ts";
import * as checksum from "../../src/packet/checksum.ts";
import {
  answer,
  CLIENT,
  CLIENT6,
  connections,
  ENDPOINT,
  ENDPOINT6,
  INVALID,
  LEFT_ALONE,
  NODE,
  POD,
  VIP,
  VIP6,
  web,
} from "./scene.ts";
import { CONFIG, type Content, createWorld, type World } from "./world.ts";

const ROUTER = "192.168.1.3";
const ROUTER6 = "2001:db8:1::3";
const OTHER = "198.51.100.77";

const RELATED = {
  verdict: "PASS",
  action: "related",
  reason: null,
  conntrack: "related",
  service: 0,
  backend: 1,
  masquerade: false,
};
const DAMAGED = { ...INVALID, reason: "checksum" };

/** A packet of the client's connection, as the client sends it, and as the endpoint sees it. */
interface Sight {
  readonly sent: PacketSpec;
  readonly seen: PacketSpec;
}

const DIRECT: Sight = {
  sent: { saddr: POD, sport: 40000, daddr: VIP, dport: 80, payload: "request", ttl: 60, id: 7 },
  seen: {
    saddr: POD,
    sport: 40000,
    daddr: ENDPOINT,
    dport: 8080,
    payload: "request",
    ttl: 60,
    id: 7,
  },
};
const DIRECT6: Sight = {
  sent: { saddr: CLIENT6, sport: 40000, daddr: VIP6, dport: 80, payload: "request" },
  seen: { saddr: CLIENT6, sport: 40000, daddr: ENDPOINT6, dport: 8080, payload: "request" },
};
/** Of a client outside, by a route that masquerades. */
const MASQUERADED: Sight = {
  sent: { ...DIRECT.sent, saddr: CLIENT },
  seen: { ...DIRECT.seen, saddr: NODE },
};

/** The IPv6 client is a pod, so that nothing hides it. */
const POD_RANGES = { ...CONFIG.podRanges, ipv6: [{ first: CLIENT6, last: CLIENT6 }] };

function withConfig(change: Partial<Config>): Content {
  return {
    config: [["config", { ...CONFIG, podRanges: POD_RANGES, checksum: true, ...change }]],
  };
}

function worldOf(proto: "tcp" | "udp" | "sctp" = "tcp", change: Partial<Config> = {}): World {
  return createWorld({ ...web(proto), ...withConfig(change) });
}

/** A world in which `sight` is a connection. */
function opened(sight: Sight, change: Partial<Config> = {}): World {
  const { proto = "tcp" } = sight.sent;
  const world = worldOf(proto as "tcp", change);
  const init = { chunks: [{ type: "INIT", value: new Uint8Array(16).fill(1) }] } as const;
  const opener = proto === "sctp" ? { ...init, payload: "" } : { flags: "S" };
  expect(world.send(packet({ ...sight.sent, ...opener }))).toMatchObject({ conntrack: "new" });
  return world;
}

/** An ICMP error from `saddr` to the sender of `quoted`; unreachable, unless it is said. */
function error(saddr: string, quoted: PacketSpec, change: Partial<PacketSpec> = {}): PacketSpec {
  const v6 = saddr.includes(":");
  return {
    saddr,
    daddr: quoted.saddr,
    proto: v6 ? "icmpv6" : "icmp",
    icmp: { type: v6 ? 1 : 3, code: 1 },
    payload: packet({ ...quoted, link: "raw" }),
    ttl: 33,
    tos: 0x30,
    ...change,
  };
}

describe("an error about a request is made one about what the client has sent", () => {
  test.each([
    ["from a router", DIRECT, ROUTER, VIP],
    ["from the endpoint", DIRECT, ENDPOINT, VIP],
    ["over IPv6", DIRECT6, ROUTER6, VIP6],
    ["masqueraded", MASQUERADED, ROUTER, VIP],
  ])("%s", (_, sight, from, to) => {
    const outcome = opened(sight).send(packet(error(from, sight.seen)));
    const backend = sight === DIRECT6 ? 2 : 1;
    expect(outcome).toMatchObject({ ...RELATED, backend, masquerade: sight === MASQUERADED });
    expect(outcome.packet).toEqual(packet(error(to, sight.sent)));
  });

  test.each(["udp", "sctp"] as const)("of %s", (proto) => {
    for (const { sent, seen } of [DIRECT, DIRECT6]) {
      const sight = { sent: { ...sent, proto }, seen: { ...seen, proto } };
      const [from, to] = sent === DIRECT.sent ? [ROUTER, VIP] : [ROUTER6, VIP6];
      const outcome = opened(sight).send(packet(error(from, sight.seen)));
      expect(outcome.packet).toEqual(packet(error(to, sight.sent)));
    }
  });

  test.each([
    [{ type: 3, code: 4, rest: 1300 }],
    [{ type: 4 }],
    [{ type: 11, code: 1 }],
    [{ type: 12, rest: 0x1400_0000 }],
  ])("of every type, with what it says: %j", (icmp) => {
    const outcome = opened(DIRECT).send(packet(error(ROUTER, DIRECT.seen, { icmp })));
    expect(outcome.packet).toEqual(packet(error(VIP, DIRECT.sent, { icmp })));
  });

  test.each([
    [{ type: 2, rest: 1280 }],
    [{ type: 3, code: 1 }],
    [{ type: 4, rest: 40 }],
    [{ type: 100 }],
  ])("of every type of ICMPv6, with what it says: %j", (icmp) => {
    const outcome = opened(DIRECT6).send(packet(error(ROUTER6, DIRECT6.seen, { icmp })));
    expect(outcome.packet).toEqual(packet(error(VIP6, DIRECT6.sent, { icmp })));
  });

  test("and padding, tags and options of the frame stay", () => {
    const change = { padding: 4, vlan: [7], ipOptions: Uint8Array.of(1, 1, 1, 0) };
    const outcome = opened(DIRECT).send(packet(error(ROUTER, DIRECT.seen, change)));
    expect(outcome.packet).toEqual(packet(error(VIP, DIRECT.sent, change)));
  });

  test("a quoted first fragment is one", () => {
    const cut = ({ saddr, daddr }: PacketSpec, of: PacketSpec): PacketSpec => {
      const spec: PacketSpec = {
        ...of,
        link: "raw",
        payload: new Uint8Array(60),
        fragment: { id: 9 },
      };
      return error(saddr, of, { daddr, payload: fragments(spec, 48)[0]! });
    };
    const to = { saddr: VIP, daddr: POD };
    const outcome = opened(DIRECT).send(packet(cut({ ...to, saddr: ROUTER }, DIRECT.seen)));
    expect(outcome.packet).toEqual(packet(cut(to, DIRECT.sent)));
  });
});

describe("an error about an answer is made one about what the endpoint has sent", () => {
  test.each([
    ["from the client", DIRECT, POD, POD],
    ["from a router, which keeps its address", DIRECT, OTHER, OTHER],
    ["masqueraded, as the node's", MASQUERADED, CLIENT, NODE],
    ["masqueraded, whoever sent it", MASQUERADED, OTHER, NODE],
    ["over IPv6", DIRECT6, ROUTER6, ROUTER6],
  ])("%s", (_, sight, from, to) => {
    const outcome = opened(sight).send(packet(error(from, answer(sight.sent))));
    const backend = sight === DIRECT6 ? 2 : 1;
    expect(outcome).toMatchObject({ ...RELATED, backend, masquerade: sight === MASQUERADED });
    expect(outcome.packet).toEqual(packet(error(to, answer(sight.seen))));
  });
});

test("an error neither refreshes its connection nor answers it", () => {
  const world = opened(DIRECT);
  const before = connections(world);
  world.send(packet(error(ENDPOINT, DIRECT.seen)), { now: 5000 });
  expect(connections(world)).toEqual(before);
  expect(world.send(packet(error(ENDPOINT, DIRECT.seen)), { now: 120_001 }).action).not.toBe(
    "related",
  );
});

describe("the checksums within a quote", () => {
  const quoting = (saddr: string, quoted: PacketSpec, length: number) => {
    const payload = packet({ ...quoted, link: "raw" }).subarray(0, 20 + length);
    return packet(error(saddr, quoted, { payload }));
  };
  const sights = (proto: "tcp" | "udp" | "sctp", change: Partial<PacketSpec> = {}): Sight => ({
    sent: { ...DIRECT.sent, proto, ...change },
    seen: { ...DIRECT.seen, proto, ...change },
  });

  test.each([8, 16, 18, 19])("TCP's is left alone with %i bytes of its header", (length) => {
    const sight = sights("tcp", { checksum: 0x1234 });
    const { packet: out } = opened(DIRECT).send(quoting(ROUTER, sight.seen, length));
    expect(out).toEqual(quoting(VIP, sight.sent, length));
  });

  test.each([20, 24])("TCP's is mended with %i bytes of it", (length) => {
    const { packet: out } = opened(DIRECT).send(quoting(ROUTER, DIRECT.seen, length));
    expect(out).toEqual(quoting(VIP, DIRECT.sent, length));
  });

  test("UDP's is mended with eight bytes, and stays absent", () => {
    const right = sights("udp");
    const absent = sights("udp", { checksum: 0 });
    const world = opened(right);
    for (const { sent, seen } of [right, absent]) {
      expect(world.send(quoting(ROUTER, seen, 8)).packet).toEqual(quoting(VIP, sent, 8));
    }
  });

  test("SCTP's is taken over what is quoted, unless that ends before it", () => {
    const { sent, seen } = sights("sctp");
    const world = opened({ sent, seen });
    const short = sights("sctp", { checksum: 0x1234 });
    expect(world.send(quoting(ROUTER, short.seen, 11)).packet).toEqual(
      quoting(VIP, short.sent, 11),
    );
    const part = sights("sctp", { payload: "requ" });
    expect(world.send(quoting(ROUTER, seen, 16)).packet).toEqual(
      packet(
        error(VIP, sent, {
          payload: packet({ ...part.sent, link: "raw", ipLength: 20 + 12 + 7 }),
        }),
      ),
    );
  });

  test("wrong ones stay as wrong", () => {
    const quoted = { ...DIRECT.seen, link: "raw", ipChecksum: 0x1234, checksum: 0x4321 } as const;
    const frame = packet(error(ROUTER, DIRECT.seen, { payload: packet(quoted) }));
    const { packet: out } = opened(DIRECT).send(frame);
    const header = (bytes: Uint8Array) => checksum.sum(bytes.subarray(42, 62));
    // Source and destination stand before the segment; protocol and length are the same.
    const segment = (bytes: Uint8Array) => checksum.sum(bytes.subarray(54));
    expect(header(out)).toBe(header(frame));
    expect(segment(out)).toBe(segment(frame));
    expect(checksum.verify(out, LINK_ETHERNET)).toEqual({ ip: "good", transport: "good" });
  });
});

describe("the checksum of the message", () => {
  test.each([
    [DIRECT, ROUTER, VIP],
    [DIRECT6, ROUTER6, VIP6],
  ])("is updated by what has changed when nobody checks it", (sight, from, to) => {
    const world = opened(sight, { checksum: false });
    const right = packet(error(from, sight.seen));
    expect(world.send(right).packet).toEqual(packet(error(to, sight.sent)));
    const at = sight === DIRECT ? 14 + 20 + 2 : 14 + 40 + 2;
    right.set([0x12, 0x34], at);
    const wrong = world.send(right).packet;
    expect(checksum.verify(wrong, LINK_ETHERNET).transport).toBe("bad");
    // ICMPv6 covers the addresses in front of it, ICMP does not.
    const covered = (bytes: Uint8Array) =>
      checksum.sum(bytes.subarray(sight === DIRECT ? 14 + 20 : 14 + 8));
    expect(covered(wrong)).toBe(covered(right));
  });

  test.each([
    [DIRECT, ROUTER, VIP, 20 + 8 + 20],
    [DIRECT6, ROUTER6, VIP6, 40 + 8 + 40],
  ])("is updated likewise where the capture ends before the quote", (sight, from, to, header) => {
    const whole = packet(error(from, sight.seen));
    const length = 14 + header + 20;
    const { packet: out } = opened(sight).send(whole.subarray(0, length), {
      wireLength: whole.length,
    });
    expect(out).toEqual(packet(error(to, sight.sent)).subarray(0, length));
  });
});

describe("an error about a connection is not believed", () => {
  const REFUSED = { ...INVALID, service: 0, backend: 1 };

  test.each([
    ["with a wrong checksum", error(ROUTER, DIRECT.seen, { checksum: 1 }), { reason: "checksum" }],
    ["for somebody else", error(ROUTER, DIRECT.seen, { daddr: CLIENT }), {}],
    ["that redirects", error(ROUTER, DIRECT.seen, { icmp: { type: 5, code: 1 } }), {}],
    ["that quotes what its sender never saw", error(ROUTER, DIRECT.sent), {}],
    ["that quotes the answer as it never left", error(POD, answer(DIRECT.seen)), {}],
  ])("%s", (_, spec, change) => {
    const frame = packet(spec);
    const world = opened(DIRECT);
    const before = connections(world);
    const outcome = world.send(frame, { now: 1 });
    expect(outcome).toMatchObject({ ...REFUSED, ...change });
    expect(outcome.packet).toEqual(frame);
    expect(connections(world)).toEqual(before);
  });
});

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

describe("an error about no connection", () => {
  const stranger = { saddr: CLIENT, sport: 4444, daddr: OTHER, dport: 9 };

  test.each([
    ["passes when it is about nobody's packet", error(ROUTER, stranger), LEFT_ALONE],
    [
      "is invalid about a service's",
      error(ROUTER, { ...stranger, daddr: VIP, dport: 80 }),
      {
        ...INVALID,
        service: 1,
      },
    ],
    [
      "is invalid about a service's answer",
      error(CLIENT, { ...stranger, saddr: VIP, sport: 80 }),
      {
        ...INVALID,
        service: 1,
      },
    ],
    [
      "is invalid about a nodePort's answer",
      error(CLIENT, answer({ ...stranger, daddr: NODE, dport: 30080 }), { daddr: ENDPOINT }),
      {
        ...INVALID,
        service: 1,
      },
    ],
    [
      "passes to the host",
      error(CLIENT, answer({ ...stranger, daddr: NODE, dport: 30080 })),
      LEFT_ALONE,
    ],
    [
      "passes about another port of a vip",
      error(ROUTER, { ...stranger, daddr: VIP, dport: 81 }),
      LEFT_ALONE,
    ],
    ["is dropped with a wrong checksum", error(ROUTER, stranger, { checksum: 1 }), DAMAGED],
  ])("%s", (_, spec, expected) => {
    const frame = packet(spec);
    const outcome = worldOf().send(frame);
    expect(outcome).toMatchObject({ backend: 0, ...expected });
    expect(outcome.packet).toEqual(frame);
  });

  test.each([ENDPOINT, ENDPOINT6])(
    "is invalid about a packet to or from an endpoint (%s)",
    (address) => {
      const v6 = address === ENDPOINT6;
      const family = v6 ? "ipv6" : "ipv4";
      const endpoint = { family, address, port: 8080, proto: "tcp" } as const;
      const content = { ...web(), endpoints: [[endpoint, { backend: v6 ? 2 : 1 }]] } as const;
      const world = createWorld({ ...content, ...withConfig({}) });
      const to = { ...(v6 ? DIRECT6 : DIRECT).seen, sport: 5 };
      const from = v6 ? ROUTER6 : ROUTER;
      const named = { service: 0, backend: 0 };
      expect(world.send(packet(error(from, to)))).toMatchObject({ ...INVALID, ...named });
      expect(world.send(packet(error(from, answer(to))))).toMatchObject({ ...INVALID, ...named });
      expect(world.send(packet(error(from, { ...to, dport: 8081 })))).toMatchObject(LEFT_ALONE);
    },
  );
});

describe("what quotes no packet that could be known", () => {
  const quoted = packet({ ...DIRECT.seen, link: "raw" });
  const broken = (daddr: string) =>
    packet(error(ROUTER, DIRECT.seen, { daddr, payload: quoted.subarray(0, 27) }));

  test("is invalid", () => {
    expect(opened(DIRECT).send(broken(POD))).toMatchObject({ ...INVALID, service: 0, backend: 0 });
  });

  test("passes to the host, and where tcpBeLiberal lets everything pass", () => {
    expect(opened(DIRECT).send(broken(NODE))).toMatchObject(LEFT_ALONE);
    expect(opened(DIRECT).send(broken("127.0.0.1"))).toMatchObject(LEFT_ALONE);
    expect(opened(DIRECT, { tcpBeLiberal: true }).send(broken(POD))).toMatchObject(LEFT_ALONE);
  });

  test.each([
    ["a packet of another protocol", error(ROUTER, { ...DIRECT.seen, proto: 47 })],
    ["an echo", error(ROUTER, { ...DIRECT.seen, proto: "icmp" })],
  ])("passes when it is about %s", (_, spec) => {
    expect(opened(DIRECT).send(packet(spec))).toMatchObject(LEFT_ALONE);
  });
});

describe("messages that are no errors", () => {
  const echo: PacketSpec = { saddr: POD, daddr: VIP, proto: "icmp", payload: "ping" };

  test.each([
    ["an echo to a vip", echo],
    ["an echo's answer", { ...echo, icmp: { type: 0 } }],
    ["a timestamp", { ...echo, icmp: { type: 13 } }],
    ["what looks like a quote", { ...echo, payload: packet({ ...DIRECT.seen, link: "raw" }) }],
    ["an ICMPv6 echo", { saddr: CLIENT6, daddr: VIP6, proto: "icmpv6" }],
    [
      "a neighbor solicitation",
      { saddr: CLIENT6, daddr: VIP6, proto: "icmpv6", icmp: { type: 135 } },
    ],
  ] as const)("%s passes", (_, spec) => {
    const frame = packet(spec);
    const outcome = opened(DIRECT).send(frame);
    expect(outcome).toMatchObject(LEFT_ALONE);
    expect(outcome.packet).toEqual(frame);
  });

  test("with a wrong checksum they pass to the host only", () => {
    const wrong = { ...echo, checksum: 1 };
    expect(opened(DIRECT).send(packet(wrong))).toMatchObject({ ...DAMAGED, service: 0 });
    expect(opened(DIRECT).send(packet({ ...wrong, daddr: NODE }))).toMatchObject(LEFT_ALONE);
    expect(opened(DIRECT, { tcpBeLiberal: true }).send(packet(wrong))).toMatchObject(LEFT_ALONE);
    expect(opened(DIRECT).send(packet(wrong), { local: true })).toMatchObject(LEFT_ALONE);
  });

  test("a message without its header is malformed", () => {
    const outcome = worldOf().send(packet({ ...echo, ipLength: 27 }));
    expect(outcome).toMatchObject({ ...INVALID, reason: "malformed" });
  });
});
