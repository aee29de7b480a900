/**
 * Steps in which the dataplane does something else than the kernel, on purpose: what it does, and why. Whatever
 * agrees, and is listed, fails the test, and so does what differs in another way than it is listed.
 */
import type { Aspect } from "./comparison.ts";
import type { Deed } from "./trial.ts";

export interface Difference {
  /** The id of the scenario, whole. */
  readonly scenario: RegExp;
  /** Numbers of steps. */
  readonly steps: readonly number[];
  readonly differs: readonly Aspect[];
  readonly does: Deed;
  readonly why: string;
}

/**
 * The dataplane stands before routing and before the node's own stack, whose packets are not its work. What the
 * node says about a packet that was let through goes out by way of the dataplane, and there the kernel's bytes
 * come out again.
 */
const BEYOND_THE_DATAPLANE: readonly Difference[] = [
  {
    scenario: /^node-udp-closed-v[46]$/,
    steps: [2],
    differs: ["packet"],
    does: "translated, and so is the node's error about it",
    why: "The answer is delivered as in the kernel; the error that follows is the node's, whose socket is closed.",
  },
  {
    scenario: /^lb-vip-on-node-v6$/,
    steps: [5],
    differs: ["packet"],
    does: "let through as it is",
    why: "No service has the port: the node's stack refuses it with a RST.",
  },
  {
    scenario: /^echo-v6$/,
    steps: [3, 4],
    differs: ["packet"],
    does: "let through as it is",
    why: "The node's stack answers echo requests to the node.",
  },
  {
    scenario: /^udp-stale-nodeport-v6$/,
    steps: [8],
    differs: ["packet"],
    does: "let through as it is",
    why: "A late answer to a flow that is forgotten is the node's, whose stack has no socket for it.",
  },
  {
    scenario: /^icmp-odd-v4$/,
    steps: [24],
    differs: ["packet"],
    does: "related",
    why: "Routing drops an error whose own TTL has run out.",
  },
  {
    scenario: /^ttl-v[46]$/,
    steps: [6, 7, 9, 13, 14],
    differs: ["packet"],
    does: "translated, and so is the node's error about it",
    why: "Routing, which comes after, counts TTL and hop limit down and says when they have run out.",
  },
  {
    scenario: /^ttl-v[46]$/,
    steps: [15],
    differs: ["packet", "connections"],
    does: "translated, and so is the node's error about it",
    why: "The same, of a first packet: the connection begins although routing will drop the packet.",
  },
  {
    scenario: /^mtu-v6$/,
    steps: [5, 9],
    differs: ["packet"],
    does: "translated, and so is the node's error about it",
    why: "Routing knows what the next link takes, and answers what is too big.",
  },
  {
    scenario: /^ext-headers-v6$/,
    steps: [11],
    differs: ["packet"],
    does: "translated",
    why: "The node's stack acts on hop-by-hop options and answers those it does not know.",
  },
  {
    scenario: /^ip-header-v6$/,
    steps: [11],
    differs: ["packet"],
    does: "let through as it is",
    why: "Routing drops what comes from a wire for ::1.",
  },
  {
    scenario: /^ip-header-v6$/,
    steps: [12],
    differs: ["packet"],
    does: "let through as it is",
    why: "A packet without a transport header is no service's; the kernel's own conntrack drops it.",
  },
  {
    scenario: /^l2-v[46]$/,
    steps: [1, 2, 3],
    differs: ["packet"],
    does: "translated",
    why: "Which frames are for the node is the device's to say, by their MAC address; frames that come in are.",
  },
];

const TRACKING: readonly Difference[] = [
  {
    scenario: /^echo-v6$/,
    steps: [7],
    differs: ["packet"],
    does: "let through as it is",
    why: "Echo is not tracked, so that a reply nobody asked for is like any other.",
  },
  {
    scenario: /^udp-before-service-v[46]$/,
    steps: [3],
    differs: ["packet", "connections"],
    does: "translated",
    why: "Traffic of no service is not tracked, so that a service that appears has its flows at once.",
  },
  {
    scenario: /^invalid-at-node-v[46]$/,
    steps: [7, 9, 13, 14],
    differs: ["packet"],
    does: "dropped: invalid",
    why: "INVALID at the node's own address: the kernel's stack answers RST and kills the connection.",
  },
  {
    scenario: /^sctp-nodeport-v6$/,
    steps: [7],
    differs: ["packet"],
    does: "dropped: checksum",
    why: "INVALID at the node's own address: this kernel's stack, without SCTP, answers protocol unreachable.",
  },
  {
    scenario: /^sctp-nodeport-v6$/,
    steps: [8],
    differs: ["packet"],
    does: "dropped: invalid",
    why: "INVALID at the node's own address: this kernel's stack, without SCTP, answers protocol unreachable.",
  },
];

/** The kernel judges whole datagrams, the dataplane the fragment that has the ports; the rest follows it. */
const FRAGMENTS: readonly Difference[] = [
  {
    scenario: /^reject-fragments-v[46]$/,
    steps: [1],
    differs: ["packet"],
    does: "rejected",
    why: "The fragment with the ports is refused when it comes, and quoted; the kernel quotes the whole.",
  },
  {
    scenario: /^reject-fragments-v[46]$/,
    steps: [3],
    differs: ["packet"],
    does: "dropped: no-endpoints",
    why: "The datagram was refused with its first fragment.",
  },
  {
    scenario: /^frag-udp-v4$/,
    steps: [56, 57, 58, 59],
    differs: ["packet"],
    does: "translated",
    why: "The checksum of a datagram in fragments is brought up to date, not verified: the receiver does that.",
  },
  {
    scenario: /^frag-udp-v6$/,
    steps: [36, 37, 38, 39],
    differs: ["packet"],
    does: "translated",
    why: "The checksum of a datagram in fragments is brought up to date, not verified: the receiver does that.",
  },
  {
    scenario: /^frag-tiny-v[46]$/,
    steps: [10],
    differs: ["packet"],
    does: "translated",
    why: "A fragment with the ports does not wait for the others, which here never come.",
  },
  {
    scenario: /^frag-tiny-v6$/,
    steps: [11],
    differs: ["packet"],
    does: "translated",
    why: "The header of an atomic fragment is kept; the kernel removes it.",
  },
  {
    scenario: /^frag-overlap-v6$/,
    steps: [1],
    differs: ["packet"],
    does: "translated",
    why: "The first fragment has left when the overlap shows; everything from there on is dropped.",
  },
  {
    scenario: /^frag-mtu-v6$/,
    steps: [1, 2],
    differs: ["packet"],
    does: "translated",
    why: "Routing knows what the next link takes, and answers what is too big.",
  },
];

export const DIFFERENCES: readonly Difference[] = [
  ...BEYOND_THE_DATAPLANE,
  ...TRACKING,
  ...FRAGMENTS,
];

export function differenceOf(scenario: string, n: number): Difference | undefined {
  return DIFFERENCES.find(
    (difference) => difference.scenario.test(scenario) && difference.steps.includes(n),
  );
}
