/**
 * Who may serve a client: the kernel asked until it has shown every endpoint, since rules that choose by turns
 * come to each of them; waxdp asked once, since it says its candidates.
 */
import { createDataplane, type Dataplane, explain, parseObjects } from "../../src/index.ts";
import { formatEndpoint } from "../../src/packet/address.ts";
import { packet } from "../../src/testing.ts";
import { type Cluster, type Frontend, frontendsOf, objectsOf, servicesOf } from "./clusters.ts";
import { outcomeOf } from "./comparison.ts";
import { read } from "./datagram.ts";
import { frameOn, type Lab } from "./lab.ts";
import { rulesOf } from "./rules.ts";
import { familyOf, isLocal, linkOf, NODE, POD_HOSTS } from "./topology.ts";

/** As many clients as a port may have endpoints: one that is remembered shows no other. */
const CLIENTS = {
  ipv4: [
    POD_HOSTS.map((host) => `203.0.113.${host}`),
    POD_HOSTS.map((host) => `203.0.114.${host}`),
    POD_HOSTS.map((host) => `10.244.1.${host}`),
    POD_HOSTS.map((host) => `10.244.2.${host}`),
  ],
  ipv6: [
    POD_HOSTS.map((host) => `2001:db8:c::${host}`),
    POD_HOSTS.map((host) => `2001:db8:d::${host}`),
    POD_HOSTS.map((host) => `fd00:10:1::${host}`),
    POD_HOSTS.map((host) => `fd00:10:2::${host}`),
  ],
};

/** Compares every frontend and kind of client of the cluster; returns a line for each that is not the same. */
export async function sweep(lab: Lab, cluster: Cluster): Promise<string[]> {
  const rules = rulesOf(servicesOf(cluster), { ...cluster.settings, spread: "nth" });
  await lab.forget();
  lab.set("netfilter/nf_conntrack_tcp_be_liberal", Number(cluster.settings.tcpBeLiberal));
  lab.load(rules);
  const dataplane = await createDataplane({ node: NODE, network: lab.network });
  dataplane.apply(parseObjects(objectsOf(cluster)));
  const lines: string[] = [];
  for (const frontend of frontendsOf(cluster)) {
    if (frontend.memory !== undefined) {
      await lab.forget();
      lab.load(rules);
    }
    lines.push(...(await compare(lab, dataplane, frontend)));
  }
  return lines;
}

async function compare(lab: Lab, dataplane: Dataplane, frontend: Frontend): Promise<string[]> {
  const { address, port, proto } = frontend;
  const lines: string[] = [];
  for (const clients of CLIENTS[familyOf(address)]) {
    const saddr = clients[0] as string;
    const theirs = await shown(lab, frontend, clients);
    const ours = said(dataplane, frontend, saddr);
    if (theirs === ours || (ours === HOST && !theirs.includes(":"))) continue;
    lines.push(`${saddr} to ${address} ${proto} ${port}: kernel ${theirs}, waxdp ${ours}`);
  }
  return lines;
}

const SPORT = 50000;
/** What the host's stack answers is its own. */
const HOST = "host";

async function shown(lab: Lab, frontend: Frontend, clients: readonly string[]): Promise<string> {
  const seen = new Set<string>();
  for (const saddr of clients) {
    const bytes = opening(frontend, saddr);
    const { kind, packet } = outcomeOf(bytes, await lab.send(frameOn(linkOf(saddr), bytes)));
    if (kind !== "forward" || packet === undefined) seen.add(kind);
    else seen.add(endpointOf(packet));
  }
  return [...seen].sort().join(" ");
}

function opening({ address, port, proto }: Frontend, saddr: string): Uint8Array {
  const tuple = { saddr, sport: SPORT, daddr: address, dport: port, link: "raw" as const };
  if (proto !== "sctp") return packet({ ...tuple, proto, flags: "S" });
  // Initiate tag, window, streams each way, initial sequence number.
  const value = Uint8Array.from([0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
  return packet({ ...tuple, proto, chunks: [{ type: "INIT", value }] });
}

function endpointOf(bytes: Uint8Array): string {
  const { daddr, dport } = read(bytes) ?? { daddr: "?", dport: 0 };
  return formatEndpoint(daddr, dport);
}

/** In the words of `shown`. A packet that waxdp leaves alone goes where it was sent, or to the host. */
function said(dataplane: Dataplane, { address, port, proto }: Frontend, saddr: string): string {
  const flow = { saddr, sport: SPORT, daddr: address, dport: port, proto };
  const { verdict, action, candidates } = explain(dataplane, { ...flow, interface: linkOf(saddr) });
  if (action === "dnat") return [...candidates].sort().join(" ");
  if (verdict === "TX") return "answer";
  if (verdict === "DROP") return "silence";
  return isLocal(address) ? HOST : formatEndpoint(address, port);
}
