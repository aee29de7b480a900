/**
 * The Kubernetes objects that decide what a node's dataplane does, and the fields of them that are read.
 * Objects of the API are assignable to these types as they are; `null` means absent, as the API has it.
 */

import { collectObjects } from "./collection.ts";
import { readDocuments } from "./manifest.ts";
import type { Path, Position } from "./problem.ts";

type Optional<T> = T | null | undefined;

export interface Metadata {
  readonly name?: Optional<string>;
  readonly namespace?: Optional<string>;
  readonly labels?: Optional<Readonly<Record<string, string>>>;
}

/** v1 Service. */
export interface Service {
  readonly metadata?: Optional<Metadata>;
  readonly spec?: Optional<ServiceSpec>;
  readonly status?: Optional<{
    readonly loadBalancer?: Optional<{
      readonly ingress?: Optional<readonly LoadBalancerIngress[]>;
    }>;
  }>;
}

export interface ServiceSpec {
  readonly type?: Optional<string>;
  readonly clusterIP?: Optional<string>;
  readonly clusterIPs?: Optional<readonly string[]>;
  readonly ipFamilies?: Optional<readonly string[]>;
  readonly externalIPs?: Optional<readonly string[]>;
  readonly ports?: Optional<readonly ServicePort[]>;
  readonly sessionAffinity?: Optional<string>;
  readonly sessionAffinityConfig?: Optional<{
    readonly clientIP?: Optional<{ readonly timeoutSeconds?: Optional<number> }>;
  }>;
  readonly internalTrafficPolicy?: Optional<string>;
  readonly externalTrafficPolicy?: Optional<string>;
  readonly loadBalancerSourceRanges?: Optional<readonly string[]>;
  readonly healthCheckNodePort?: Optional<number>;
}

export interface ServicePort {
  readonly name?: Optional<string>;
  readonly protocol?: Optional<string>;
  readonly port: number;
  readonly nodePort?: Optional<number>;
}

export interface LoadBalancerIngress {
  readonly ip?: Optional<string>;
  readonly ipMode?: Optional<string>;
}

/** discovery.k8s.io/v1 EndpointSlice; `topology` is v1beta1's. */
export interface EndpointSlice {
  readonly metadata?: Optional<Metadata>;
  readonly addressType: string;
  readonly endpoints?: Optional<readonly Endpoint[]>;
  readonly ports?: Optional<readonly EndpointPort[]>;
}

export interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions?: Optional<{
    readonly ready?: Optional<boolean>;
    readonly serving?: Optional<boolean>;
    readonly terminating?: Optional<boolean>;
  }>;
  readonly nodeName?: Optional<string>;
  readonly topology?: Optional<Readonly<Record<string, string>>>;
  readonly hints?: Optional<{
    readonly forZones?: Optional<readonly { readonly name: string }[]>;
    readonly forNodes?: Optional<readonly { readonly name: string }[]>;
  }>;
}

export interface EndpointPort {
  readonly name?: Optional<string>;
  readonly protocol?: Optional<string>;
  readonly port?: Optional<number>;
}

export interface NodeMetadata extends Metadata {
  /** RFC 3339 as the API writes it; clients make it a Date. */
  readonly deletionTimestamp?: Optional<string | Date>;
}

/** v1 Node. */
export interface Node {
  readonly metadata?: Optional<NodeMetadata>;
  readonly spec?: Optional<{
    readonly podCIDR?: Optional<string>;
    readonly podCIDRs?: Optional<readonly string[]>;
    readonly taints?: Optional<readonly { readonly key: string }[]>;
  }>;
  readonly status?: Optional<{
    readonly addresses?: Optional<readonly { readonly type: string; readonly address: string }[]>;
  }>;
}

/** kubeproxy.config.k8s.io/v1alpha1 KubeProxyConfiguration. */
export interface KubeProxyConfiguration {
  readonly mode?: Optional<string>;
  readonly hostnameOverride?: Optional<string>;
  readonly clusterCIDR?: Optional<string>;
  readonly detectLocalMode?: Optional<string>;
  readonly detectLocal?: Optional<{
    readonly bridgeInterface?: Optional<string>;
    readonly interfaceNamePrefix?: Optional<string>;
  }>;
  readonly nodePortAddresses?: Optional<readonly string[]>;
  readonly iptables?: Optional<{
    readonly masqueradeAll?: Optional<boolean>;
    readonly localhostNodePorts?: Optional<boolean>;
  }>;
  readonly ipvs?: Optional<{ readonly scheduler?: Optional<string> }>;
  readonly conntrack?: Optional<ConntrackConfiguration>;
}

export interface ConntrackConfiguration {
  readonly tcpEstablishedTimeout?: Optional<string>;
  readonly tcpCloseWaitTimeout?: Optional<string>;
  readonly tcpBeLiberal?: Optional<boolean>;
  readonly udpTimeout?: Optional<string>;
  readonly udpStreamTimeout?: Optional<string>;
}

/** Where an object stood. */
export interface Origin {
  /** "" when the text has no name. */
  readonly file: string;
  /** From 1; 0 when the object did not come from a text. */
  readonly line: number;
}

/** An object that was found good, with its name and place. */
export interface Manifest<T> {
  /** "default" where the object names none, "" where it can have none. */
  readonly namespace: string;
  readonly name: string;
  readonly origin: Origin;
  readonly object: T;
}

/** The desired state: what `Dataplane.apply` takes. */
export interface ObjectSet {
  readonly services: readonly Manifest<Service>[];
  readonly endpointSlices: readonly Manifest<EndpointSlice>[];
  readonly nodes: readonly Manifest<Node>[];
  readonly config: Manifest<KubeProxyConfiguration> | undefined;
  /** How many objects of each other kind the input held. */
  readonly skipped: ReadonlyMap<string, number>;
}

/** A text with manifests, and the name its problems are told under. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

/** A value that a text held, and the places of its fields. */
export interface Document {
  readonly file: string;
  readonly value: unknown;
  /** Where the field is, or the nearest field around it that the text has. */
  position(path: Path): Position;
}

/**
 * Reads YAML (any number of documents) or JSON as kubectl prints it. Lists are opened, kinds that do not
 * concern the dataplane are counted. Throws ManifestError with every problem when there is one.
 */
export function parseManifests(input: string | readonly Source[]): ObjectSet {
  const sources = typeof input === "string" ? [{ file: "", text: input }] : input;
  if (!Array.isArray(sources) || !sources.every(isSource)) {
    throw new TypeError("parseManifests takes a text, or an array of { file, text }");
  }
  return collectObjects((problems) => readDocuments(sources, problems));
}

function isSource(source: Partial<Source> | null): boolean {
  return typeof source?.file === "string" && typeof source.text === "string";
}

/** The same for objects that are no text any more. */
export function parseObjects(values: readonly unknown[]): ObjectSet {
  if (!Array.isArray(values)) throw new TypeError("parseObjects takes an array of objects");
  return collectObjects(() => values.map(documentOf));
}

/** Of an object that is no text any more. */
export function documentOf(value: unknown): Document {
  return { file: "", value, position: () => NOWHERE };
}

const NOWHERE: Position = { line: 0, column: 0 };
