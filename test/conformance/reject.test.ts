/** Refusals: an ICMP port unreachable in the place of the packet, byte for byte. */
import { describe, expect } from "vitest";
import { serviceObjects } from "./cluster.ts";
import { build, type Frame, type Link, portUnreachable } from "./frame.ts";
import {
  CLIENT,
  CLIENT_IPV6,
  drops,
  NODE,
  NODE_IPV4,
  NODE_IPV6,
  POD,
  POD_IPV6,
  passes,
  REQUEST,
  REQUEST_IPV6,
  SERVICES,
  scene,
} from "./scene.ts";
import { type Case, type Step, walk } from "./walk.ts";

const VACANT: Frame = { ...REQUEST, daddr: "10.96.0.40" };
const VACANT_IPV6: Frame = { ...REQUEST_IPV6, daddr: "fd00:96::40" };
const NODE_PORT: Frame = { ...REQUEST, saddr: CLIENT, daddr: NODE_IPV4, dport: 30040 };
const NODE_PORT_IPV6: Frame = {
  ...REQUEST_IPV6,
  saddr: CLIENT_IPV6,
  daddr: NODE_IPV6,
  dport: 30040,
};
const LINKS: Link[] = ["ethernet", "raw", "null", "loop", "linux-sll", "linux-sll2"];

const EVENT = {
  verdict: "TX",
  action: "reject",
  reason: "no-endpoints",
  conntrack: "new",
  backend: null,
  masquerade: false,
} as const;

/** A nodePort answers from the address that was dialled, everything else from the node's own. */
function sourceOf({ daddr, dport }: Frame): string {
  if (dport === NODE_PORT.dport) return daddr;
  return daddr.includes(":") ? NODE_IPV6 : NODE_IPV4;
}

function rejects(frame: Frame, captured?: number): Step {
  const sent = build(frame);
  return {
    send: captured === undefined ? sent : sent.subarray(0, captured),
    options: { linkType: frame.link, wireLength: sent.length },
    event: { ...EVENT, service: `test/vacant:${frame.proto}` },
    out: portUnreachable(frame, { source: sourceOf(frame), captured }),
  };
}

function large(frame: Frame): Frame {
  return { ...frame, payload: Uint8Array.from({ length: 1400 }, (_, i) => i) };
}

const one = (name: string, ...steps: Step[]): Case => ({ name, steps });

describe("a Service without endpoints answers port unreachable", () => {
  walk([
    one("to TCP", rejects(VACANT)),
    one("to UDP", rejects({ ...VACANT, proto: "udp" })),
    one("to SCTP", rejects({ ...VACANT, proto: "sctp" })),
    one("to TCP over IPv6", rejects(VACANT_IPV6)),
    one("to UDP over IPv6", rejects({ ...VACANT_IPV6, proto: "udp" })),
    one("to SCTP over IPv6", rejects({ ...VACANT_IPV6, proto: "sctp" })),
    one("at a nodePort", rejects(NODE_PORT)),
    one("at a nodePort over IPv6", rejects(NODE_PORT_IPV6)),
    one("every time, without remembering anything", rejects(VACANT), rejects(VACANT)),
    one("with no more than 548 bytes of the packet", rejects(large(VACANT))),
    one("with no more than 1232 bytes of an IPv6 packet", rejects(large(VACANT_IPV6))),
    one("with what was captured of it", rejects(large(VACANT), 14 + 20 + 20 + 7)),
    one("with what was captured of an IPv6 packet", rejects(large(VACANT_IPV6), 14 + 40 + 20 + 7)),
    one("with IPv4 options quoted", rejects({ ...VACANT, options: new Uint8Array(8).fill(1) })),
    one("without quoting padding", rejects({ ...VACANT, padding: 30 })),
    one(
      "keeping VLAN tags",
      rejects({
        ...VACANT,
        tags: [
          [0x88a8, 5],
          [0x8100, 6],
        ],
      }),
    ),
    one(
      "TOS: the client's but for its precedence and ECN's lowest bit",
      rejects({ ...VACANT, tos: 0xff }),
    ),
    one("with class and flow zero, whatever the client's", rejects({ ...VACANT_IPV6, tos: 0xff })),
    ...LINKS.map((link) =>
      one(`on ${link}`, rejects({ ...VACANT, link }), rejects({ ...VACANT_IPV6, link })),
    ),
  ]);
});

