/** The recordings, as recordings/README.md describes them. */
import { readdirSync, readFileSync } from "node:fs";

export interface Recording {
  readonly group: string;
  readonly topology: Topology;
  readonly node: object;
  readonly config: object;
  readonly scenarios: readonly Scenario[];
}

export interface Topology {
  readonly node: { readonly [name: string]: { readonly addresses: readonly string[] } };
  /** As `ip route` prints them: "DESTINATION via GATEWAY dev DEVICE". */
  readonly routes: readonly string[];
}

export interface Scenario {
  readonly id: string;
  readonly objects: readonly KubernetesObject[];
  readonly config?: object;
  readonly randomFully?: boolean;
  readonly lab?: { readonly sysctls?: readonly string[]; readonly local_addrs?: readonly string[] };
  /** Of what was counted instead of kept: how many flows went to which endpoint. */
  readonly summary?: { readonly counts?: { readonly [endpoint: string]: number } };
  readonly steps: readonly Step[];
}

/** What is read of Services and EndpointSlices here; the dataplane reads all of them. */
export interface KubernetesObject {
  readonly kind: string;
  readonly spec?: {
    readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } };
  };
  readonly endpoints?: readonly { readonly addresses: readonly string[] }[];
  readonly ports?: readonly { readonly port: number; readonly protocol: string }[];
}

export type Step = PacketStep | ObjectsStep | DeleteStep;

interface Moment {
  readonly n: number;
  readonly name: string;
  readonly at_ms: number;
  /** The table after the step. */
  readonly conntrack?: readonly string[];
}

export interface PacketStep extends Moment {
  readonly action?: undefined;
  readonly in_iface: string;
  readonly frame?: string;
  readonly l3?: string;
  readonly out: readonly Output[];
  readonly random_port?: number;
  readonly endpoint?: string;
  /** What a sender on the node is told. */
  readonly send_error?: string;
}

export interface ObjectsStep extends Moment {
  readonly action: "set-objects";
  readonly objects: readonly KubernetesObject[];
}

export interface DeleteStep extends Moment {
  readonly action: "conntrack-delete";
  /** Of `conntrack -D`. */
  readonly args: string;
  readonly deleted: number;
}

export interface Output {
  readonly origin: "forward" | "node" | "local";
  readonly l3: string;
}

const FOLDER = new URL("./recordings/", import.meta.url);

export const RECORDINGS: readonly Recording[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .sort()
  .map((name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")));

/** A scenario by its id, and the file it stands in. */
export function find(id: string): { readonly recording: Recording; readonly scenario: Scenario } {
  for (const recording of RECORDINGS) {
    const scenario = recording.scenarios.find((one) => one.id === id);
    if (scenario !== undefined) return { recording, scenario };
  }
  throw new RangeError(`no scenario ${id}`);
}

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}
