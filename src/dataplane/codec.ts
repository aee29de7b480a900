/** What the control plane writes <-> the records of abi/layout. This file knows nothing of tables. */
import { TIMER_LENGTH } from "../../abi/conntrack.ts";
import * as layout from "../../abi/layout.ts";
import { ACTION_DNAT, ACTION_DROP, ACTION_REJECT } from "../../abi/verdict.ts";
import * as address from "../packet/address.ts";
import { SCTP, TCP, UDP } from "../packet/parse.ts";
import {
  type AddressRange,
  type Backend,
  type Config,
  type Endpoint,
  type Entries,
  type Family,
  FRONTENDS,
  type Frontend,
  type Interface,
  type Proto,
  RINGS,
  type RingKey,
  type RingName,
  type Route,
  SCHEDULERS,
  type Scheduler,
  type Service,
  TIMERS,
  type Timeouts,
  type Timer,
  type Vip,
} from "./entries.ts";
import { REASONS, type Reason } from "./event.ts";

/** Index = number in abi/conntrack; the states come first. */
export const TIMER_NAMES: readonly (Timer | "NONE")[] = ["NONE", ...TIMERS];
/** IANA protocol numbers. */
export const PROTO_NUMBER: Readonly<Record<Proto, number>> = { tcp: TCP, udp: UDP, sctp: SCTP };
const PROTO_NAME: Readonly<Record<number, Proto>> = { [TCP]: "tcp", [UDP]: "udp", [SCTP]: "sctp" };
const CLASSES = ["pod", "local", "other"] as const;

/** A window of the module's memory that records are read from and written to. */
export interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export function familyNumber(family: Family): number {
  return family === "ipv4" ? layout.FAMILY_IPV4 : layout.FAMILY_IPV6;
}

export function familyName(number: number): Family {
  return number === layout.FAMILY_IPV4 ? "ipv4" : "ipv6";
}

/** addr16: IPv4 mapped to ::ffff:a.b.c.d; "" becomes the unspecified address of the family. */
export function writeAddress({ bytes }: Memory, at: number, family: Family, text: string): void {
  bytes.fill(0, at, at + 16);
  if (family === "ipv4") bytes.fill(0xff, at + 10, at + 12);
  if (text === "") return;
  bytes.set(address.parse(text), family === "ipv4" ? at + 12 : at);
}

/** "" for the unspecified address. */
function readAddress({ bytes }: Memory, at: number, family: Family): string {
  const own = bytes.subarray(family === "ipv4" ? at + 12 : at, at + 16);
  return own.every((byte) => byte === 0) ? "" : address.format(own);
}

/** Unlike `readAddress`, the unspecified address is an address. */
export function readOwnAddress({ bytes }: Memory, at: number, family: Family): string {
  return address.format(bytes.subarray(family === "ipv4" ? at + 12 : at, at + 16));
}

export function writeVip(memory: Memory, at: number, vip: Vip): void {
  writeAddress(memory, at + layout.SERVICE_ADDRESS, vip.family, vip.address);
  memory.view.setUint16(at + layout.SERVICE_PORT, vip.port);
  memory.bytes[at + layout.SERVICE_PROTO] = PROTO_NUMBER[vip.proto];
  memory.bytes[at + layout.SERVICE_FAMILY] = familyNumber(vip.family);
}

export function readVip(memory: Memory, at: number): Vip {
  const family = familyName(memory.bytes[at + layout.SERVICE_FAMILY] as number);
  return {
    family,
    address: readAddress(memory, at + layout.SERVICE_ADDRESS, family),
    port: memory.view.getUint16(at + layout.SERVICE_PORT),
    proto: protoName(memory.bytes[at + layout.SERVICE_PROTO]),
  };
}

export function protoName(number: number | undefined): Proto {
  return PROTO_NAME[number as number] as Proto;
}

