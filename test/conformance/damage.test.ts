/** Broken, cut and odd packets: each ends in a verdict and a reason, none in state. */
import { describe, expect } from "vitest";
import { build, type Frame } from "./frame.ts";
import { DELIVERED, DELIVERED_IPV6, drops, passes, REQUEST, REQUEST_IPV6, WEB } from "./scene.ts";
import { internetChecksum } from "./sum.ts";
import { type Case, type Step, walk } from "./walk.ts";

const ETHERNET = 14;
const L4 = ETHERNET + 20;
const L4_IPV6 = ETHERNET + 40;
const DATAGRAM: Frame = { ...REQUEST, proto: "udp" };
const CHUNKS: Frame = { ...REQUEST, proto: "sctp" };

/** The frame with some bytes replaced; the checksum of an IPv4 header is right all the same. */
function patch(frame: Frame, changes: Record<number, number>): Uint8Array {
  const bytes = build(frame);
  for (const [at, value] of Object.entries(changes)) bytes[Number(at)] = value;
  const header = bytes.subarray(ETHERNET, L4);
  if (header[0] !== 0x45) return bytes;
  header.set([0, 0], 10);
  const sum = internetChecksum(header);
  header.set([sum >>> 8, sum & 0xff], 10);
  return bytes;
}

const none = { conntrack: "none", service: null, backend: null } as const;
const malformed = (name: string, send: Uint8Array): Case => ({
  name,
  steps: [drops(send, "malformed", none)],
});
/** A contradiction in the transport header: the connection tracker calls such a packet INVALID. */
const invalid = (name: string, send: Uint8Array): Case => ({
  name,
  steps: [drops(send, "malformed", { ...none, conntrack: "invalid" })],
});

describe("malformed", () => {
  walk([
    malformed("an IPv4 ethertype with version 6", patch(REQUEST, { [ETHERNET]: 0x65 })),
    malformed("an IPv6 ethertype with version 4", patch(REQUEST_IPV6, { [ETHERNET]: 0x45 })),
    malformed("an IPv4 header of 16 bytes", patch(REQUEST, { [ETHERNET]: 0x44 })),
    malformed("an IPv4 header of no bytes", patch(REQUEST, { [ETHERNET]: 0x40 })),
    malformed(
      "an IPv4 total length below its header",
      patch(REQUEST, { [ETHERNET + 2]: 0, [ETHERNET + 3]: 19 }),
    ),
    malformed(
      "an IPv4 total length of zero",
      patch(REQUEST, { [ETHERNET + 2]: 0, [ETHERNET + 3]: 0 }),
    ),
    invalid("a TCP header longer than the packet", patch(REQUEST, { [L4 + 12]: 0x60 })),
    invalid("a TCP header of 16 bytes", patch(REQUEST, { [L4 + 12]: 0x40 })),
    invalid("an IP payload too short for TCP", patch(REQUEST, { [ETHERNET + 3]: 39 })),
    invalid("an IP payload too short for UDP", patch(DATAGRAM, { [ETHERNET + 3]: 27 })),
    invalid("an IP payload too short for SCTP", patch(CHUNKS, { [ETHERNET + 3]: 31 })),
    invalid("an empty IP payload", patch(REQUEST, { [ETHERNET + 3]: 20 })),
    invalid("a UDP length below its header", patch(DATAGRAM, { [L4 + 4]: 0, [L4 + 5]: 7 })),
    invalid("a UDP length of zero", patch(DATAGRAM, { [L4 + 4]: 0, [L4 + 5]: 0 })),
    invalid("a UDP length beyond the IP payload", patch(DATAGRAM, { [L4 + 5]: 16 })),
    invalid("an IPv6 payload too short for TCP", patch(REQUEST_IPV6, { [ETHERNET + 5]: 19 })),
    malformed(
      "an extension header longer than the packet",
      extended([0, Uint8Array.of(0, 200, 1, 4, 0, 0, 0, 0)]),
    ),
    malformed(
      "an authentication header longer than the packet",
      extended([51, Uint8Array.of(0, 200, 0, 0, 0, 0, 0, 0)]),
    ),
    malformed("nine extension headers", extended(...hopByHop(9))),
    malformed("an extension header that has no room", shortExtension()),
  ]);
  const through: Partial<Frame> = { extensions: hopByHop(8) };
  walk([
    {
      name: "but eight extension headers are walked",
      steps: [
        {
          send: { ...REQUEST_IPV6, ...through },
          out: { ...DELIVERED_IPV6, ...through },
          event: { action: "dnat", conntrack: "new" },
        },
      ],
    },
    { name: "but a UDP length below the IP payload is allowed", steps: [shortDatagram()] },
  ]);
});

