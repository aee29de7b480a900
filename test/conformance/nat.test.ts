/** Translation: what a packet of a Service looks like on the other side, and on its way back. */
import { describe } from "vitest";
import { build, type Frame, portUnreachable } from "./frame.ts";
import {
  answer,
  CLIENT,
  CLIENT_IPV6,
  conversation,
  DELIVERED,
  DELIVERED_IPV6,
  drops,
  NODE_IPV4,
  NODE_IPV6,
  OBJECTS,
  passes,
  REQUEST,
  REQUEST_IPV6,
  roundTrip,
  SERVICES,
  STRANGER,
  selfServed,
  WEB,
  WEB_BACKEND,
  WEB_BACKEND_IPV6,
  WEB_IPV6,
} from "./scene.ts";
import { type Case, type Step, walk } from "./walk.ts";

const PROTOS = ["tcp", "udp", "sctp"] as const;

/** Where the checksums stand in an Ethernet frame: RFC 791, RFC 9293. */
const IP_SUM = 14 + 10;
const TCP_SUM = 14 + 20 + 16;
const UDP_SUM = 14 + 20 + 6;
const ERROR = 0x11;

/** net.netfilter.nf_conntrack_checksum. */
const UNCHECKED = { sysctls: { nf_conntrack_checksum: 0 } };

describe("a pod dials a cluster IP", () => {
  const names = { backend: WEB_BACKEND, masquerade: false };
  const names6 = { backend: WEB_BACKEND_IPV6, masquerade: false };
  walk(
    PROTOS.flatMap((proto): Case[] => [
      {
        name: `${proto} over IPv4 reaches the endpoint and comes back from the cluster IP`,
        steps: roundTrip(
          { ...REQUEST, proto },
          { ...DELIVERED, proto },
          {
            ...names,
            service: `test/web:${proto}`,
          },
        ),
      },
      {
        name: `${proto} over IPv6 reaches the endpoint and comes back from the cluster IP`,
        steps: roundTrip(
          { ...REQUEST_IPV6, proto },
          { ...DELIVERED_IPV6, proto },
          {
            ...names6,
            service: `test/web:${proto}`,
          },
        ),
      },
    ]),
  );
});

describe("masquerade", () => {
  const dials = (name: string, original: Frame, masqueraded: string): Case => {
    const delivered = original.saddr.includes(":") ? DELIVERED_IPV6 : DELIVERED;
    const { daddr, dport } = delivered;
    const translated = { ...original, saddr: masqueraded, daddr, dport };
    return { name, steps: roundTrip(original, translated, { masquerade: true }) };
  };
  walk([
    dials("a client off the cluster at a cluster IP", { ...REQUEST, saddr: CLIENT }, NODE_IPV4),
    dials("the node at a cluster IP", { ...REQUEST, saddr: NODE_IPV4 }, NODE_IPV4),
    dials(
      "a client at an external IP",
      { ...REQUEST, saddr: CLIENT, daddr: "198.51.100.10" },
      NODE_IPV4,
    ),
    dials(
      "a client at a nodePort",
      { ...REQUEST, saddr: CLIENT, daddr: NODE_IPV4, dport: 30080 },
      NODE_IPV4,
    ),
    dials(
      "a loopback client at a nodePort",
      { ...REQUEST, saddr: "127.0.0.1", daddr: "127.0.0.1", dport: 30080 },
      NODE_IPV4,
    ),
    dials(
      "an endpoint that meets itself (hairpin)",
      { ...REQUEST, saddr: DELIVERED.daddr },
      NODE_IPV4,
    ),
    dials("an IPv6 client at a cluster IP", { ...REQUEST_IPV6, saddr: CLIENT_IPV6 }, NODE_IPV6),
    dials(
      "an IPv6 client at a nodePort",
      { ...REQUEST_IPV6, saddr: CLIENT_IPV6, daddr: NODE_IPV6, dport: 30080 },
      NODE_IPV6,
    ),
    dials(
      "an IPv6 endpoint that meets itself (hairpin)",
      { ...REQUEST_IPV6, saddr: DELIVERED_IPV6.daddr },
      NODE_IPV6,
    ),
    {
      name: "a node without an address of the family cannot masquerade",
      given: [
        ...OBJECTS.slice(1),
        {
          apiVersion: "v1",
          kind: "Node",
          metadata: { name: "worker-1" },
          status: { addresses: [] },
        },
      ],
      steps: [
        drops({ ...REQUEST, saddr: CLIENT }, "no-masquerade-address", {
          service: "test/web:tcp",
          backend: null,
          conntrack: "new",
        }),
        WEB.open(),
      ],
    },
  ]);
});