/** The source ranges go to rows of their own: `base` is the first. */
export function writeService(memory: Memory, at: number, service: Service, base: number): void {
  const { view, bytes } = memory;
  bytes.fill(0, at + layout.SERVICE_KEY_SIZE, at + layout.SERVICE_SIZE);
  view.setUint32(at + layout.SERVICE_NUMBER, service.service, true);
  bytes[at + layout.SERVICE_FRONTEND] = FRONTENDS.indexOf(service.frontend);
  view.setUint32(at + layout.SERVICE_AFFINITY, service.affinity, true);
  view.setUint32(at + layout.SERVICE_RANGE_BASE, base, true);
  const length = service.sourceRanges?.length ?? layout.RANGE_UNRESTRICTED;
  view.setUint32(at + layout.SERVICE_RANGE_LENGTH, length, true);
  CLASSES.forEach((name, index) => {
    writeRoute(
      memory,
      at + layout.SERVICE_ROUTES + index * layout.ROUTE_SIZE,
      service.routes[name],
    );
  });
}

/** First row and number of the source ranges, or null when all sources are let in. */
export function readServiceRanges(
  { view }: Memory,
  at: number,
): { base: number; length: number } | null {
  const length = view.getUint32(at + layout.SERVICE_RANGE_LENGTH, true);
  if (length === layout.RANGE_UNRESTRICTED) return null;
  return { base: view.getUint32(at + layout.SERVICE_RANGE_BASE, true), length };
}

export function readService(
  memory: Memory,
  at: number,
  sourceRanges: readonly AddressRange[] | null,
): Service {
  const route = (index: number) =>
    readRoute(memory, at + layout.SERVICE_ROUTES + index * layout.ROUTE_SIZE);
  return {
    service: memory.view.getUint32(at + layout.SERVICE_NUMBER, true),
    frontend: FRONTENDS[memory.bytes[at + layout.SERVICE_FRONTEND] as number] as Frontend,
    affinity: memory.view.getUint32(at + layout.SERVICE_AFFINITY, true),
    sourceRanges,
    routes: { pod: route(0), local: route(1), other: route(2) },
  };
}

function writeRoute({ bytes }: Memory, at: number, route: Route): void {
  if (route.action === "dnat") {
    bytes[at + layout.ROUTE_ACTION] = ACTION_DNAT;
    bytes[at + layout.ROUTE_RING] = RINGS.indexOf(route.ring);
    bytes[at + layout.ROUTE_MASQUERADE] = route.masquerade ? 1 : 0;
    return;
  }
  bytes[at + layout.ROUTE_ACTION] = route.action === "reject" ? ACTION_REJECT : ACTION_DROP;
  bytes[at + layout.ROUTE_REASON] = REASONS.indexOf(route.reason);
}

function readRoute({ bytes }: Memory, at: number): Route {
  const action = bytes[at + layout.ROUTE_ACTION];
  if (action === ACTION_DNAT) {
    return {
      action: "dnat",
      ring: RINGS[bytes[at + layout.ROUTE_RING] as number] as RingName,
      masquerade: bytes[at + layout.ROUTE_MASQUERADE] === 1,
    };
  }
  const reason = REASONS[bytes[at + layout.ROUTE_REASON] as number] as Reason;
  return { action: action === ACTION_REJECT ? "reject" : "drop", reason };
}

/** Leaves the number of connections alone: the packet path counts them. */
export function writeBackend(memory: Memory, at: number, backend: Backend): void {
  const { view, bytes } = memory;
  writeAddress(memory, at + layout.BACKEND_ADDRESS, backend.family, backend.address);
  writeAddress(memory, at + layout.BACKEND_MASQUERADE, backend.family, backend.masquerade);
  view.setUint16(at + layout.BACKEND_PORT, backend.port);
  bytes[at + layout.BACKEND_PROTO] = PROTO_NUMBER[backend.proto];
  bytes[at + layout.BACKEND_FAMILY] = familyNumber(backend.family);
  view.setUint32(at + layout.BACKEND_SERVICE, backend.service, true);
  bytes[at + layout.BACKEND_RINGS] = RINGS.reduce(
    (bits, name, index) => bits | (backend.rings.includes(name) ? 1 << index : 0),
    0,
  );
  view.setUint16(at + layout.BACKEND_WEIGHT, backend.weight, true);
}

