/** ICMP errors about packets as those have them who send the errors (RFC 792, RFC 4443), and echoes. */
import type { ProcessResult } from "../../../src/dataplane/dataplane.ts";
import { type IcmpSpec, type PacketSpec, packet } from "../../../src/packet/build.ts";
import { LINK_TYPES } from "../../../src/packet/link.ts";
import { parse, tupleOf } from "../../../src/packet/parse.ts";
import { createDialogue, type Line, type Stage, type Talk } from "./stage.ts";

/** Unreachable port and host, fragmentation needed, time exceeded, bad parameter. */
const ERRORS4: readonly IcmpSpec[] = [
  { type: 3, code: 3 },
  { type: 3, code: 1 },
  { type: 3, code: 4, rest: 1280 },
  { type: 11 },
  { type: 12, rest: 0x14000000 },
];
/** Unreachable port and route, packet too big, time exceeded, bad parameter. */
const ERRORS6: readonly IcmpSpec[] = [
  { type: 1, code: 4 },
  { type: 1 },
  { type: 2, rest: 1280 },
  { type: 3 },
  { type: 4, code: 1, rest: 40 },
];
const REDIRECT: IcmpSpec = { type: 5, code: 1, rest: 0x0a000001 };

/** Sends the error of `from` about a packet that the node has let out as `about` says. */
type Complain = (
  about: ProcessResult,
  from: string,
  icmp: IcmpSpec,
  more?: Partial<PacketSpec> & { readonly quoted?: number },
) => void;

function complaints(stage: Stage, { link, vlan, byteOrder, saddr }: Line): Complain {
  const linkType = LINK_TYPES[link ?? "ethernet"];
  const proto = isIpv6(saddr) ? "icmpv6" : "icmp";
  return ({ packet: frame }, from, icmp, { quoted, ...more } = {}) => {
    const parsed = parse(frame, linkType);
    const at = "ip" in parsed ? parsed.ip.at : 0;
    const daddr = tupleOf(frame, linkType)?.saddr ?? saddr;
    const payload = frame.slice(at, quoted === undefined ? undefined : at + quoted);
    stage.send({ link, vlan, byteOrder, saddr: from, daddr, proto, icmp, payload, ...more });
  };
}

/** Errors about a request from behind the node, and about its answer from the client. */
export function* talkErrors(stage: Stage, line: Line, router: string): Talk {
  const { ask, answer } = createDialogue(stage, line);
  const complain = complaints(stage, line);
  const errors = isIpv6(line.saddr) ? ERRORS6 : ERRORS4;
  const first = ask(bodyOf(stage, line));
  yield;
  yield complain(first, endpointOf(first), errors[0]!);
  for (const icmp of errors.slice(1)) yield complain(ask(bodyOf(stage, line)), router, icmp);
  const answered = answer(bodyOf(stage, line));
  for (const icmp of errors.slice(0, 3)) yield complain(answered, line.saddr, icmp);
}

/** An INIT or a SYN where the protocol needs one, and any bytes where it does not. */
function bodyOf(stage: Stage, { proto }: Line): Partial<PacketSpec> {
  if (proto === "tcp") return { flags: "S", seq: 1, tcpOptions: { mss: 1460 } };
  if (proto === "udp") return { payload: stage.bytes(40) };
  return { chunks: [{ type: "INIT", value: new Uint8Array(16).fill(1) }] };
}

/** Errors that nobody in his right mind sends. */
export function* talkBadErrors(stage: Stage, line: Line, router: string): Talk {
  const { ask } = createDialogue(stage, line);
  const complain = complaints(stage, line);
  const [icmp] = isIpv6(line.saddr) ? ERRORS6 : ERRORS4;
  const body = bodyOf(stage, line);
  const about = ask(body);
  yield;
  yield complain(about, router, icmp!, { checksum: 0x1234 });
  yield complain(about, router, icmp!, {
    daddr: isIpv6(line.saddr) ? "2001:db8:f::99" : "192.0.2.99",
  });
  yield complain(about, router, icmp!, { quoted: isIpv6(line.saddr) ? 44 : 24 });
  // As nobody behind the node has it.
  yield complain({ ...about, packet: packet({ ...line, ...body }) }, router, icmp!);
  if (!isIpv6(line.saddr)) yield complain(about, router, REDIRECT);
}

function endpointOf({ event }: ProcessResult): string {
  return event.after?.daddr ?? "";
}

/** To a Service's address and elsewhere: echoes are nobody's. */
export function* talkEcho(stage: Stage, { saddr, ...line }: Line, elsewhere: string): Talk {
  const proto = isIpv6(saddr) ? "icmpv6" : "icmp";
  for (const daddr of [line.daddr, elsewhere]) {
    stage.send({ ...line, saddr, daddr, proto, payload: stage.bytes(24) });
    yield;
  }
}

export function isIpv6(address: string): boolean {
  return address.includes(":");
}
