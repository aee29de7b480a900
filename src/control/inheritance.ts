/** A ledger written down, and taken over by another reconciler. */
import type { Backend, RingName, Service, Vip } from "../dataplane/entries.ts";
import { RINGS } from "../dataplane/entries.ts";
import type {
  ControlState,
  NodeState,
  NumberedName,
  NumbersState,
  ServicePortState,
} from "../dataplane/snapshot/control.ts";
import { formatEndpoint } from "../packet/address.ts";
import type { Allotment, Allotments, MemberRing, NumberedBackend } from "./allotment.ts";
import { createAllotments } from "./allotment.ts";
import { type CompileOptions, createCompiler } from "./compile.ts";
import type { DesiredEndpoint, DesiredFrontend, DesiredServicePort } from "./desired.ts";
import { EndpointDraft } from "./endpoint-map.ts";
import { createNames, enter, type Ledger, type NodeEntries, noteNames } from "./ledger.ts";
import type { Numbers } from "./numbers.ts";

export function save({ node, allotments, names }: Ledger): ControlState {
  const owned = new Set<number>();
  for (const { backends } of allotments.byKey.values())
    for (const { number } of backends.values()) owned.add(number);
  return {
    node: saveNode(node),
    interfaces: node.interfaces,
    servicePorts: Array.from(allotments.byKey, ([key, allotment]) => savePort(key, allotment)),
    serviceNumbers: saveNumbers(allotments.serviceNumbers),
    backendNumbers: saveNumbers(allotments.backendNumbers),
    since: allotments.since,
    serviceNames: saveNames(names.services),
    backendNames: saveNames(names.backends).filter(({ number }) => !owned.has(number)),
  };
}

function saveNode({ config, addresses, podInterfaces }: NodeEntries): NodeState | null {
  return config ? { config, podInterfaces, addresses: [...addresses.values()] } : null;
}

function savePort(key: string, allotment: Allotment): ServicePortState {
  const { number, since, desired, backends, services } = allotment;
  return {
    key,
    number,
    since,
    desired: desired ? saveDesired(desired) : null,
    backends: [...backends.values()],
    services: [...services.values()],
  };
}

function saveDesired(desired: DesiredServicePort): NonNullable<ServicePortState["desired"]> {
  const { name, family, proto, affinity, scheduler, serving } = desired;
  return { name, family, proto, affinity, scheduler, serving };
}

function saveNumbers({ next, freed, taken }: Numbers): NumbersState {
  return { next, freed: freed.slice(taken) };
}

function saveNames(names: readonly (string | undefined)[]): NumberedName[] {
  return names.flatMap((name, number) => (name === undefined ? [] : { number, name }));
}

/** In place of all it has; the objects it has seen are forgotten. */
export function load(ledger: Ledger, options: CompileOptions, state: ControlState): void {
  const allotments = loadAllotments(state);
  const names = createNames();
  for (const { number, name } of state.backendNames) names.backends[number] = name;
  for (const allotment of allotments.byKey.values()) noteNames(names, allotment);
  for (const { number, name } of state.serviceNames) names.services[number] = name;
  Object.assign(ledger, { allotments, names, inherited: true, compile: createCompiler(options) });
  ledger.commits += 1;
  enter(ledger, loadNode(state));
}

function loadNode({ node, interfaces }: ControlState): NodeEntries {
  const addresses = node?.addresses ?? [];
  return {
    desired: undefined,
    config: node?.config,
    podInterfaces: node?.podInterfaces ?? { kind: "none" },
    addresses: new Map(addresses.map((address) => [address.address, address])),
    interfaces,
  };
}

function loadAllotments(state: ControlState): Allotments {
  const allotments: Allotments = {
    ...createAllotments(),
    serviceNumbers: loadNumbers(state.serviceNumbers),
    backendNumbers: loadNumbers(state.backendNumbers),
    since: state.since,
  };
  const { byKey, draining, vips, endpoints } = allotments;
  const draft = new EndpointDraft(endpoints);
  for (const port of state.servicePorts) {
    const allotment = loadPort(port);
    byKey.set(port.key, allotment);
    if (allotment.draining.length > 0) draining.add(port.key);
    for (const key of allotment.services.keys()) vips.add(key);
    for (const [name, { number, value }] of allotment.backends)
      if (value.rings.length > 0) draft.add(name, value, number);
  }
  draft.commit();
  return allotments;
}

function loadNumbers({ next, freed }: NumbersState): Numbers {
  return { next, freed: [...freed], taken: 0 };
}

function loadPort(state: ServicePortState): Allotment {
  const { number, since } = state;
  const backends = new Map(state.backends.map((backend) => [nameOf(backend.value), backend]));
  const services = new Map(state.services.map((service) => [keyOf(service.vip), service]));
  const draining = [...backends].filter(([, { value }]) => value.rings.length === 0);
  return {
    number,
    since,
    desired: loadDesired(state),
    backends,
    rings: loadRings(state),
    services,
    draining: draining.map(([name]) => name),
  };
}

/** What the service port was made from stands in its entries, but for what is said beside them. */
function loadDesired({ key, desired, backends, services }: ServicePortState) {
  if (desired === null) return undefined;
  return {
    ...desired,
    key,
    frontends: services.map(frontendOf),
    endpoints: backends.filter(({ value }) => value.rings.length > 0).map(endpointOf),
  };
}

function frontendOf({ vip, value }: { vip: Vip; value: Service }): DesiredFrontend {
  const { frontend, sourceRanges, routes } = value;
  return { key: keyOf(vip), vip, frontend, sourceRanges, routes };
}

function endpointOf({ value }: NumberedBackend): DesiredEndpoint {
  const { address, port, masquerade, rings } = value;
  return { name: nameOf(value), address, port, masquerade, rings };
}

/** A ring has those who say that they are in it, in their order. */
function loadRings({ desired, backends }: ServicePortState): Map<RingName, MemberRing> {
  const rings = new Map<RingName, MemberRing>();
  for (const name of desired ? RINGS : []) {
    const within = backends.filter(({ value }) => value.rings.includes(name));
    const members = within.map(({ number }) => number);
    if (desired && members.length > 0) rings.set(name, { scheduler: desired.scheduler, members });
  }
  return rings;
}

function nameOf({ address, port }: Backend): string {
  return formatEndpoint(address, port);
}

/** As `desired` names a frontend. */
function keyOf({ family, proto, address, port }: Vip): string {
  return `${family} ${proto} ${address} ${port}`;
}