describe("what is not ours to change stays", () => {
  const both = (name: string, change: Partial<Frame>): Case => ({
    name,
    steps: [WEB.open(change), WEB.response({ ...change, flags: "SA" })],
  });
  const both6 = (name: string, change: Partial<Frame>): Case => ({
    name,
    steps: [WEB_IPV6.open(change), WEB_IPV6.response({ ...change, flags: "SA" })],
  });
  const unsummed = { proto: "udp", unsummed: true } as const;
  walk([
    both("TTL, TOS and identification", { ttl: 1, tos: 0xb9, id: 0xffff }),
    both("IPv4 options", { options: Uint8Array.of(0x94, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0) }),
    both("40 bytes of IPv4 options", { options: new Uint8Array(40).fill(1) }),
    both("TCP options and payload of odd length", {
      tcpOptions: Uint8Array.of(2, 4, 5, 0xb4, 1, 1, 4, 2),
      payload: Uint8Array.of(1, 2, 3, 4, 5),
    }),
    both("padding behind the IP packet", { padding: 6 }),
    both("an 802.1Q tag", { tags: [[0x8100, 0x2064]] }),
    both("QinQ tags", {
      tags: [
        [0x88a8, 100],
        [0x8100, 200],
      ],
    }),
    both("old QinQ tags", {
      tags: [
        [0x9100, 100],
        [0x9100, 200],
      ],
    }),
    both6("traffic class and hop limit", { tos: 0xb9, ttl: 1 }),
    both6("IPv6 extension headers", {
      extensions: [
        [0, Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0)],
        [60, Uint8Array.of(0, 1, 1, 12, ...new Uint8Array(12))],
        [43, Uint8Array.of(0, 0, 4, 0, 0, 0, 0, 0)],
        [51, Uint8Array.of(0, 4, 0, 0, ...new Uint8Array(20))],
        [135, Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0)],
      ],
    }),
    both6("an atomic fragment's header", {
      extensions: [[44, Uint8Array.of(0, 0, 0, 0, 1, 2, 3, 4)]],
    }),
    both6("an 802.1Q tag over IPv6", { tags: [[0x8100, 7]] }),
    {
      name: "UDP without a checksum stays without one",
      steps: roundTrip({ ...REQUEST, ...unsummed }, { ...DELIVERED, ...unsummed }),
    },
    {
      name: "IPv6 UDP without a checksum stays without one",
      steps: roundTrip({ ...REQUEST_IPV6, ...unsummed }, { ...DELIVERED_IPV6, ...unsummed }),
    },
    {
      name: "a wrong checksum that nobody minds stays exactly as wrong",
      options: UNCHECKED,
      steps: [
        { ...WEB.open(), ...wronged(REQUEST, DELIVERED, TCP_SUM) },
        {
          ...WEB.response(),
          ...wronged(
            answer({ ...DELIVERED, flags: "SA" }),
            answer({ ...REQUEST, flags: "SA" }),
            IP_SUM,
          ),
        },
      ],
    },
  ]);
});

/** The frame with a 16-bit word raised in one's complement arithmetic. */
function offBy(frame: Uint8Array, at: number): Uint8Array {
  const view = new DataView(frame.buffer);
  const sum = view.getUint16(at) + ERROR;
  view.setUint16(at, (sum & 0xffff) + (sum >>> 16));
  return frame;
}

function wronged(before: Frame, after: Frame, at: number): Pick<Step, "send" | "out"> {
  return { send: offBy(build(before), at), out: offBy(build(after), at) };
}

