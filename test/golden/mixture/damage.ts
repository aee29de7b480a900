/** Frames that are cut, contradict themselves or arrive with other bits than they left with. */
import type { PacketSpec } from "../../../src/packet/build.ts";
import { isIpv6 } from "./icmp.ts";
import { createDialogue, type Line, type Spoil, type Stage, type Talk } from "./stage.ts";

/** Bytes of the headers up to the transport's. */
const HEADERS = { ipv4: 20, ipv6: 40 };

/** Between two packets in order, everything that can be wrong with one. */
export function* talkDamaged(stage: Stage, line: Line): Talk {
  const { ask, answer } = createDialogue(stage, { ...line, proto: "udp" });
  const sound = () => ask({ payload: stage.bytes(40) });
  sound();
  yield answer({ payload: stage.bytes(12) });
  const header = isIpv6(line.saddr) ? HEADERS.ipv6 : HEADERS.ipv4;
  for (const [spec, spoil] of damages(line, header)) {
    yield ask({ payload: stage.bytes(40), ...spec }, spoil);
  }
  sound();
}

function damages(line: Line, header: number): readonly [Partial<PacketSpec>, Spoil][] {
  const link = linkLength(line);
  return [
    [{}, { flip: header + 12 }],
    [{ checksum: 0x7777 }, {}],
    [{ ipLength: 2000 }, {}],
    [{ ipLength: header + 4 }, {}],
    [{ udpLength: 7 }, {}],
    [{ udpLength: 900 }, {}],
    [{}, { keep: 3 }],
    [{}, { keep: link + header - 1 }],
    [{}, { keep: link + header + 6 }],
    // What is cut behind the headers is believed, as nobody can check it.
    [{ checksum: 0x7777 }, { keep: link + header + 20 }],
    ...(header === HEADERS.ipv4
      ? [[{ ipChecksum: 0x1111 }, {}] as [Partial<PacketSpec>, Spoil]]
      : []),
  ];
}

/** https://www.tcpdump.org/linktypes.html */
function linkLength({ link = "ethernet", vlan = [] }: Line): number {
  const lengths = { ethernet: 14, raw: 0, null: 4, loop: 4, "linux-sll": 16, "linux-sll2": 20 };
  return lengths[link] + 4 * vlan.length;
}

/** Segments that a capture has before the network card has finished them: tcp_v4_send_check of Linux. */
export function* talkOffloaded(
  stage: Stage,
  line: Line,
  partial: (spec: PacketSpec) => number,
): Talk {
  const dialogue = createDialogue(stage, { ...line, proto: "tcp" });
  const said: [keyof Pick<typeof dialogue, "ask" | "answer">, Partial<PacketSpec>][] = [
    ["ask", { flags: "S", seq: 10 }],
    ["answer", { flags: "SA", seq: 50, ack: 11 }],
    ["ask", { flags: "A", seq: 11, ack: 51 }],
    ["ask", { flags: "PA", seq: 11, ack: 51, payload: "offloaded" }],
    ["answer", { flags: "A", seq: 51, ack: 20 }],
  ];
  for (const [side, spec] of said) {
    const own = side === "ask" ? { checksum: partial({ ...line, proto: "tcp", ...spec }) } : {};
    yield dialogue[side]({ ...spec, ...own });
  }
}

/** Headers that are odd and in order: options, extension headers, priorities, padding; three VLAN tags pass. */
export function* talkOdd(stage: Stage, line: Line): Talk {
  const { ask, answer } = createDialogue(stage, { ...line, proto: "udp" });
  const odd: Partial<PacketSpec> = isIpv6(line.saddr)
    ? { extensions: [{ type: "hop-by-hop" }, { type: "destination" }, { type: "fragment", id: 7 }] }
    : { ipOptions: Uint8Array.of(7, 7, 4, 0, 0, 0, 0), dontFragment: true, tos: 0xb8 };
  yield ask({ ...odd, payload: stage.bytes(16), padding: 6 });
  yield answer({ ...odd, payload: stage.bytes(18), ttl: 3 });
  yield stage.send({ ...line, proto: "udp", vlan: [1, 2, 3] });
  yield stage.send({ ...line, proto: 47, payload: stage.bytes(30) });
  yield stage.send({ ...line, link: "ethernet", vlan: [], etherType: 0x0806 });
}