/** Undefined for a row that no backend has. */
export function readBackend(memory: Memory, at: number): Backend | undefined {
  const { view, bytes } = memory;
  const service = view.getUint32(at + layout.BACKEND_SERVICE, true);
  if (service === 0) return undefined;
  const family = familyName(bytes[at + layout.BACKEND_FAMILY] as number);
  const member = bytes[at + layout.BACKEND_RINGS] as number;
  return {
    service,
    family,
    address: readAddress(memory, at + layout.BACKEND_ADDRESS, family),
    port: view.getUint16(at + layout.BACKEND_PORT),
    proto: protoName(bytes[at + layout.BACKEND_PROTO]),
    rings: RINGS.filter((_, index) => member & (1 << index)),
    weight: view.getUint16(at + layout.BACKEND_WEIGHT, true),
    masquerade: readAddress(memory, at + layout.BACKEND_MASQUERADE, family),
  };
}

export function writeEndpoint(memory: Memory, at: number, key: Vip, value: Endpoint): void {
  memory.bytes.fill(0, at, at + layout.ENDPOINT_SIZE);
  writeVip(memory, at, key);
  memory.view.setUint32(at + layout.ENDPOINT_BACKEND, value.backend, true);
}

export function readEndpoint({ view }: Memory, at: number): Endpoint {
  return { backend: view.getUint32(at + layout.ENDPOINT_BACKEND, true) };
}

export function writeRing(
  { view, bytes }: Memory,
  at: number,
  base: number,
  length: number,
  scheduler: Scheduler,
): void {
  view.setUint32(at + layout.RING_BASE, base, true);
  view.setUint32(at + layout.RING_LENGTH, length, true);
  bytes[at + layout.RING_SCHEDULER] = SCHEDULERS.indexOf(scheduler);
}

export function readScheduler({ bytes }: Memory, at: number): Scheduler {
  return SCHEDULERS[bytes[at + layout.RING_SCHEDULER] as number] as Scheduler;
}

/** Row of `rings`. */
export function ringRow(key: RingKey): number {
  return key.service * 2 + RINGS.indexOf(key.ring);
}

export function ringKey(row: number): RingKey {
  return { service: row >>> 1, ring: RINGS[row & 1] as RingName };
}

export function writeNodeAddress(
  memory: Memory,
  at: number,
  key: Entries["addresses"]["key"],
): void {
  memory.bytes.fill(0, at, at + layout.ADDRESS_SIZE);
  writeAddress(memory, at + layout.ADDRESS_ADDRESS, key.family, key.address);
  memory.bytes[at + layout.ADDRESS_FAMILY] = familyNumber(key.family);
}

export function readNodeAddress(memory: Memory, at: number): Entries["addresses"]["key"] {
  const family = familyName(memory.bytes[at + layout.ADDRESS_FAMILY] as number);
  return { family, address: readAddress(memory, at + layout.ADDRESS_ADDRESS, family) };
}

export function writeInterface(memory: Memory, at: number, value: Interface): void {
  memory.bytes.fill(0, at, at + layout.INTERFACE_SIZE);
  if (value.ipv4 !== "") memory.bytes.set(address.parse(value.ipv4), at + layout.INTERFACE_IPV4);
  memory.bytes[at + layout.INTERFACE_POD] = value.pod ? 1 : 0;
  if (value.ipv6 === "") return;
  memory.bytes[at + layout.INTERFACE_HAS_IPV6] = 1;
  writeAddress(memory, at + layout.INTERFACE_IPV6, "ipv6", value.ipv6);
}

export function readInterface(memory: Memory, at: number, name: string): Interface {
  const ipv4 = memory.bytes.subarray(at + layout.INTERFACE_IPV4, at + layout.INTERFACE_IPV4 + 4);
  return {
    name,
    pod: memory.bytes[at + layout.INTERFACE_POD] === 1,
    ipv4: ipv4.every((byte) => byte === 0) ? "" : address.format(ipv4),
    ipv6: readAddress(memory, at + layout.INTERFACE_IPV6, "ipv6"),
  };
}

export function writeRange(memory: Memory, at: number, family: Family, range: AddressRange): void {
  writeAddress(memory, at + layout.RANGE_FIRST, family, range.first);
  writeAddress(memory, at + layout.RANGE_LAST, family, range.last);
}

export function readRange(memory: Memory, at: number, family: Family): AddressRange {
  return {
    first: readOwnAddress(memory, at + layout.RANGE_FIRST, family),
    last: readOwnAddress(memory, at + layout.RANGE_LAST, family),
  };
}