function extended(...extensions: NonNullable<Frame["extensions"]>[number][]): Uint8Array {
  return build({ ...REQUEST_IPV6, extensions });
}

function hopByHop(count: number): [number, Uint8Array][] {
  return Array.from({ length: count }, () => [60, Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0)]);
}

function shortExtension(): Uint8Array {
  const bytes = build({
    ...REQUEST_IPV6,
    extensions: [[0, Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0)]],
  });
  bytes[ETHERNET + 5] = 7;
  return bytes;
}

/** Four bytes behind the datagram belong to the IP packet, not to it. */
function shortDatagram(): Step {
  const datagram = (frame: Frame) => {
    const bytes = build({ ...frame, proto: "udp", unsummed: true, payload: new Uint8Array(12) });
    bytes[L4 + 5] = 16;
    return bytes;
  };
  return {
    send: datagram(REQUEST),
    out: datagram(DELIVERED),
    event: { action: "dnat", conntrack: "new" },
  };
}

/** The frame cut off, the whole of it having been on the wire. */
function snapped(frame: Frame, length: number): Pick<Step, "send" | "options"> {
  const bytes = build(frame);
  return { send: bytes.subarray(0, length), options: { wireLength: bytes.length } };
}

/** Too short at `first`..`last` bytes, whether it was cut on its way or in the capture. */
function truncated(name: string, frame: Frame, first: number, last: number): Case {
  const lengths = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const steps = lengths.flatMap((length) => [
    drops(build(frame).subarray(0, length), "truncated", none),
    { ...drops(build(frame), "truncated", none), ...snapped(frame, length) },
  ]);
  return { name, steps: frame.link ? steps.map((step) => onLink(step, frame)) : steps };
}

function onLink(step: Step, { link }: Frame): Step {
  return { ...step, options: { ...step.options, linkType: link } };
}

describe("truncated", () => {
  walk([
    truncated("an Ethernet frame before its TCP header ends", REQUEST, 0, L4 + 19),
    truncated("before its UDP header ends", DATAGRAM, ETHERNET, L4 + 7),
    truncated("before its SCTP header ends", CHUNKS, ETHERNET, L4 + 11),
    truncated(
      "before its IPv4 options end",
      { ...REQUEST, options: new Uint8Array(8).fill(1) },
      ETHERNET,
      L4 + 7,
    ),
    truncated("an IPv6 packet before its TCP header ends", REQUEST_IPV6, ETHERNET, L4_IPV6 + 19),
    truncated(
      "before its extension headers end",
      { ...REQUEST_IPV6, extensions: hopByHop(2) },
      L4_IPV6,
      L4_IPV6 + 15,
    ),
    truncated(
      "within its VLAN tags",
      {
        ...REQUEST,
        tags: [
          [0x8100, 1],
          [0x8100, 2],
        ],
      },
      ETHERNET,
      ETHERNET + 7,
    ),
    truncated("an empty raw frame", { ...REQUEST, link: "raw" }, 0, 19),
    truncated("a null frame", { ...REQUEST, link: "null" }, 0, 23),
    truncated("a loop frame", { ...REQUEST, link: "loop" }, 0, 23),
    truncated("a cooked frame", { ...REQUEST, link: "linux-sll" }, 0, 35),
    truncated("a cooked frame, version 2", { ...REQUEST, link: "linux-sll2" }, 0, 39),
    {
      name: "a packet whose length promises more than the wire held",
      steps: [
        drops(build({ ...REQUEST, payload: new Uint8Array(9) }).subarray(0, -1), "truncated", none),
      ],
    },
    {
      name: "nothing of them leaves a trace",
      steps: [drops(build(REQUEST).subarray(0, 50), "truncated", none)],
      after: (dataplane) => {
        expect([...dataplane.maps.conntrack.entries()]).toEqual([]);
        expect(dataplane.counters()).toMatchObject({
          packets: 1,
          bytes: 50,
          reasons: { truncated: 1 },
        });
      },
    },
  ]);
});

