/** What programs may ask: the tuple of their packet, the connection it belongs to, the service it dials. */
import { describe, expect, test } from "vitest";
import { STATE_ESTABLISHED, STATE_SYN_SENT, STATE_UDP } from "../../../abi/conntrack.ts";
import * as slots from "../../../abi/layout.ts";
import { CONNECTION_SIZE, SERVICE_INFO_SIZE, TUPLE_SIZE } from "../../../abi/program.ts";
import { build, bytesOf, type Frame, type Link, portUnreachable } from "../frame.ts";
import { pieces } from "../pieces.ts";
import { answer, DELIVERED, NODE_IPV4, POD, POD_IPV6, REQUEST, REQUEST_IPV6 } from "../scene.ts";
import { eachLab, hex, type Lab, NAT, type Sent } from "./lab.ts";
import { ctx, i32, note, packetForm } from "./wat.ts";

const NEXT = -1;
const [ICMP, TCP, UDP, GRE, ICMPV6, SCTP] = [1, 6, 17, 47, 58, 132];

const SLOTS: Readonly<Record<Link, number>> = {
  ethernet: slots.LINK_SLOT_ETHERNET,
  raw: slots.LINK_SLOT_RAW,
  null: slots.LINK_SLOT_NULL,
  loop: slots.LINK_SLOT_LOOP,
  "linux-sll": slots.LINK_SLOT_SLL,
  "linux-sll2": slots.LINK_SLOT_SLL2,
};

interface Tuple {
  readonly saddr: string;
  readonly daddr: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly proto: number;
  readonly fragment?: boolean;
}

/** The record as the ABI draws it, byte for byte. */
function recordOf({ saddr, daddr, sport = 0, dport = 0, proto, fragment = false }: Tuple): string {
  const family = saddr.includes(":") ? 6 : 4;
  const ports = [sport >>> 8, sport & 0xff, dport >>> 8, dport & 0xff];
  const rest = [proto, family, fragment ? 1 : 0, 0];
  return hex(Uint8Array.from([...mapped(saddr), ...mapped(daddr), ...ports, ...rest]));
}

function mapped(address: string): number[] {
  const bytes = bytesOf(address);
  return bytes.length === 16 ? bytes : [...new Array(10).fill(0), 0xff, 0xff, ...bytes];
}

/** What `tuple` makes of a frame: the record, or null when it says that there is none. */
function tupleOf(lab: Lab, frame: Sent, link = 0, wireLength?: number): string | null {
  const [said, out] = [lab.room(4), lab.room(TUPLE_SIZE)];
  const memory = new Uint8Array(lab.runtime.memory.buffer);
  memory.fill(0xa5, out, out + TUPLE_SIZE);
  const body = `${note(said, `(call $tuple ${ctx} ${i32(out)})`)} ${i32(NEXT)}`;
  lab.install({ ingress: [lab.step(2, packetForm(body))] });
  lab.send(frame, wireLength === undefined ? { link } : { link, wireLength });
  const record = lab.bytes(out, TUPLE_SIZE);
  if (lab.word(said) === 1) return hex(record);
  expect([lab.word(said), hex(record)]).toEqual([0, "a5".repeat(TUPLE_SIZE)]);
  return null;
}

const OPTIONS = new Uint8Array(8);
/** An authentication header of 12 bytes in all (RFC 4302), padded to what IPv6 asks for. */
const AUTHENTICATION = Uint8Array.from([0, 4, ...new Array(22).fill(0)]);
const V4 = { saddr: POD, daddr: "10.96.0.10" };
const V6 = { saddr: POD_IPV6, daddr: "fd00:96::10" };
const PORTS = { sport: 40000, dport: 80 };