export interface PodRanges {
  readonly ipv4: { readonly base: number; readonly length: number };
  readonly ipv6: { readonly base: number; readonly length: number };
}

export function writeConfig({ view }: Memory, at: number, config: Config, ranges: PodRanges): void {
  const flags =
    (config.localhostNodePorts ? layout.CONFIG_FLAG_LOCALHOST_NODE_PORTS : 0) |
    (config.tcpBeLiberal ? layout.CONFIG_FLAG_TCP_BE_LIBERAL : 0) |
    (config.tcpNoWindowCheck ? layout.CONFIG_FLAG_TCP_NO_WINDOW_CHECK : 0) |
    (config.tcpLoose ? layout.CONFIG_FLAG_TCP_LOOSE : 0) |
    (config.checksum ? layout.CONFIG_FLAG_CHECKSUM : 0) |
    (config.randomFully ? layout.CONFIG_FLAG_RANDOM_FULLY : 0);
  view.setUint32(at + layout.CONFIG_FLAGS, flags, true);
  view.setUint32(at + layout.CONFIG_POD_RANGE4_BASE, ranges.ipv4.base, true);
  view.setUint32(at + layout.CONFIG_POD_RANGE4_LENGTH, ranges.ipv4.length, true);
  view.setUint32(at + layout.CONFIG_POD_RANGE6_BASE, ranges.ipv6.base, true);
  view.setUint32(at + layout.CONFIG_POD_RANGE6_LENGTH, ranges.ipv6.length, true);
  for (let timer = 1; timer < TIMER_LENGTH; timer++) {
    const timeout = config.timeouts[TIMER_NAMES[timer] as Timer];
    view.setUint32(at + layout.CONFIG_TIMEOUTS + timer * 4, timeout, true);
  }
  view.setUint32(at + layout.CONFIG_FRAGMENT4_TIMEOUT, config.fragmentTimeouts.ipv4, true);
  view.setUint32(at + layout.CONFIG_FRAGMENT6_TIMEOUT, config.fragmentTimeouts.ipv6, true);
  view.setUint32(at + layout.CONFIG_TCP_MAX_RETRANS, config.tcpMaxRetrans, true);
}

export function readPodRanges({ view }: Memory, at: number): PodRanges {
  return {
    ipv4: {
      base: view.getUint32(at + layout.CONFIG_POD_RANGE4_BASE, true),
      length: view.getUint32(at + layout.CONFIG_POD_RANGE4_LENGTH, true),
    },
    ipv6: {
      base: view.getUint32(at + layout.CONFIG_POD_RANGE6_BASE, true),
      length: view.getUint32(at + layout.CONFIG_POD_RANGE6_LENGTH, true),
    },
  };
}

export function readConfig({ view }: Memory, at: number, podRanges: Config["podRanges"]): Config {
  const flags = view.getUint32(at + layout.CONFIG_FLAGS, true);
  const has = (flag: number) => (flags & flag) !== 0;
  return {
    podRanges,
    localhostNodePorts: has(layout.CONFIG_FLAG_LOCALHOST_NODE_PORTS),
    tcpBeLiberal: has(layout.CONFIG_FLAG_TCP_BE_LIBERAL),
    tcpNoWindowCheck: has(layout.CONFIG_FLAG_TCP_NO_WINDOW_CHECK),
    tcpLoose: has(layout.CONFIG_FLAG_TCP_LOOSE),
    tcpMaxRetrans: view.getUint32(at + layout.CONFIG_TCP_MAX_RETRANS, true),
    checksum: has(layout.CONFIG_FLAG_CHECKSUM),
    randomFully: has(layout.CONFIG_FLAG_RANDOM_FULLY),
    timeouts: readTimeouts(view, at + layout.CONFIG_TIMEOUTS),
    fragmentTimeouts: {
      ipv4: view.getUint32(at + layout.CONFIG_FRAGMENT4_TIMEOUT, true),
      ipv6: view.getUint32(at + layout.CONFIG_FRAGMENT6_TIMEOUT, true),
    },
  };
}

function readTimeouts(view: DataView, at: number): Timeouts {
  return Object.fromEntries(
    TIMERS.map((timer, index) => [timer, view.getUint32(at + (index + 1) * 4, true)]),
  ) as Timeouts;
}
