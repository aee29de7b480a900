/** The same packets into the kernel and into waxdp, as Wasm and as model; whatever comes out is compared. */
import {
  createDataplane,
  createModel,
  type Dataplane,
  type ProcessResult,
  parseObjects,
} from "../../src/index.ts";
import { steered } from "../netfilter/steering.ts";
import { type Cluster, formatCluster, frontendsOf, objectsOf, servicesOf } from "./clusters.ts";
import {
  type Circumstances,
  differenceOf,
  formatOutcome,
  formatRaw,
  formatResult,
  type Outcome,
  outcomeOf,
} from "./comparison.ts";
import { type Datagram, inverse, NAMES, packetIn, read, same } from "./datagram.ts";
import type { KnownDifference } from "./differences.ts";
import { classOf, type Flow, inTermsOf } from "./flow.ts";
import { frameOn, type Lab } from "./lab.ts";
import { rulesOf } from "./rules.ts";
import { type Link, NODE } from "./topology.ts";

export interface Duel {
  readonly flows: Flow[];
  /** Known differences that were met. */
  readonly met: Set<KnownDifference>;
  /** What waxdp has done so far, in words: a search that misses the interesting places would always pass. */
  readonly reached: Set<string>;
  /**
   * Puts other objects in place; connections and remembered clients stay. Those that are not translated are
   * followed no further: see "older than the Service" in differences.ts.
   */
  apply(cluster: Cluster): void;
  /**
   * Sends a packet into both. Returns the kernel's outcome when they agree, throws when they do not. `flow` is
   * the connection whose first packet this may be.
   */
  send(link: Link, packet: Uint8Array, options?: SendOptions): Promise<Outcome>;
  /** What each dataplane does with packets that the kernel does not get. */
  process(link: Link, packets: readonly Uint8Array[]): ProcessResult[][];
}

export interface SendOptions {
  readonly flow?: Flow;
  /** Waxdp is to choose by itself: it should remember what the kernel remembers. */
  readonly unsteered?: boolean;
}

const CAPACITY = {
  services: 64,
  frontends: 256,
  backends: 256,
  slots: 1024,
  ranges: 256,
  addresses: 64,
  interfaces: 8,
  connections: 1024,
  connections6: 1024,
  affinity: 1024,
};

/** Beside what a duel shows: what it is fought with. */
interface Arena {
  readonly lab: Lab;
  readonly dataplanes: readonly Dataplane[];
  readonly memories: Memories;
  cluster: Cluster;
}

export async function createDuel(lab: Lab, cluster: Cluster, seed: number): Promise<Duel> {
  const { randomFully } = cluster.settings;
  const options = { node: NODE, seed, network: lab.network, capacity: CAPACITY, randomFully };
  const dataplanes = [await createDataplane(options), await createModel(options)];
  const arena: Arena = { lab, dataplanes, memories: new Map(), cluster };
  await lab.forget();
  const duel: Duel = {
    flows: [],
    met: new Set(),
    reached: new Set(),
    apply: (next) => replace(arena, duel, next),
    send: (link, packet, options) => exchange(arena, duel, { link, packet, ...options }),
    process: (link, packets) =>
      dataplanes.map((one) => packets.map((packet) => pass(one, link, packet, performance.now()))),
  };
  duel.apply(cluster);
  return duel;
}

function replace(arena: Arena, { flows }: Duel, next: Cluster): void {
  arena.cluster = next;
  const translated = flows.filter(({ orig, translated }) => !same(orig, translated ?? orig));
  flows.splice(0, flows.length, ...translated);
  arena.lab.set("netfilter/nf_conntrack_tcp_be_liberal", Number(next.settings.tcpBeLiberal));
  arena.lab.load(rulesOf(servicesOf(next), next.settings));
  for (const one of arena.dataplanes) {
    // kube-proxy ends such connections with the conntrack tool, which its rules know nothing of.
    one.apply(parseObjects(objectsOf(next)), { keepStaleFlows: true });
  }
}

type Sending = SendOptions & { readonly link: Link; readonly packet: Uint8Array };

async function exchange(arena: Arena, duel: Duel, sending: Sending): Promise<Outcome> {
  const { lab, cluster, memories, dataplanes } = arena;
  const { link, packet, flow } = sending;
  const kernel = outcomeOf(packet, await lab.send(frameOn(link, packet)));
  const now = performance.now();
  const unsteered = sending.unsteered ?? recall(memories, cluster, kernel, flow);
  for (const dataplane of dataplanes) {
    const round: Round = { duel, dataplane, link, packet, kernel, now, flow, unsteered };
    const { result, difference } = judge(round);
    if (difference !== null) throw new Error(report(cluster, round, result, difference));
  }
  return kernel;
}

function pass(dataplane: Dataplane, link: Link, packet: Uint8Array, now: number): ProcessResult {
  const result = dataplane.process(frameOn(link, packet).frame, { now, interface: link });
  return { ...result, packet: packetIn(result.packet) };
}

/** By service port and client: the endpoints that the kernel has chosen for it so far. */
type Memories = Map<string, Set<string>>;

