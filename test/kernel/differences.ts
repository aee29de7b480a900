/**
 * Where waxdp does otherwise than the kernel, and why: nothing else may differ. The kernel is a whole host that
 * tracks every connection; waxdp is what stands before it, and knows those of Services.
 */
import type { ProcessResult } from "../../src/index.ts";
import { type Datagram, ICMP, ICMPV6 } from "./datagram.ts";
import { isLocal } from "./topology.ts";

/** One packet and what became of it on both sides. */
export interface Case {
  readonly sent: Datagram;
  /** Out of the node came nothing, the packet as it was or translated, or one that the node had made. */
  readonly kernel: "silence" | "unchanged" | "translated" | "answer";
  /** It belongs to a connection that the kernel has seen before, and does not translate. */
  readonly untranslated: boolean;
  /** Of kube-proxy's configuration. */
  readonly tcpBeLiberal: boolean;
  readonly waxdp: Pick<ProcessResult, "verdict" | "event">;
}

export interface KnownDifference {
  readonly name: string;
  readonly reason: string;
  applies(one: Case): boolean;
}

export const DIFFERENCES: readonly KnownDifference[] = [
  {
    name: "left to the host",
    reason:
      "A packet for the node itself that no Service concerns goes on to the host's stack; what that answers " +
      "(a reset, an echo, port unreachable, nothing) is the host's.",
    applies: ({ sent, kernel, waxdp: { verdict, event } }) =>
      verdict === "PASS" &&
      event.action === "pass" &&
      isLocal(sent.daddr) &&
      (kernel === "answer" || kernel === "silence"),
  },
  {
    name: "invalid and addressed to the node",
    reason:
      "The kernel drops INVALID packets in FORWARD only. Those for a nodePort or the masquerade address come " +
      "to its own stack, which knows no such connection and resets it; waxdp drops them.",
    applies: ({ sent, kernel, waxdp: { verdict, event } }) =>
      verdict === "DROP" &&
      (event.reason === "invalid" || event.reason === "checksum" || event.reason === "malformed") &&
      isLocal(sent.daddr) &&
      kernel === "answer",
  },
  {
    name: "not tracked",
    reason:
      "waxdp tracks what it may have to translate. For other traffic it cannot tell whether a packet belongs " +
      "to a connection, and lets pass what the kernel drops as INVALID, and martians, which routing drops.",
    applies: ({ sent, kernel, waxdp: { verdict, event } }) =>
      verdict === "PASS" &&
      event.action === "pass" &&
      event.service === null &&
      event.backend === null &&
      event.conntrack === "none" &&
      !isLocal(sent.daddr) &&
      kernel === "silence",
  },
  {
    name: "older than the Service",
    reason:
      "A connection to an address that became a frontend later goes on untranslated in the kernel, which has " +
      "tracked it; to waxdp, which has not, its next packet is the first one of a connection to the Service.",
    applies: ({ kernel, untranslated, waxdp: { event } }) =>
      kernel === "unchanged" &&
      untranslated &&
      (event.conntrack === "new" || event.conntrack === "invalid"),
  },
  {
    name: "a quote cut short",
    reason:
      "Of a packet that an ICMP error quotes the kernel needs no more than the ports to find the connection, and " +
      "only NAT wants eight bytes (RFC 792): errors that quote fewer pass when they are about connections that " +
      "are not translated. waxdp drops them all: it knows no connection that they could be about.",
    applies: ({ sent, kernel, waxdp: { verdict, event } }) =>
      kernel === "unchanged" &&
      (sent.proto === ICMP || sent.proto === ICMPV6) &&
      verdict === "DROP" &&
      event.reason === "invalid" &&
      event.backend === null,
  },
  {
    name: "invalid, and liberal",
    reason:
      "With tcpBeLiberal kube-proxy writes no rule that drops INVALID packets. NAT leaves them alone all the " +
      "same, so that they leave the node with a frontend's address, or an endpoint's that its client does " +
      "not know; waxdp drops them.",
    applies: ({ kernel, tcpBeLiberal, waxdp: { verdict, event } }) =>
      tcpBeLiberal &&
      verdict === "DROP" &&
      (event.reason === "invalid" || event.reason === "checksum") &&
      kernel === "unchanged",
  },
];
