/** Flows that waxdp judges otherwise than the kube-proxy they were taken from, on purpose. */
import type { Case, Flow } from "./kube-proxy-flows.ts";

interface FlowDifference {
  readonly case: string;
  readonly flow: string;
  readonly verdict: Flow["expect"]["verdict"];
  readonly why: string;
}

export const FLOW_DIFFERENCES: readonly FlowDifference[] = [
  {
    case: "quirk-nodeport-reject-ignores-nodeport-addresses",
    flow: "reject also on an address excluded by nodePortAddresses",
    verdict: "pass",
    why: "An address that serves no nodePorts is the node's own business, with endpoints and without.",
  },
  {
    case: "nft-cluster-ip-general",
    flow: "UDP to a port that only exists as TCP",
    verdict: "pass",
    why: "Iptables mode is what is followed: it leaves ports that no service has alone.",
  },
  {
    case: "nft-cluster-ip-general",
    flow: "svc1 does not answer on a port only svc2 has",
    verdict: "pass",
    why: "Iptables mode is what is followed: it leaves ports that no service has alone.",
  },
  {
    case: "nft-cluster-ip-general",
    flow: "unallocated address of the service range",
    verdict: "pass",
    why: "Iptables mode does not know the range that service addresses come from.",
  },
];

/** What waxdp is to do with a flow. */
export function expectationOf({ id }: Case, { name, expect }: Flow): Flow["expect"] {
  const difference = FLOW_DIFFERENCES.find((one) => one.case === id && one.flow === name);
  if (difference === undefined) return expect;
  return { verdict: difference.verdict, backends: [], masquerade: false };
}
