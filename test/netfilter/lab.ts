/** A scenario played through a dataplane, step by step. */
import type { Dataplane, DataplaneOptions, ProcessResult } from "../../src/dataplane/dataplane.ts";
import { parseObjects } from "../../src/index.ts";
import { rememberedSteps } from "./affinity.ts";
import { type Judgement, judge } from "./comparison.ts";
import { compareTables, endpointsOf } from "./conntrack-line.ts";
import { deleteConnections } from "./conntrack-tool.ts";
import { datagramName, noteReleases } from "./fragments.ts";
import { addressOn, networkOf } from "./node.ts";
import { nodeError } from "./node-error.ts";
import { type Ends, ETHERNET, read } from "./packet.ts";
import { DrawnPorts } from "./ports.ts";
import {
  bytesOf,
  type DeleteStep,
  type KubernetesObject,
  type PacketStep,
  type Recording,
  type Scenario,
  type Topology,
} from "./recording.ts";
import { steered } from "./steering.ts";
import type { Trial } from "./trial.ts";

const CAPACITY = { connections: 1024, connections6: 1024, affinity: 1024, slots: 4096 };
/** The kernel's own, which the kube-proxy of the recordings left as they are. */
const TIMEOUTS = {
  nf_conntrack_tcp_timeout_established: 432_000,
  nf_conntrack_tcp_timeout_close_wait: 60,
};

export type Create = (options: DataplaneOptions) => Promise<Dataplane>;

export async function play(
  create: Create,
  recording: Recording,
  scenario: Scenario,
): Promise<Judgement[]> {
  return new Lab(await prepare(create, recording, scenario), recording, scenario).play();
}

/** The node of a scenario before its first step. */
export async function prepare(
  create: Create,
  recording: Recording,
  scenario: Scenario,
): Promise<Dataplane> {
  const dataplane = await create({
    node: "node-a",
    seed: 7,
    capacity: CAPACITY,
    network: networkOf(recording.topology, scenario),
    sysctls: { ...TIMEOUTS, ...sysctlsOf(scenario) },
    randomFully: scenario.randomFully ?? false,
  });
  dataplane.apply(parseObjects([...scenario.objects, ...fixedObjects(recording, scenario)]));
  return dataplane;
}

/** Those that no step replaces. */
function fixedObjects({ node, config }: Recording, scenario: Scenario): readonly object[] {
  return [node, scenario.config ?? config];
}

function sysctlsOf({ lab }: Scenario): Record<string, string> {
  return Object.fromEntries((lab?.sysctls ?? []).map((setting) => setting.split("=")));
}

class Lab {
  readonly #dataplane: Dataplane;
  readonly #fixed: readonly object[];
  readonly #topology: Topology;
  readonly #scenario: Scenario;
  readonly #remembered: ReadonlySet<number>;
  readonly #ports = new DrawnPorts();
  readonly #trials: Trial[] = [];
  readonly #actions: Judgement[] = [];
  #endpoints: ReadonlySet<string>;

  constructor(dataplane: Dataplane, recording: Recording, scenario: Scenario) {
    this.#dataplane = dataplane;
    this.#topology = recording.topology;
    this.#scenario = scenario;
    this.#fixed = fixedObjects(recording, scenario);
    this.#remembered = rememberedSteps(scenario);
    this.#endpoints = endpointsOf(scenario.objects);
  }

