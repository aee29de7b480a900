/**
 * The error a node sends about a packet that the dataplane has let through: the node sees it translated, quotes it so,
 * and the error goes out by way of the dataplane.
 */
import { internetChecksum } from "../conformance/sum.ts";
import { type Headers, read, rewrite } from "./packet.ts";

const ICMP = 1;
const ICMPV6 = 58;
const ICMP_HEADER = 8;
/** RFC 792; RFC 4443 section 2.1 keeps the types below 128 for errors. */
const ICMP_ERRORS = [3, 4, 5, 11, 12];
const ICMPV6_ERRORS_END = 128;

/** The recorded error as the node, at `own`, makes it when `seen` is what it has before it. */
export function nodeError(
  recorded: Uint8Array,
  seen: Uint8Array,
  own: string,
): Uint8Array | undefined {
  const [error, packet] = [read(recorded), read(seen)];
  if (error === undefined || packet === undefined || !isError(error, recorded[error.l4]!))
    return undefined;
  const message = rewrite(recorded, { saddr: own, daddr: packet.saddr });
  const quote = error.l4 + ICMP_HEADER;
  if (message.length - quote > seen.length) return undefined;
  message.set(seen.subarray(0, message.length - quote), quote);
  return withChecksum(message, error);
}

function isError({ proto }: Headers, type: number): boolean {
  return proto === ICMP ? ICMP_ERRORS.includes(type) : proto === ICMPV6 && type < ICMPV6_ERRORS_END;
}

/** ICMPv6 sums the pseudo-header as well: RFC 4443 section 2.3. */
function withChecksum(message: Uint8Array, { l4, end, proto }: Headers): Uint8Array {
  message.fill(0, l4 + 2, l4 + 4);
  const length = end - l4;
  const pseudo = [...message.subarray(8, 40), 0, 0, length >> 8, length & 0xff, 0, 0, 0, ICMPV6];
  const parts = proto === ICMPV6 ? [Uint8Array.from(pseudo)] : [];
  const sum = internetChecksum(...parts, message.subarray(l4, end));
  message.set([sum >> 8, sum & 0xff], l4 + 2);
  return message;
}