describe("tuple", () => {
  eachLab((lab) => {
    const links = Object.keys(SLOTS) as Link[];
    test.each(
      links.flatMap((link) => [
        { link, frame: REQUEST },
        { link, frame: REQUEST_IPV6 },
      ]),
    )("over $link, from $frame.saddr", ({ link, frame }) => {
      const addresses = frame === REQUEST ? V4 : V6;
      const expected = recordOf({ ...addresses, ...PORTS, proto: TCP });
      expect(tupleOf(lab(), { ...frame, link }, SLOTS[link])).toBe(expected);
    });

    test("of a link layer that nobody knows is none", () => {
      expect(tupleOf(lab(), REQUEST, slots.LINK_SLOT_OTHER)).toBeNull();
    });

    const change = (frame: Frame, tuple: Partial<Tuple>, name: string) => ({ name, frame, tuple });
    test.each([
      change({ ...REQUEST, tags: [[0x8100, 5]] }, { ...PORTS, proto: TCP }, "one VLAN tag"),
      change(
        {
          ...REQUEST,
          tags: [
            [0x88a8, 5],
            [0x8100, 6],
          ],
        },
        { ...PORTS, proto: TCP },
        "two",
      ),
      change({ ...REQUEST, options: OPTIONS }, { ...PORTS, proto: TCP }, "IPv4 options"),
      change({ ...REQUEST, proto: "udp" }, { ...PORTS, proto: UDP }, "UDP"),
      change({ ...REQUEST, proto: "sctp" }, { ...PORTS, proto: SCTP }, "SCTP"),
      change({ ...REQUEST, proto: "icmp" }, { proto: ICMP }, "ICMP"),
      change({ ...REQUEST, padding: 30 }, { ...PORTS, proto: TCP }, "padding"),
    ])("over IPv4: $name", ({ frame, tuple }) => {
      expect(tupleOf(lab(), frame)).toBe(recordOf({ ...V4, proto: TCP, ...tuple }));
    });

    test.each([
      change({ ...REQUEST_IPV6, proto: "icmp" }, { proto: ICMPV6 }, "ICMPv6"),
      change(
        {
          ...REQUEST_IPV6,
          extensions: [
            [0, OPTIONS],
            [60, OPTIONS],
          ],
        },
        {},
        "options",
      ),
      change(
        {
          ...REQUEST_IPV6,
          extensions: [
            [43, OPTIONS],
            [51, AUTHENTICATION],
          ],
        },
        {},
        "AH",
      ),
      change({ ...REQUEST_IPV6, extensions: [[44, OPTIONS]] }, {}, "an atomic fragment"),
    ])("over IPv6: $name", ({ frame, tuple }) => {
      const ports = frame.proto === "icmp" ? {} : PORTS;
      expect(tupleOf(lab(), frame)).toBe(recordOf({ ...V6, ...ports, proto: TCP, ...tuple }));
    });

    test("of a protocol without ports", () => {
      const frame = build(REQUEST);
      frame[14 + 9] = GRE;
      expect(tupleOf(lab(), frame)).toBe(recordOf({ ...V4, proto: GRE }));
    });

    test.each([{ ...REQUEST, proto: "udp" } as const, { ...REQUEST_IPV6, proto: "udp" } as const])(
      "of fragments: ports in the first only, from $saddr",
      (whole) => {
        const addresses = whole.saddr === POD ? V4 : V6;
        const fragment = { ...addresses, proto: UDP, fragment: true };
        const [first, last] = pieces(whole, 8);
        expect(tupleOf(lab(), first!)).toBe(recordOf({ ...fragment, ...PORTS }));
        expect(tupleOf(lab(), last!)).toBe(recordOf(fragment));
      },
    );

    test("of an ICMP error is its own, not what it quotes", () => {
      const error = portUnreachable(answer(DELIVERED), { source: NODE_IPV4 });
      const expected = recordOf({ saddr: NODE_IPV4, daddr: DELIVERED.daddr, proto: ICMP });
      expect(tupleOf(lab(), error)).toBe(expected);
    });

    test("of headers that are cut or contradict themselves is none", () => {
      const frame = build(REQUEST);
      for (const size of [0, 13, 14, 33, 34, 53]) {
        expect(tupleOf(lab(), frame.subarray(0, size), 0, frame.length)).toBeNull();
      }
      const short = build(REQUEST);
      short[14 + 20 + 12] = 0x40;
      expect(tupleOf(lab(), short)).toBeNull();
      const arp = build(REQUEST);
      arp.set([0x08, 0x06], 12);
      expect(tupleOf(lab(), arp)).toBeNull();
    });

    test("of what a capture has cut off behind the headers is whole", () => {
      const long = build({ ...REQUEST, payload: new Uint8Array(500) });
      const expected = recordOf({ ...V4, ...PORTS, proto: TCP });
      expect(tupleOf(lab(), long.subarray(0, 54), 0, long.length)).toBe(expected);
      expect(tupleOf(lab(), long.subarray(0, 54))).toBeNull();
    });

    test("behind service NAT is the translated one", () => {
      const out = lab().room(TUPLE_SIZE);
      const body = `(drop (call $tuple ${ctx} ${i32(out)})) ${i32(NEXT)}`;
      lab().install({ ingress: [NAT, lab().step(2, packetForm(body))] });
      lab().send(REQUEST);
      const delivered = { ...V4, daddr: DELIVERED.daddr, sport: 40000, dport: 8080, proto: TCP };
      expect(hex(lab().bytes(out, TUPLE_SIZE))).toBe(recordOf(delivered));
    });
  });
});

