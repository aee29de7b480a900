/** Service objects cut into service ports: one per port and family, with the addresses clients dial. */
import { FAMILIES, type Family, type Frontend, type Proto } from "../dataplane/entries.ts";
import { type Address, type Cidr, parseAddress, parseCidr } from "./address.ts";
import { isForeign } from "./endpoints.ts";
import type {
  Manifest,
  Service,
  ServicePort as ServicePortObject,
  ServiceSpec,
} from "./kubernetes.ts";
import type { TrafficPolicy } from "./topology.ts";

export interface ServicePort {
  /** "ns/name:port", or "ns/name" when the port has no name. */
  readonly name: string;
  readonly portName: string;
  readonly family: Family;
  readonly proto: Proto;
  readonly internalPolicy: TrafficPolicy;
  readonly externalPolicy: TrafficPolicy;
  readonly externallyAccessible: boolean;
  /** Milliseconds; 0 without session affinity. */
  readonly affinity: number;
  /** In the order in which kube-proxy would match them. */
  readonly frontends: readonly FrontendAddress[];
  /** loadBalancerSourceRanges of the family. */
  readonly sourceRanges: readonly Cidr[];
}

export interface FrontendAddress {
  readonly frontend: Frontend;
  /** "" for a nodePort. */
  readonly address: string;
  readonly port: number;
}

/** core/v1 DefaultClientIPServiceAffinitySeconds: three hours. */
const AFFINITY_SECONDS = 10_800;

/** The service ports of a Service; none when the node's proxy does not serve it. */
export function servicePortsOf(service: Manifest<Service>): ServicePort[] {
  const spec = service.object.spec;
  if (!spec || spec.type === "ExternalName" || isForeign(service.object.metadata?.labels))
    return [];
  return FAMILIES.flatMap((family) => {
    const addresses = addressesOf(service.object, spec, family);
    return addresses
      ? (spec.ports ?? []).map((port) => servicePortOf(service, spec, port, family, addresses))
      : [];
  });
}

/** A Service that would be served if it had a cluster IP: what a manifest that was never applied lacks. */
export function lacksClusterIP({ object }: Manifest<Service>): boolean {
  const spec = object.spec ?? {};
  return (
    spec.type !== "ExternalName" &&
    !isForeign(object.metadata?.labels) &&
    clusterIPsOf(spec).length === 0
  );
}

interface Addresses {
  readonly clusterIP: string;
  readonly externalIPs: readonly string[];
  readonly vips: readonly string[];
  readonly sourceRanges: readonly Cidr[];
}

function clusterIPsOf({ clusterIP, clusterIPs }: ServiceSpec): string[] {
  const all = clusterIPs?.length ? clusterIPs : [clusterIP ?? ""];
  return all.filter((text) => text !== "");
}

/** Undefined without a cluster IP of the family. */
function addressesOf(service: Service, spec: ServiceSpec, family: Family): Addresses | undefined {
  const [clusterIP] = inFamily(clusterIPsOf(spec), family);
  if (clusterIP === undefined) return undefined;
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const vips = ingress
    .filter(({ ip, ipMode }) => ip && ipMode !== "Proxy")
    .map(({ ip }) => ip ?? "");
  const ranges = (spec.loadBalancerSourceRanges ?? []).map((text) => parseCidr(text.trim()));
  return {
    clusterIP,
    externalIPs: inFamily(spec.externalIPs ?? [], family),
    vips: inFamily(vips, family),
    sourceRanges: ranges.filter((range): range is Cidr => range?.family === family),
  };
}

function inFamily(texts: readonly string[], family: Family): string[] {
  const addresses = texts
    .map(parseAddress)
    .filter((address): address is Address => address?.family === family);
  return addresses.map(({ text }) => text);
}

function servicePortOf(
  { namespace, name }: Manifest<Service>,
  spec: ServiceSpec,
  port: ServicePortObject,
  family: Family,
  addresses: Addresses,
): ServicePort {
  const frontends = frontendsOf(port, addresses);
  const hasExternalPolicy =
    spec.type === "NodePort" || spec.type === "LoadBalancer" || (spec.externalIPs?.length ?? 0) > 0;
  return {
    name: port.name ? `${namespace}/${name}:${port.name}` : `${namespace}/${name}`,
    portName: port.name ?? "",
    family,
    proto: protoOf(port.protocol),
    internalPolicy: policyOf(spec.internalTrafficPolicy),
    externalPolicy: hasExternalPolicy ? policyOf(spec.externalTrafficPolicy) : "cluster",
    externallyAccessible: frontends.length > 1,
    affinity: affinityOf(spec),
    frontends,
    sourceRanges: addresses.sourceRanges,
  };
}

function frontendsOf(
  { port, nodePort }: ServicePortObject,
  { clusterIP, externalIPs, vips }: Addresses,
): FrontendAddress[] {
  return [
    { frontend: "cluster-ip", address: clusterIP, port },
    ...externalIPs.map((address) => ({ frontend: "external-ip" as const, address, port })),
    ...vips.map((address) => ({ frontend: "load-balancer" as const, address, port })),
    ...(nodePort ? [{ frontend: "node-port" as const, address: "", port: nodePort }] : []),
  ];
}

function protoOf(protocol: string | null | undefined): Proto {
  return protocol === "UDP" ? "udp" : protocol === "SCTP" ? "sctp" : "tcp";
}

function policyOf(policy: string | null | undefined): TrafficPolicy {
  return policy === "Local" ? "local" : "cluster";
}

function affinityOf({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): number {
  if (sessionAffinity !== "ClientIP") return 0;
  return (sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS) * 1000;
}
