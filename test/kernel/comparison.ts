/** What the kernel did to a packet, what waxdp did, and the first thing in which the two are not the same. */
import type { ProcessResult } from "../../src/index.ts";
import { compare as compareFrames, formatFrame, LINK_TYPES } from "../../src/testing.ts";
import {
  blank,
  type Datagram,
  packetIn,
  quoteAt,
  read,
  setTtl,
  writeIcmpChecksum,
} from "./datagram.ts";
import { type Case, DIFFERENCES, type KnownDifference } from "./differences.ts";
import type { Emission } from "./lab.ts";
import type { Link } from "./topology.ts";

/** The kernel's way with one packet; `packet` is what a dataplane that stands before routing would have made. */
export interface Outcome {
  /** Out of the node came nothing, the packet itself, or one that the node had made. */
  readonly kind: "silence" | "forward" | "answer";
  readonly packet?: Uint8Array;
  readonly link?: Link;
}

/** Reads what came out of the links after `sent` had gone in. Throws when that was more than one packet. */
export function outcomeOf(sent: Uint8Array, emissions: readonly Emission[]): Outcome {
  if (emissions.length === 0) return { kind: "silence" };
  if (emissions.length > 1) {
    const lines = emissions.map(({ link, frame }) => `${link} ${formatFrame(frame)}`);
    throw new Error(`one packet in, several out: ${lines.join("; ")}`);
  }
  const { link, frame } = emissions[0] as Emission;
  const packet = packetIn(frame);
  const { ttl } = read(sent) as Datagram;
  if ((read(packet) as Datagram).ttl === ttl - 1) {
    setTtl(packet, ttl);
    return { kind: "forward", packet, link };
  }
  return { kind: "answer", packet: withoutDraws(packet, ttl), link };
}

/** A packet of the node's own making; one that it quotes may have been routed already. */
function withoutDraws(packet: Uint8Array, ttl: number): Uint8Array {
  blank(packet);
  const quote = quoteAt(packet);
  if (quote === undefined) return packet;
  if (read(packet.subarray(quote))?.ttl === ttl - 1) setTtl(packet.subarray(quote), ttl);
  writeIcmpChecksum(packet);
  return packet;
}

/** What is known beside the packet. */
export interface Circumstances extends Pick<Case, "untranslated" | "tcpBeLiberal"> {
  /** Known differences that were met. */
  readonly met: Set<KnownDifference>;
}

/** What is the same, or known to be different, is null; else the first field that differs. */
export function differenceOf(
  sent: Uint8Array,
  kernel: Outcome,
  waxdp: ProcessResult,
  { met, ...circumstances }: Circumstances,
): string | null {
  const found = fieldOf(sent, kernel, waxdp);
  if (found === null) return null;
  const datagram = read(sent) as Datagram;
  const one: Case = { sent: datagram, kernel: wayOf(sent, kernel), waxdp, ...circumstances };
  const known = DIFFERENCES.find((difference) => difference.applies(one));
  if (known === undefined) return found;
  met.add(known);
  return null;
}

function wayOf(sent: Uint8Array, { kind, packet }: Outcome): Case["kernel"] {
  if (kind !== "forward") return kind;
  return Buffer.from(sent).equals(packet as Uint8Array) ? "unchanged" : "translated";
}

const KINDS: Readonly<Record<string, Outcome["kind"]>> = {
  PASS: "forward",
  DROP: "silence",
  TX: "answer",
};

function fieldOf(sent: Uint8Array, kernel: Outcome, waxdp: ProcessResult): string | null {
  const kind = KINDS[waxdp.verdict];
  if (kind !== kernel.kind) return `outcome: kernel ${kernel.kind}, waxdp ${waxdp.verdict}`;
  if (kernel.packet === undefined) return null;
  const actual = Uint8Array.from(waxdp.packet);
  if (kind === "answer") withoutDraws(actual, (read(sent) as Datagram).ttl);
  const fields = compareFrames(kernel.packet, actual, LINK_TYPES.raw);
  const first = fields.find(({ name }) => !name.endsWith("checksum")) ?? fields[0];
  if (first === undefined) return null;
  return `${first.name}: kernel ${first.expected ?? "absent"}, waxdp ${first.actual ?? "absent"}`;
}

/** One line each. */
export function formatOutcome({ kind, packet, link }: Outcome): string {
  return packet === undefined ? kind : `${kind} out of ${link}: ${formatRaw(packet)}`;
}

export function formatResult({ verdict, event, packet }: ProcessResult): string {
  const { action, reason, conntrack, service, backend, masquerade } = event;
  const words = [verdict, action, reason ?? "", conntrack, service ?? "", backend ?? ""];
  const masqueraded = masquerade ? " masqueraded" : "";
  const bytes = verdict === "DROP" ? "" : `: ${formatRaw(packet)}`;
  return `${words.filter((word) => word !== "").join(" ")}${masqueraded}${bytes}`;
}

export function formatRaw(packet: Uint8Array): string {
  return formatFrame(packet, { link: LINK_TYPES.raw });
}