/** Calls a lookup with a tuple that stands in memory; what it has written, or null. */
function ask(
  lab: Lab,
  helper: "conntrack" | "service",
  asked: string,
  size: number,
): DataView | null {
  const [said, key, out] = [lab.room(4), lab.room(TUPLE_SIZE), lab.room(size)];
  new Uint8Array(lab.runtime.memory.buffer).set(Buffer.from(asked, "hex"), key);
  const body = `${note(said, `(call $${helper} ${i32(key)} ${i32(out)})`)} ${i32(NEXT)}`;
  lab.install({ ingress: [lab.step(2, packetForm(body))] });
  lab.send(new Uint8Array(14));
  if (lab.word(said) === 1) return new DataView(lab.bytes(out, size).buffer);
  expect([lab.word(said), hex(lab.bytes(out, size))]).toEqual([0, "00".repeat(size)]);
  return null;
}

describe("conntrack", () => {
  eachLab((lab) => {
    const connection = (tuple: Tuple) => {
      const found = ask(lab(), "conntrack", recordOf(tuple), CONNECTION_SIZE);
      if (found === null) return null;
      const [state, direction] = [found.getUint8(0), found.getUint8(1)];
      const [backend, age, idle] = [4, 8, 12].map((at) => found.getUint32(at, true));
      return { state, direction, backend, age, idle, rest: found.getUint16(2) };
    };
    const translated = (frame: Sent) => {
      lab().install({});
      lab().send(frame);
    };
    const opener = { ...V4, ...PORTS, proto: TCP };
    const reply = { saddr: DELIVERED.daddr, daddr: POD, sport: 8080, dport: 40000, proto: TCP };

    test("finds a connection by either of its tuples, with its age", () => {
      lab().at(1000);
      translated(REQUEST);
      const backend = lab().backend("10.244.1.10");
      const known = { state: STATE_SYN_SENT, direction: 0, backend, age: 250, idle: 250, rest: 0 };
      lab().at(1250);
      expect(connection(opener)).toEqual(known);
      expect(connection(reply)).toEqual({ ...known, direction: 1 });
      translated({ ...answer(DELIVERED), flags: "SA" });
      translated({ ...REQUEST, flags: "A" });
      lab().at(1400);
      expect(connection(reply)).toEqual({
        ...known,
        state: STATE_ESTABLISHED,
        direction: 1,
        age: 400,
        idle: 150,
      });
    });

    test("of IPv6 and UDP too", () => {
      translated({ ...REQUEST_IPV6, proto: "udp" });
      expect(connection({ ...V6, ...PORTS, proto: UDP })).toMatchObject({ state: STATE_UDP });
      expect(connection({ ...V6, ...PORTS, proto: TCP })).toBeNull();
    });

    test("a direct one has no backend", () => {
      translated(DELIVERED);
      const direct = { ...V4, daddr: DELIVERED.daddr, sport: 40000, dport: 8080, proto: TCP };
      expect(connection(direct)).toMatchObject({ backend: 0, direction: 0 });
    });

    test("is not found by anything else", () => {
      translated(REQUEST);
      const strangers = [
        { ...opener, sport: 40001 },
        { ...opener, proto: SCTP },
        { ...opener, proto: 0 },
        { ...opener, saddr: "::1", daddr: "::2" },
      ];
      expect(strangers.map(connection)).toEqual([null, null, null, null]);
      const foreign = `${recordOf(opener).slice(0, 74)}05${recordOf(opener).slice(76)}`;
      expect(ask(lab(), "conntrack", foreign, CONNECTION_SIZE)).toBeNull();
    });

    test("one that has expired is none, and the asking removes nothing", () => {
      lab().at(0);
      translated({ ...REQUEST, proto: "udp" });
      const udp = { ...opener, proto: UDP };
      // Looks for what has expired at this time, and not again within a second.
      lab().at(29_500);
      expect(connection(udp)).toMatchObject({ idle: 29_500 });
      lab().at(30_400);
      expect(connection(udp)).toBeNull();
      expect(lab().engine.counters().connections).toMatchObject({ expired: 0, ipv4: 1 });
      lab().at(30_500);
      expect(connection(udp)).toBeNull();
      expect(lab().engine.counters().connections).toMatchObject({ expired: 1, ipv4: 0 });
    });

    test("a lookup keeps nothing alive", () => {
      lab().at(0);
      translated({ ...REQUEST, proto: "udp" });
      const udp = { ...opener, proto: UDP };
      for (const time of [10_000, 20_000, 30_000]) {
        lab().at(time);
        expect(connection(udp)).toMatchObject({ idle: time });
      }
    });
  });
});

