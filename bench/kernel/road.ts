/**
 * Three network namespaces in a row: client, router, server. They have no names: each ends with the process
 * that holds it, and that ends when its input closes, however this process ends.
 */
import { spawnSync } from "node:child_process";
import { createSession, type Session } from "../native/session.ts";

/** Nobody translates it: what plain forwarding is measured with. */
export const PLAIN = "10.97.0.1";

export interface Road {
  /** Nanoseconds of CPU time per packet from the client to where the server drops it. */
  send(order: Order): Promise<number>;
  /** Replaces the router's rules. */
  restore(program: string, rules: string): void;
  close(): Promise<void>;
}

export interface Order {
  /** Number of the first flow, and of flows that are sent in turn. */
  readonly first: number;
  readonly flows: number;
  readonly packets: number;
  readonly address: string;
}

interface Namespace {
  readonly session: Session;
  readonly pid: string;
}

/** Hardware addresses of the router. */
const INWARD = "02:00:00:00:00:01";
const OUTWARD = "02:00:00:00:00:02";
/** Nobody's: the server drops what is for others before it looks at it. */
const NOBODY = "02:00:00:00:00:09";

const SETTINGS: Readonly<Record<string, number>> = {
  "ipv4/ip_forward": 1,
  "ipv4/conf/all/rp_filter": 0,
  "ipv4/conf/default/rp_filter": 0,
  "ipv6/conf/default/disable_ipv6": 1,
};

export async function openRoad(sender: string): Promise<Road> {
  const open: Session[] = [];
  const close = async () => {
    for (const session of open.reverse()) await session.close();
  };
  try {
    const [client, router, server] = [await hold(open), await hold(open), await hold(open)];
    configure(client, router, server);
    const command = ["-t", client.pid, "-n", sender, "road", INWARD];
    const session = await createSession("nsenter", command, []);
    open.push(session);
    return {
      send: (order) => send(session, server, order),
      restore: (program, rules) => void within(router, [program, "-w"], rules),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function hold(open: Session[]): Promise<Namespace> {
  const script = "echo ready; read -r line; echo $$; exec cat";
  const session = await createSession("unshare", ["--net", "sh", "-c", script], []);
  open.push(session);
  return { session, pid: await session.ask("pid") };
}

/** Runs a program in a namespace. */
function within({ pid }: Namespace, command: readonly string[], input = ""): string {
  const args = ["-t", pid, "-n", ...command];
  const { status, stdout, stderr, error } = spawnSync("nsenter", args, { input, encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`${command[0]}: ${error?.message ?? stderr.trim()}`);
}

function configure(client: Namespace, router: Namespace, server: Namespace): void {
  const settings = Object.entries(SETTINGS).map(
    ([path, value]) => `[ ! -e /proc/sys/net/${path} ] || echo ${value} > /proc/sys/net/${path}\n`,
  );
  for (const each of [client, router, server]) within(each, ["sh", "-e"], settings.join(""));
  within(client, ["ip", "-batch", "-"], link("in", INWARD, router));
  within(server, ["ip", "-batch", "-"], link("out", OUTWARD, router));
  const commands = [
    "link set lo up",
    "addr add 10.0.0.1/24 dev in",
    "addr add 10.245.0.1/24 dev out",
    "link set in up",
    "link set out up",
    "neigh add 10.0.0.2 lladdr 02:00:00:00:00:03 dev in nud permanent",
    `neigh add 10.245.0.2 lladdr ${NOBODY} dev out nud permanent`,
    "route add 10.1.0.0/16 via 10.0.0.2",
    "route add 10.244.0.0/16 via 10.245.0.2",
    `route add ${PLAIN}/32 via 10.245.0.2`,
  ];
  within(router, ["ip", "-batch", "-"], `${commands.join("\n")}\n`);
}

/** A pair of devices: "road" here, `name` in the router. */
function link(name: string, address: string, { pid }: Namespace): string {
  return `link add road type veth peer name ${name} address ${address} netns ${pid}\nlink set road up\n`;
}

async function send(session: Session, server: Namespace, order: Order): Promise<number> {
  const { first, flows, packets, address } = order;
  const before = arrived(server);
  const spent = Number(await session.ask(`send ${first} ${flows} ${packets} ${address}`));
  const lost = packets - (arrived(server) - before);
  if (lost > packets / 100)
    throw new Error(`${lost} of ${packets} packets to ${address} were lost`);
  return spent / packets;
}

/** Packets that have reached the server's device. */
function arrived(server: Namespace): number {
  const devices = within(server, ["cat", "/proc/net/dev"]);
  return Number(/road:\s*\d+\s+(\d+)/.exec(devices)?.[1]);
}