describe("captured in part, but whole on the wire", () => {
  const payload = Uint8Array.from({ length: 100 }, (_, i) => i);
  const cut = (name: string, original: Frame, delivered: Frame, length: number): Case => ({
    name,
    steps: [
      {
        ...snapped({ ...original, payload }, length),
        out: build({ ...delivered, payload }).subarray(0, length),
        event: { verdict: "PASS", action: "dnat", conntrack: "new" },
      },
    ],
  });
  walk([
    cut("TCP after its header", REQUEST, DELIVERED, L4 + 20),
    cut("UDP after its header", DATAGRAM, { ...DELIVERED, proto: "udp" }, L4 + 8),
    cut("TCP over IPv6 within its payload", REQUEST_IPV6, DELIVERED_IPV6, L4_IPV6 + 33),
    { name: "SCTP, whose sum needs all of it, keeps the sum", steps: [cutSctp(payload)] },
  ]);
});

function cutSctp(payload: Uint8Array): Step {
  const length = L4 + 40;
  const sent = build({ ...CHUNKS, payload });
  const out = build({ ...DELIVERED, proto: "sctp", payload }).subarray(0, length);
  out.set(sent.subarray(L4 + 8, L4 + 12), L4 + 8);
  return {
    ...snapped({ ...CHUNKS, payload }, length),
    out,
    event: { action: "dnat", conntrack: "new" },
  };
}

/** A byte of the last checksum field in the frame is not what it was. */
function spoilt(frame: Frame, at: number): Uint8Array {
  const bytes = build(frame);
  bytes[at] = (bytes[at] as number) ^ 0x10;
  return bytes;
}

describe("damaged on its way", () => {
  const damaged = { conntrack: "invalid", service: "test/web:tcp", backend: null } as const;
  const foreign: Frame = { ...REQUEST, daddr: "203.0.113.2" };
  const [ipSum, tcpSum] = [ETHERNET + 10, L4 + 16];
  walk([
    {
      name: "an IPv4 header",
      steps: [drops(spoilt(REQUEST, ipSum), "checksum", none)],
    },
    {
      name: "a packet that dials a Service",
      steps: [drops(spoilt(REQUEST, tcpSum), "checksum", damaged)],
    },
    {
      name: "one of a connection, which stays as it is",
      steps: [
        WEB.open(),
        { at: 5, ...drops(spoilt({ ...REQUEST, flags: "R" }, tcpSum), "checksum") },
        WEB.response({ flags: "SA" }),
      ],
    },
    {
      name: "one that is nobody's of ours",
      steps: [drops(spoilt(foreign, tcpSum), "checksum", { ...damaged, service: null })],
    },
    {
      name: "but not one the node itself sends, whose sums the device makes",
      steps: [{ ...WEB.open(), options: { local: true }, out: undefined }].map((step) => ({
        ...step,
        send: spoilt(REQUEST, tcpSum),
      })),
    },
    {
      name: "nor one that was captured in part",
      steps: [
        {
          send: spoilt({ ...REQUEST, payload: new Uint8Array(9) }, tcpSum).subarray(0, -1),
          options: { wireLength: L4 + 29 },
          event: { action: "dnat", conntrack: "new" },
        },
      ],
    },
    {
      name: "nor where the kernel is told not to look",
      options: { sysctls: { "net.netfilter.nf_conntrack_checksum": "0" } },
      steps: [
        { send: spoilt(REQUEST, tcpSum), event: { action: "dnat", conntrack: "new" } },
        passes(spoilt({ ...foreign, sport: 2 }, ipSum)),
      ],
    },
  ]);
});

describe("not in fragments", () => {
  walk([
    { name: "don't fragment is no fragment", steps: [WEB.open({ fragment: 0x4000 })] },
    { name: "nor is the reserved bit", steps: [WEB.open({ fragment: 0x8000 })] },
  ]);
});

describe("no business of ours", () => {
  walk([
    { name: "ICMP passes", steps: [passes(build({ ...REQUEST, proto: "icmp" }))] },
    { name: "ICMPv6 passes", steps: [passes(build({ ...REQUEST_IPV6, proto: "icmp" }))] },
    { name: "an unknown protocol passes", steps: [passes(patch(REQUEST, { [ETHERNET + 9]: 47 }))] },
    {
      name: "an unknown next header passes",
      steps: [passes(patch(REQUEST_IPV6, { [ETHERNET + 6]: 59 }))],
    },
    {
      name: "a raw frame of version 5 passes",
      steps: [{ ...passes(Uint8Array.of(0x50, 1, 2)), options: { linkType: "raw" } }],
    },
  ]);
});
