/** kube-proxy's own verdicts: cases of a cluster, a node and flows, taken from its iptables tests. */
import { readFileSync } from "node:fs";
import { nodeObject, proxyObject } from "./cluster.ts";

export interface NodeView {
  readonly name: string;
  readonly nodeIPs: readonly string[];
  readonly primaryNodeIPs: readonly string[];
  readonly clusterCIDR: string;
  readonly clusterCIDRs?: readonly string[];
  readonly localDetection: "clusterCIDR" | "none";
  readonly masqueradeAll?: boolean;
  readonly nodePortAddresses: readonly string[] | "primary" | null;
  readonly localhostNodePorts: boolean;
  readonly zone?: string;
  readonly conntrackTCPBeLiberal?: boolean;
}

export interface Flow {
  readonly name: string;
  readonly srcIP: string;
  readonly dstIP: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly dstPort: number;
  readonly ctState?: "INVALID";
  readonly expect: {
    readonly verdict: "dnat" | "reject" | "drop" | "pass";
    readonly backends: readonly string[];
    readonly masquerade: boolean;
    /** Backends with which the flow is masqueraded although it is not with the others. */
    readonly hairpinBackends?: readonly string[];
  };
}

export interface Case {
  readonly id: string;
  readonly node: NodeView;
  readonly objects: readonly object[];
  readonly flows: readonly Flow[];
}

const DATA = new URL("../data/kube-proxy-flows.json", import.meta.url);

/** All of them: quirks of iptables mode and cases of nftables mode too. */
export const CASES: readonly Case[] = JSON.parse(readFileSync(DATA, "utf8"));

/** The objects of a case, those that describe its node included. */
export function objectsOf({ objects, node }: Case): object[] {
  return [...objects, ...viewObjects(node)];
}

function viewObjects(node: NodeView): object[] {
  const others = node.nodeIPs.filter((address) => !node.primaryNodeIPs.includes(address));
  const clusterCIDR = (node.clusterCIDRs ?? [node.clusterCIDR]).join(",");
  return [
    nodeObject({
      name: node.name,
      addresses: [...node.primaryNodeIPs, ...others],
      zone: node.zone,
    }),
    proxyObject({
      clusterCIDR: node.localDetection === "none" ? "" : clusterCIDR,
      nodePortAddresses: [node.nodePortAddresses ?? []].flat(),
      masqueradeAll: node.masqueradeAll,
      localhostNodePorts: node.localhostNodePorts,
      tcpBeLiberal: node.conntrackTCPBeLiberal,
    }),
  ];
}
