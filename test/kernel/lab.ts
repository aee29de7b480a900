/**
 * A node made of network namespaces: a kernel of this machine that forwards, with kube-proxy's rules in it, and
 * the far ends of its links. The namespaces have no names: they end with the two processes that hold them, and
 * those end when their input closes, however this process ends.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Network } from "../../src/index.ts";
import { packet } from "../../src/testing.ts";
import { start, type Talker } from "./process.ts";
import { ENDS, LINKS, type Link, ROUTES } from "./topology.ts";

/** A frame on a link. */
export interface Emission {
  readonly link: Link;
  readonly frame: Uint8Array;
}

export interface Lab {
  /** As `ip -j addr` and `ip -j route` print them in the node. */
  readonly network: Network;
  /** Sends frames into the links, one after the other, and waits for all that they cause. */
  send(...frames: readonly Emission[]): Promise<Emission[]>;
  /** Replaces all rules; connections and remembered clients of rules that stay are kept. */
  load(rules: Rules): void;
  /** One setting of the node's network, by its path below /proc/sys/net. */
  set(name: string, value: number): void;
  /** Forgets connections and remembered clients. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

/** Input of iptables-restore, per family. */
export interface Rules {
  readonly ipv4: string;
  readonly ipv6: string;
}

const SYSCTLS: Readonly<Record<string, number | string>> = {
  "ipv4/ip_forward": 1,
  "ipv6/conf/all/forwarding": 1,
  "ipv4/conf/all/rp_filter": 0,
  "ipv4/conf/default/rp_filter": 0,
  "ipv4/conf/all/send_redirects": 0,
  "ipv4/conf/default/send_redirects": 0,
  "ipv4/conf/all/route_localnet": 1,
  "ipv6/conf/all/accept_ra": 0,
  "ipv6/conf/default/accept_ra": 0,
  "ipv6/conf/default/accept_dad": 0,
  "ipv6/conf/default/router_solicitations": 0,
  "ipv6/conf/default/addr_gen_mode": 1,
  "ipv4/icmp_ratemask": 0,
  "ipv4/icmp_ratelimit": 0,
  "ipv4/icmp_msgs_per_sec": 1_000_000,
  "ipv4/icmp_msgs_burst": 1_000_000,
  "ipv6/icmp/ratelimit": 0,
  "ipv6/icmp/ratemask": "",
};
const FOLDER = import.meta.dirname;
const EMPTY = "*nat\nCOMMIT\n*filter\nCOMMIT\n";

/** The iptables of this machine that speak to the kernel's own tables, or to nf_tables when there are no others. */
export const RESTORE = ["legacy-", ""]
  .map((kind) => ({ ipv4: `iptables-${kind}restore`, ipv6: `ip6tables-${kind}restore` }))
  .find(({ ipv4 }) => spawnSync(ipv4, ["--version"]).error === undefined);

export async function createLab(): Promise<Lab> {
  const node = await hold("node.py");
  const world = start("unshare", ["--net", "python3", "-B", join(FOLDER, "link.py"), ...LINKS]);
  try {
    await entered(world);
    configure(node, world);
    for (const link of LINKS) await order(node, `plain ${link}`);
    world.write(messageOf(SENTINELS));
    return labOf(node, world);
  } catch (error) {
    await Promise.all([node.end(), world.end()]);
    throw error;
  }
}

function labOf(node: Talker, world: Talker): Lab {
  return {
    network: networkOf(node),
    async send(...frames) {
      world.write(messageOf(frames));
      const length = (await world.read(4)).readUInt32BE();
      return length === 0 ? [] : framesOf(await world.read(length));
    },
    load({ ipv4, ipv6 }) {
      restore(node, "ipv4", ipv4);
      restore(node, "ipv6", ipv6);
    },
    set(name, value) {
      within(node, ["sh", "-e"], sysctlScript({ [name]: value }));
    },
    async forget() {
      restore(node, "ipv4", EMPTY);
      restore(node, "ipv6", EMPTY);
      await order(node, "flush");
    },
    async close() {
      await Promise.all([node.end(), world.end()]);
    },
  };
}

async function hold(script: string): Promise<Talker> {
  const talker = start("unshare", ["--net", "python3", "-B", join(FOLDER, script)]);
  const greeting = await talker.readLine();
  if (greeting !== "ready") throw new Error(`${script} says ${greeting}`);
  return talker;
}

/** Waits until the process has a namespace of its own: link.py says nothing before it is spoken to. */
async function entered({ pid }: Talker): Promise<void> {
  const own = namespaceOf("self");
  for (let tries = 0; tries < 500; tries++) {
    const its = namespaceOf(String(pid));
    if (its !== own && its !== "") return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error("unshare --net gives no network namespace");
}

function namespaceOf(pid: string): string {
  return spawnSync("readlink", [`/proc/${pid}/ns/net`], { encoding: "utf8" }).stdout;
}

async function order(node: Talker, command: string): Promise<void> {
  node.write(`${command}\n`);
  const answer = await node.readLine();
  if (answer !== "done") throw new Error(answer);
}

/** Runs a program in the namespace of a process. */
function within({ pid }: Talker, command: readonly string[], input = ""): string {
  const args = ["-t", String(pid), "-n", ...command];
  const { status, stdout, stderr, error } = spawnSync("nsenter", args, { input, encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`${command.join(" ")}: ${error?.message ?? stderr}\n${numbered(input)}`);
}

function numbered(text: string): string {
  return text
    .split("\n")
    .map((line, index) => `${index + 1}: ${line}`)
    .join("\n");
}

function restore(node: Talker, family: keyof Rules, text: string): void {
  if (RESTORE === undefined) throw new Error("there is no iptables-restore");
  within(node, [RESTORE[family], "-w"], text);
}

function configure(node: Talker, world: Talker): void {
  within(node, ["sh", "-e"], sysctlScript(SYSCTLS));
  within(world, ["sh", "-e"], sysctlScript({ "ipv6/conf/default/disable_ipv6": 1 }));
  within(world, ["ip", "-batch", "-"], LINKS.map((link) => linkScript(link, node.pid)).join(""));
  within(node, ["ip", "-batch", "-"], nodeScript());
}

/** What a kernel does not have it does not do either. */
function sysctlScript(values: Readonly<Record<string, number | string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `/proc/sys/net/${name} ${value}`)
    .map((line) => line.split(" "))
    .map(([path, value]) => `if [ -e ${path} ]; then echo ${value} > ${path}; fi\n`)
    .join("");
}

function linkScript(link: Link, node: number): string {
  const { mac, peer } = ENDS[link];
  return [
    `link add ${link} address ${peer} type veth peer name ${link} address ${mac} netns ${node}`,
    `link set ${link} up`,
    "",
  ].join("\n");
}

function nodeScript(): string {
  const lines = ["link set lo up"];
  for (const link of LINKS) {
    const { addresses, neighbours, peer } = ENDS[link];
    for (const address of addresses) {
      lines.push(`addr add ${address} dev ${link}${address.includes(":") ? " nodad" : ""}`);
    }
    lines.push(`link set ${link} up`);
    for (const one of [...neighbours, ...extra(link)]) {
      lines.push(`neigh add ${one} lladdr ${peer} dev ${link} nud permanent`);
    }
  }
  for (const route of ROUTES) lines.push(`route add ${route}`);
  return `${lines.join("\n")}\n`;
}

/** Where sentinels go. */
function extra(link: Link): string[] {
  return link === "pod0" ? ["10.244.1.250"] : [];
}

function networkOf(node: Talker): Network {
  const json = (...args: string[]) => JSON.parse(within(node, ["ip", "-j", ...args])) as unknown[];
  return { addresses: json("addr"), routes: [...json("-4", "route"), ...json("-6", "route")] };
}

/** The frame as the far end of a link sends it to the node. */
export function frameOn(link: Link, packetBytes: Uint8Array): Emission {
  const { mac, peer } = ENDS[link];
  const header = Buffer.from(`${mac}${peer}`.replaceAll(":", ""), "hex");
  const type = (packetBytes[0] as number) >> 4 === 6 ? [0x86, 0xdd] : [0x08, 0x00];
  return { link, frame: Buffer.concat([header, Uint8Array.from(type), packetBytes]) };
}

/** link.py knows them by these words. */
const MARK = "waxdp sentinel";
const SENTINELS: readonly Emission[] = (
  [
    ["ext0", "203.0.113.250", "10.244.1.250"],
    ["ext0", "203.0.113.250", "10.244.2.250"],
    ["pod0", "10.244.1.250", "203.0.113.250"],
  ] as const
).map(([link, saddr, daddr]) =>
  frameOn(link, packet({ saddr, daddr, proto: "udp", payload: MARK, link: "raw" })),
);

/** The message of link.py: its length, then index of the link, length and bytes of each frame. */
function messageOf(frames: readonly Emission[]): Buffer {
  const parts = frames.flatMap(({ link, frame }) => {
    const head = Buffer.alloc(5);
    head.writeUInt8(LINKS.indexOf(link));
    head.writeUInt32BE(frame.length, 1);
    return [head, frame];
  });
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

function framesOf(message: Buffer): Emission[] {
  const frames: Emission[] = [];
  for (let at = 0; at < message.length; ) {
    const length = message.readUInt32BE(at + 1);
    const link = LINKS[message.readUInt8(at)] as Link;
    frames.push({ link, frame: message.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return frames;
}