describe("service", () => {
  eachLab((lab) => {
    const dialled = (daddr: string, dport = 80, proto = TCP) => {
      const saddr = daddr.includes(":") ? "::9" : "192.0.2.1";
      const tuple = recordOf({ saddr, daddr, dport, proto });
      const found = ask(lab(), "service", tuple, SERVICE_INFO_SIZE);
      return found && [0, 4, 8].map((at) => found.getUint32(at, true));
    };

    test("is what an address, a port and a protocol dial", () => {
      expect(dialled("10.96.0.10")).toEqual([lab().service("10.96.0.10"), 1, 0]);
      expect(dialled("fd00:96::10")).toEqual([lab().service("fd00:96::10"), 1, 0]);
      expect(dialled("10.96.0.10", 80, UDP)).toEqual([
        lab().service("10.96.0.10", 80, "udp"),
        1,
        0,
      ]);
      expect(dialled("198.51.100.10")?.[0]).toBe(lab().service("198.51.100.10"));
    });

    test("counts the endpoints that its rings have", () => {
      expect(dialled("10.96.0.20")?.slice(1)).toEqual([5, 0]);
      expect(dialled("10.96.0.40")?.slice(1)).toEqual([0, 0]);
      expect(dialled("198.51.100.60")?.slice(1)).toEqual([1, 0]);
    });

    test("is found by a nodePort on the node's addresses only", () => {
      expect(dialled("192.168.0.2", 30080)?.[0]).toBe(lab().service("10.96.0.10"));
      expect(dialled("127.0.0.1", 30080)?.[0]).toBe(lab().service("10.96.0.10"));
      expect(dialled("192.168.0.3", 30080)).toBeNull();
      expect(dialled("0.0.0.0", 30080)).toBeNull();
      expect(dialled("::", 30080)).toBeNull();
    });

    test("nobody's", () => {
      expect(dialled("10.96.0.10", 81)).toBeNull();
      expect(dialled("10.96.0.11")).toBeNull();
      expect(dialled("10.96.0.10", 80, ICMP)).toBeNull();
      expect(dialled("10.96.0.10", 80, 0)).toBeNull();
    });
  });

  eachLab(
    (lab) => {
      test("counts an endpoint once, however many slots of Maglev's ring it has", () => {
        const tuple = recordOf({ saddr: POD, daddr: "10.96.0.20", dport: 80, proto: TCP });
        const found = ask(lab(), "service", tuple, SERVICE_INFO_SIZE);
        expect([4, 8].map((at) => found?.getUint32(at, true))).toEqual([5, 0]);
      });
    },
    { scheduler: "maglev" },
  );
});
