/**
 * What the control plane knows <-> its part of a snapshot. Backends and services are mostly in its maps as it knows
 * them, so that only their numbers and keys are said again.
 */
import { TIMEOUT_MAX } from "../../../abi/limits.ts";
import type { Maps } from "../dataplane.ts";
import { type Backend, FAMILIES, PROTOS, SCHEDULERS, type Service, type Vip } from "../entries.ts";
import { CAPACITY_MAX } from "../options.ts";
import type { ControlMap, Transaction } from "../transaction.ts";
import type {
  ControlState,
  DesiredState,
  NodeState,
  NumberedName,
  NumbersState,
  PodInterfaces,
  ServicePortState,
} from "./control.ts";
import { damaged, oneOf, type Place, placeOf, placesOf, stringOf, wholeOf } from "./damage.ts";
import {
  itemsOf,
  packBackend,
  packInterface,
  packService,
  packVip,
  unpackAddressOf,
  unpackBackendOf,
  unpackConfigOf,
  unpackInterfaceOf,
  unpackServiceOf,
  unpackVipOf,
} from "./entries.ts";

/** Behind the highest number of a service port or backend that any dataplane has. */
const NUMBER_MAX = CAPACITY_MAX.backends + 1;

export function packControl(state: ControlState, maps: Maps): object {
  return {
    node: state.node && packNode(state.node),
    interfaces: state.interfaces.map(packInterface),
    servicePorts: state.servicePorts.map((port) => packPort(port, maps)),
    serviceNumbers: [state.serviceNumbers.next, ...state.serviceNumbers.freed],
    backendNumbers: [state.backendNumbers.next, ...state.backendNumbers.freed],
    since: state.since,
    serviceNames: state.serviceNames.map(({ number, name }) => [number, name]),
    backendNames: state.backendNames.map(({ number, name }) => [number, name]),
  };
}

function packNode({ addresses, config, podInterfaces }: NodeState): object {
  const rows = addresses.map(({ family, address, nodePorts }) => [family, address, nodePorts]);
  return { addresses: rows, config, podInterfaces };
}