/** A kernel that chooses an endpoint again does so because it remembers: waxdp has to by itself. */
function recall(
  memories: Memories,
  cluster: Cluster,
  kernel: Outcome,
  flow: Flow | undefined,
): boolean {
  const chosen = endpointOf(kernel);
  if (chosen === undefined || flow === undefined) return false;
  const { daddr, dport, saddr } = flow.orig;
  const dialled = frontendsOf(cluster).find(
    ({ address, port, proto }) =>
      address === daddr && port === dport && proto === NAMES[chosen.proto],
  );
  if (dialled?.memory === undefined) return false;
  const key = `${dialled.memory} ${dialled.proto} ${saddr}`;
  const known = memories.get(key) ?? new Set();
  const endpoint = `${chosen.daddr} ${chosen.dport}`;
  const remembered = known.has(endpoint);
  memories.set(key, known.add(endpoint));
  return remembered;
}

/** One packet and one dataplane. */
interface Round {
  readonly duel: Duel;
  readonly dataplane: Dataplane;
  readonly link: Link;
  readonly packet: Uint8Array;
  readonly kernel: Outcome;
  readonly now: number;
  readonly flow: Flow | undefined;
  readonly unsteered: boolean;
}

function judge(round: Round): { result: ProcessResult; difference: string | null } {
  const { duel, dataplane, link, kernel, now, flow } = round;
  const flows = flow === undefined ? duel.flows : [...duel.flows, flow];
  const sent = inTermsOf(dataplane.engine, round.packet, flows);
  const chosen = round.unsteered ? undefined : endpointOf(kernel);
  const result = steered(dataplane, chosen, () => pass(dataplane, link, sent, now));
  for (const word of wordsOf(round, result)) duel.reached.add(word);
  const port = learn(round, result);
  if (port !== null) return { result, difference: port };
  const packet = kernel.packet && inTermsOf(dataplane.engine, kernel.packet, flows);
  const expected = packet === undefined ? kernel : { ...kernel, packet };
  return { result, difference: differenceOf(sent, expected, result, circumstancesOf(round)) };
}

function wordsOf({ unsteered }: Round, { event }: ProcessResult): string[] {
  const { action, reason, masquerade, before, after } = event;
  const drawn = action === "dnat" && before?.sport !== after?.sport;
  return [
    action,
    reason ?? action,
    masquerade ? "masquerade" : action,
    drawn ? "other port" : action,
    unsteered ? "remembered" : action,
  ];
}

function circumstancesOf({ duel, dataplane, packet }: Round): Circumstances {
  const own = read(packet);
  const untranslated = duel.flows.some(
    ({ orig, translated }) =>
      own !== undefined &&
      translated !== undefined &&
      same(orig, translated) &&
      (same(own, orig) || same(own, inverse(orig))),
  );
  const tcpBeLiberal = dataplane.maps.config.lookup("config")?.tcpBeLiberal === true;
  return { met: duel.met, untranslated, tcpBeLiberal };
}

/** Where the kernel has sent the packet: of endpoints of its own choice waxdp is left no other. */
function endpointOf({ kind, packet }: Outcome): Datagram | undefined {
  return kind === "forward" && packet !== undefined ? read(packet) : undefined;
}

/**
 * A new connection's source port may be drawn, by each side as it likes; when one side draws, the other has to,
 * and what is drawn has to be of the same class. Returns how they differ.
 */
function learn({ dataplane, kernel, flow }: Round, result: ProcessResult): string | null {
  if (flow === undefined || kernel.kind !== "forward" || result.verdict !== "PASS") return null;
  const theirs = read(kernel.packet as Uint8Array);
  const ours = read(result.packet);
  if (theirs === undefined || ours === undefined) return null;
  if (theirs.daddr !== ours.daddr || theirs.dport !== ours.dport) return null;
  const known = flow.pairs.get(dataplane.engine);
  if (known !== undefined && same(known.kernel, theirs)) return null;
  if (theirs.sport !== ours.sport) {
    const [low, high] = classOf(flow.orig.sport);
    const drawn = [theirs.sport, ours.sport].every(
      (port) => port >= low && port <= high && (port !== flow.orig.sport || drawsAlways(dataplane)),
    );
    if (!drawn) return `source port: kernel ${theirs.sport}, waxdp ${ours.sport}`;
  }
  flow.translated = theirs;
  flow.pairs.set(dataplane.engine, { kernel: theirs, own: ours });
  return null;
}

function drawsAlways({ maps }: Dataplane): boolean {
  return maps.config.lookup("config")?.randomFully === true;
}

function report(cluster: Cluster, round: Round, result: ProcessResult, difference: string): string {
  return [
    `${round.dataplane.engine} is not as the kernel`,
    `  difference: ${difference}`,
    `  packet:     ${round.link} ${formatRaw(round.packet)}`,
    `  kernel:     ${formatOutcome(round.kernel)}`,
    `  waxdp:      ${formatResult(result)}`,
    `  bytes sent: ${Buffer.from(round.packet).toString("hex")}`,
    formatCluster(cluster),
  ].join("\n");
}