describe("who may come in, and to whom", () => {
  const gate = { ...REQUEST, daddr: "198.51.100.50" };
  const far = { ...REQUEST, daddr: "198.51.100.60" };
  const masqueraded = { saddr: NODE_IPV4, daddr: "10.244.6.1", dport: 8080 };
  walk([
    {
      name: "a source in the ranges of a load balancer is let in",
      steps: roundTrip(
        { ...gate, saddr: CLIENT },
        { ...gate, saddr: NODE_IPV4, daddr: "10.244.5.1", dport: 8080 },
      ),
    },
    {
      name: "any other source is dropped",
      steps: [
        drops({ ...gate, saddr: STRANGER }, "source-range", {
          service: "test/gate:tcp",
          conntrack: "new",
        }),
      ],
    },
    {
      name: "the edges of a range belong to it, their neighbours do not",
      steps: [
        conversation(
          { ...gate, saddr: "203.0.113.0" },
          { ...gate, saddr: NODE_IPV4, daddr: "10.244.5.1", dport: 8080 },
        ).open(),
        conversation(
          { ...gate, saddr: "203.0.113.255", sport: 40001 },
          { ...gate, saddr: NODE_IPV4, sport: 40001, daddr: "10.244.5.1", dport: 8080 },
        ).open(),
        drops({ ...gate, saddr: "203.0.112.255" }, "source-range"),
        drops({ ...gate, saddr: "203.0.114.0" }, "source-range"),
      ],
    },
    {
      name: "ranges do not guard the nodePort",
      steps: [
        conversation(
          { ...REQUEST, saddr: STRANGER, daddr: NODE_IPV4, dport: 30050 },
          { ...REQUEST, saddr: NODE_IPV4, daddr: "10.244.5.1", dport: 8080 },
        ).open(),
      ],
    },
    {
      name: "externalTrafficPolicy Local without a local endpoint drops strangers",
      steps: [
        drops({ ...far, saddr: CLIENT }, "no-local-endpoints", {
          service: "test/far:tcp",
          conntrack: "new",
        }),
      ],
    },
    {
      name: "and lets a pod through to any endpoint, as it is",
      steps: roundTrip(far, { ...far, daddr: "10.244.6.1", dport: 8080 }),
    },
    {
      name: "and the node itself, masqueraded",
      steps: roundTrip(
        { ...far, saddr: NODE_IPV4 },
        { ...far, ...masqueraded },
        { masquerade: true },
      ),
    },
    {
      name: "a packet marked local is the node's whatever its source",
      steps: [
        {
          ...conversation({ ...far, saddr: CLIENT }, { ...far, ...masqueraded }).open(),
          options: { local: true },
        },
      ],
    },
    { name: "an unknown port of a cluster IP passes", steps: [passes({ ...REQUEST, dport: 81 })] },
    { name: "another address passes", steps: [passes({ ...REQUEST, daddr: CLIENT })] },
    {
      name: "another protocol's port passes",
      steps: [passes({ ...REQUEST, proto: "icmp", sport: 0, dport: 0 })],
    },
    {
      name: "IPv6 loopback serves no nodePort",
      steps: [passes({ ...REQUEST_IPV6, saddr: "::1", daddr: "::1", dport: 30080 })],
    },
    {
      name: "a nodePort on a foreign address passes",
      steps: [passes({ ...REQUEST, daddr: CLIENT, dport: 30080 })],
    },
  ]);
});

describe("a frontend that is its own endpoint", () => {
  const { address } = SERVICES.web.endpoints[0];
  const dials: Frame = { ...REQUEST, daddr: address, dport: 8080 };
  const written = (frame: Frame, sum: number): Step => {
    const send = build(frame);
    const at = frame.proto === "udp" ? UDP_SUM : TCP_SUM;
    for (const field of [IP_SUM, at]) new DataView(send.buffer).setUint16(field, sum);
    return { send, out: send, event: { action: "dnat", conntrack: "new", masquerade: false } };
  };
  const complaint = portUnreachable(dials, { source: address });
  const error: Step = {
    send: complaint,
    out: complaint,
    event: { verdict: "PASS", action: "related", conntrack: "related", backend: WEB_BACKEND },
  };
  walk([
    {
      name: "leaves the packet as it is, checksums of 0 and 0xffff included",
      given: selfServed([address]),
      options: UNCHECKED,
      steps: [0, 0xffff].flatMap((sum, sport) => [
        written({ ...dials, sport: 1024 + sport }, sum),
        written({ ...dials, sport: 1024 + sport, proto: "udp" }, sum),
      ]),
    },
    {
      name: "an error about it is its backend's, though nothing in it is replaced",
      given: selfServed([address]),
      steps: [{ send: build(dials), event: { conntrack: "new" } }, error],
    },
  ]);
});