function packPort(port: ServicePortState, maps: Maps): object {
  const { key, number, since, desired, backends, services } = port;
  return {
    key,
    number,
    since,
    desired,
    backends: backends.map(backend),
    services: services.map(service),
  };

  function backend(each: { readonly number: number; readonly value: Backend }) {
    const held = maps.backends.lookup(each.number);
    const [row, inMap] = [packBackend(each.value), held && packBackend(held)];
    return isSame(row, inMap) ? each.number : [each.number, ...row];
  }

  function service({ vip, value }: { readonly vip: Vip; readonly value: Service }) {
    const held = maps.services.lookup(vip);
    const [row, inMap] = [packService(value), held && packService(held)];
    return isSame(row, inMap) ? packVip(vip) : [...packVip(vip), ...row];
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** `entries` are those of the maps. Throws DataplaneError "bad-snapshot". */
export function unpackControl(place: Place, entries: Transaction): ControlState {
  const held = createHeld(entries);
  const node = placeOf(place, "node");
  const numbers = (name: string) => unpackNumbers(placeOf(place, name));
  const names = (name: string) => placesOf(placeOf(place, name)).map(unpackName);
  const ports = placesOf(placeOf(place, "servicePorts")).map((port) => unpackPort(port, held));
  checkDistinct(place, ports);
  const [serviceNumbers, backendNumbers] = [numbers("serviceNumbers"), numbers("backendNumbers")];
  checkTaken(placeOf(place, "serviceNumbers"), serviceNumbers, ports);
  const backends = ports.flatMap((port) => port.backends);
  checkTaken(placeOf(place, "backendNumbers"), backendNumbers, backends);
  return {
    node: node.value === null ? null : unpackNode(node),
    interfaces: placesOf(placeOf(place, "interfaces")).map((row) => {
      return unpackInterfaceOf(row, itemsOf(row));
    }),
    servicePorts: ports,
    serviceNumbers,
    backendNumbers,
    since: wholeOf(placeOf(place, "since")),
    serviceNames: names("serviceNames"),
    backendNames: names("backendNames"),
  };
}

/** Values by the texts of their keys. */
interface Held {
  readonly backends: ReadonlyMap<string, unknown>;
  readonly services: ReadonlyMap<string, unknown>;
}

function createHeld({ operations }: Transaction): Held {
  const byKey = (map: ControlMap) =>
    new Map(
      operations.flatMap((each) =>
        each.map === map && each.op === "update" ? [[JSON.stringify(each.key), each.value]] : [],
      ),
    );
  return { backends: byKey("backends"), services: byKey("services") };
}

function unpackNode(place: Place): NodeState {
  return {
    addresses: placesOf(placeOf(place, "addresses")).map((row) => {
      const [{ family, address }, { nodePorts }] = unpackAddressOf(row);
      return { family, address, nodePorts };
    }),
    config: unpackConfigOf(placeOf(place, "config")),
    podInterfaces: unpackPodInterfaces(placeOf(place, "podInterfaces")),
  };
}

function unpackPodInterfaces(place: Place): PodInterfaces {
  const kind = oneOf(placeOf(place, "kind"), ["none", "name", "prefix"]);
  return kind === "none" ? { kind } : { kind, text: stringOf(placeOf(place, "text")) };
}

function unpackNumbers(place: Place): NumbersState {
  const [next = 0, ...freed] = placesOf(place).map((each) => wholeOf(each, NUMBER_MAX));
  const isSound =
    new Set(freed).size === freed.length && freed.every((one) => one > 0 && one < next);
  if (next > 0 && isSound) return { next, freed };
  throw damaged(place, "are no numbers to give out");
}

/** What is in use is neither free nor still to be given out. */
function checkTaken(
  place: Place,
  { next, freed }: NumbersState,
  users: readonly { readonly number: number }[],
): void {
  const free = new Set(freed);
  const stray = users.find(({ number }) => number === 0 || number >= next || free.has(number));
  if (stray) throw damaged(place, `do not know that ${stray.number} is in use`);
}

function unpackName(place: Place): NumberedName {
  const [number, name] = itemsOf(place);
  return {
    number: wholeOf({ path: `${place.path}[0]`, value: number }, NUMBER_MAX),
    name: stringOf({ path: `${place.path}[1]`, value: name }),
  };
}

function unpackPort(place: Place, held: Held): ServicePortState {
  const desired = placeOf(place, "desired");
  return {
    key: stringOf(placeOf(place, "key")),
    number: wholeOf(placeOf(place, "number"), NUMBER_MAX),
    since: wholeOf(placeOf(place, "since")),
    desired: desired.value === null ? null : unpackDesired(desired),
    backends: placesOf(placeOf(place, "backends")).map((row) => unpackBackend(row, held)),
    services: placesOf(placeOf(place, "services")).map((row) => unpackService(row, held)),
  };
}

function unpackDesired(place: Place): DesiredState {
  return {
    name: stringOf(placeOf(place, "name")),
    family: oneOf(placeOf(place, "family"), FAMILIES),
    proto: oneOf(placeOf(place, "proto"), PROTOS),
    affinity: wholeOf(placeOf(place, "affinity"), TIMEOUT_MAX),
    scheduler: oneOf(placeOf(place, "scheduler"), SCHEDULERS),
    serving: placesOf(placeOf(place, "serving")).map(stringOf),
  };
}

function unpackBackend(place: Place, { backends }: Held): ServicePortState["backends"][number] {
  const [first, ...row] = Array.isArray(place.value) ? place.value : [place.value];
  const number = wholeOf({ ...place, value: first }, NUMBER_MAX);
  if (row.length > 0) return { number, value: unpackBackendOf(place, row) };
  const value = backends.get(JSON.stringify(number));
  if (value === undefined) throw damaged(place, "is no backend of the snapshot");
  return { number, value: value as Backend };
}

/** A vip has four fields. */
const VIP_LENGTH = 4;

function unpackService(place: Place, { services }: Held): ServicePortState["services"][number] {
  const row = itemsOf(place);
  const vip = unpackVipOf(place, row);
  const own = row.slice(VIP_LENGTH);
  if (own.length > 0) return { vip, value: unpackServiceOf(place, vip, own) };
  const value = services.get(JSON.stringify(vip));
  if (value === undefined) throw damaged(place, "is no vip of the snapshot");
  return { vip, value: value as Service };
}

/** Keys and numbers belong to one service port each, those of backends to one backend. */
function checkDistinct(place: Place, ports: readonly ServicePortState[]): void {
  const lists = {
    keys: ports.map(({ key }) => key),
    numbers: ports.map(({ number }) => number),
    backends: ports.flatMap(({ backends }) => backends.map(({ number }) => number)),
    vips: ports.flatMap(({ services }) => services.map(({ vip }) => JSON.stringify(vip))),
  };
  for (const [name, list] of Object.entries<readonly unknown[]>(lists))
    if (new Set(list).size < list.length)
      throw damaged(placeOf(place, "servicePorts"), `share ${name}`);
}