describe("a node's own packet to a dead address", () => {
  const own: Frame = { ...VACANT, saddr: NODE_IPV4 };
  const own6: Frame = { ...VACANT_IPV6, saddr: NODE_IPV6 };
  const address = "198.51.100.40";
  const address6 = "2001:db8:aa::40";
  const given = scene({ ...SERVICES.vacant, externalIPs: [address, address6, NODE_IPV4] });
  const marked = (step: Step): Step => ({ ...step, options: { local: true } });
  const leaves = (frame: Frame): Step =>
    marked(passes(frame, { service: `test/vacant:${frame.proto}` }));
  walk([
    {
      name: "that is elsewhere leaves untouched, time and again",
      given,
      steps: [
        leaves({ ...own, daddr: address }),
        leaves({ ...own, daddr: address, proto: "udp" }),
        leaves({ ...own6, daddr: address6 }),
        leaves({ ...own6, daddr: address6 }),
      ],
      after: ({ maps }) => expect(maps.conntrack.length).toBe(0),
    },
    {
      name: "that is a cluster IP, or the node's, is rejected",
      given,
      steps: [
        marked(rejects(own)),
        marked(rejects(own6)),
        marked(rejects({ ...own, daddr: NODE_IPV4, dport: 30040 })),
        marked(rejects({ ...own, daddr: NODE_IPV4 })),
      ],
    },
    {
      name: "is rejected when it comes in from outside",
      given,
      steps: [rejects({ ...own, daddr: address }), rejects({ ...own6, daddr: address6 })],
    },
  ]);
});

describe("no answer goes where none may go", () => {
  const silent = (name: string, saddr: string): Case => {
    const frame = saddr.includes(":") ? VACANT_IPV6 : VACANT;
    return one(name, drops({ ...frame, saddr }, "martian", { conntrack: "new" }));
  };
  walk([
    silent("the unspecified address", "0.0.0.0"),
    silent("a multicast group", "224.0.0.1"),
    silent("the last multicast group", "239.255.255.255"),
    silent("a reserved address", "240.0.0.1"),
    silent("broadcast", "255.255.255.255"),
    silent("another host's loopback", "127.0.0.1"),
    silent("another one's of IPv6", "::1"),
    silent("a link-local address of IPv6", "fe80::1"),
    silent("an IPv4 address in IPv6", "::ffff:10.244.1.5"),
    silent("the unspecified address of IPv6", "::"),
    silent("a multicast group of IPv6", "ff02::1"),
    one(
      "but its neighbours get one",
      rejects({ ...VACANT, saddr: "223.255.255.255" }),
      rejects({ ...VACANT, saddr: "1.0.0.0" }),
      rejects({ ...VACANT_IPV6, saddr: "fec0::1" }),
    ),
    one(
      "and pods do",
      rejects({ ...VACANT, saddr: POD }),
      rejects({ ...VACANT_IPV6, saddr: POD_IPV6 }),
    ),
  ]);
});

describe("a node without addresses", () => {
  const given = [
    { apiVersion: "v1", kind: "Node", metadata: { name: NODE }, status: { addresses: [] } },
    ...serviceObjects(SERVICES.vacant),
  ];
  const fromDialled = (frame: Frame): Step => ({
    ...rejects(frame),
    out: portUnreachable(frame, { source: frame.daddr }),
  });
  walk([
    {
      name: "answers in the name of what was dialled",
      given,
      steps: [fromDialled(VACANT), fromDialled(VACANT_IPV6)],
    },
  ]);
});

describe("with a network description", () => {
  const network = {
    addresses: [
      {
        ifindex: 2,
        ifname: "eth0",
        flags: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
        operstate: "UP",
        addr_info: [
          { family: "inet", local: NODE_IPV4, prefixlen: 24, scope: "global" },
          { family: "inet6", local: NODE_IPV6, prefixlen: 64, scope: "global" },
        ],
      },
      {
        ifindex: 3,
        ifname: "cni0",
        flags: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
        operstate: "UP",
        addr_info: [
          { family: "inet", local: "10.244.1.1", prefixlen: 24, scope: "global" },
          { family: "inet6", local: "fd00:10:244:1::1", prefixlen: 64, scope: "global" },
        ],
      },
    ],
    routes: [
      { dst: "default", gateway: "192.168.0.1", dev: "eth0" },
      { dst: "192.168.0.0/24", dev: "eth0", scope: "link", prefsrc: NODE_IPV4 },
      { dst: "10.244.1.0/24", dev: "cni0", scope: "link", prefsrc: "10.244.1.1" },
      { dst: "2001:db8::/64", dev: "eth0" },
      { dst: "fd00:10:244:1::/64", dev: "cni0" },
      { dst: "default", gateway: "2001:db8::1", dev: "eth0" },
    ],
  };
  const from = (source: string, frame: Frame, device: string): Step => ({
    ...rejects(frame),
    options: { interface: device },
    out: portUnreachable(frame, { source }),
  });
  walk([
    {
      name: "the answer comes from the interface the packet came in on",
      options: { network },
      steps: [from("10.244.1.1", VACANT, "cni0"), from("fd00:10:244:1::1", VACANT_IPV6, "cni0")],
    },
    {
      name: "at a nodePort it comes from the address that was dialled",
      options: { network },
      steps: [from("10.244.1.1", { ...NODE_PORT, daddr: "10.244.1.1" }, "eth0")],
    },
  ]);
});