  play(): Judgement[] {
    for (const step of this.#scenario.steps) {
      if (step.action === undefined) this.#trials.push(this.#send(step));
      else if (step.action === "conntrack-delete") this.#actions.push(this.#delete(step));
      else {
        this.#apply(step.objects);
        this.#actions.push({ ...step, differs: [], complaints: [], deed: "applied" });
      }
    }
    noteReleases(this.#trials);
    return [...judge(this.#trials), ...this.#actions].sort((one, other) => one.n - other.n);
  }

  /** Flows whose endpoint is gone stay: the recordings show kube-proxy's cleanup as a step of its own. */
  #apply(objects: readonly KubernetesObject[]): void {
    const set = parseObjects([...objects, ...this.#fixed]);
    this.#dataplane.apply(set, { keepStaleFlows: true });
    this.#endpoints = endpointsOf(objects);
  }

  #delete({ n, name, args, deleted }: DeleteStep): Judgement {
    const own = deleteConnections(this.#dataplane, args);
    if (own === deleted) return { n, name, differs: [], complaints: [], deed: `removed ${own}` };
    const complaints = [`removes ${own} entries, not ${deleted}`];
    return { n, name, differs: ["count"], complaints, deed: `removed ${own}` };
  }

  #send(step: PacketStep): Trial {
    const link = linkOf(step);
    const recorded = bytesOf(step.frame ?? step.l3!);
    const sent = this.#ports.substitute(recorded.subarray(link));
    const frame = Uint8Array.from([...recorded.subarray(0, link), ...sent]);
    const result = steered(this.#dataplane, this.#endpointOf(step), () =>
      this.#dataplane.process(frame, { now: step.at_ms, ...originOf(step) }),
    );
    const complaints = [...this.#learn(step, sent, result), ...this.#compareTables(step)];
    const outputs = step.out.map(({ origin, l3 }) => ({
      origin,
      l3: this.#ports.substitute(bytesOf(l3)),
    }));
    const error = this.#nodeError(step, result);
    return { step, sent, link, result, release: undefined, complaints, outputs, error };
  }

  /** What becomes of the error that the node sent about a packet let through. It changes no connection. */
  #nodeError(step: PacketStep, { verdict, packet }: ProcessResult): Uint8Array | undefined {
    const recorded = step.out.find(({ origin }) => origin === "node" && step.frame !== undefined);
    const seen = packet.subarray(linkOf(step));
    if (recorded === undefined || verdict !== "PASS") return undefined;
    const own = addressOn(this.#topology, step.in_iface, read(seen)!.saddr);
    const error = nodeError(bytesOf(recorded.l3), seen, own);
    const options = { now: step.at_ms, local: true, linkType: "raw" } as const;
    return error && this.#dataplane.process(error, options).packet;
  }

  /**
   * Where the kernel sent the packet; a fragment, where it sent its datagram once that was whole. Undefined
   * where a client was remembered, which the dataplane has to do by itself.
   */
  #endpointOf(step: PacketStep): Ends | undefined {
    if (this.#remembered.has(step.n)) return undefined;
    const name = nameOf(step);
    const steps = name === undefined ? [step] : this.#stepsOf(name);
    const output = steps.flatMap(({ out }) => out).find(({ origin }) => origin !== "local");
    return output && read(bytesOf(output.l3));
  }

  #stepsOf(datagram: string): PacketStep[] {
    const packets = this.#scenario.steps.filter((step) => step.action === undefined);
    return packets.filter((step) => nameOf(step) === datagram);
  }

  /** Some recorded answers call the port of their service a drawn one; only requests have any. */
  #learn(step: PacketStep, sent: Uint8Array, { event, packet }: ProcessResult): string[] {
    const [from, own] = [read(sent), read(packet.subarray(linkOf(step)))];
    if (from === undefined || own === undefined || event.action === "reply") return [];
    return step.out.flatMap(({ l3 }) => this.#ports.learn(step, from, read(bytesOf(l3))!, own));
  }

  #compareTables({ conntrack, at_ms: now }: PacketStep): string[] {
    if (conntrack === undefined) return [];
    const [dataplane, ports, endpoints] = [this.#dataplane, this.#ports, this.#endpoints];
    return compareTables(conntrack, { dataplane, now, ports, endpoints });
  }
}

function nameOf({ frame }: PacketStep): string | undefined {
  return frame === undefined ? undefined : datagramName(bytesOf(frame).subarray(ETHERNET));
}

/** Bytes in front of the IP packet. */
function linkOf({ in_iface }: PacketStep): number {
  return in_iface === "node" ? 0 : ETHERNET;
}

function originOf({ in_iface }: PacketStep): object {
  if (in_iface === "node") return { local: true, linkType: "raw" };
  return { interface: in_iface };
}
