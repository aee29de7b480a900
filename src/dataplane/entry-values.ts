/** The values of the maps that people may write, read out of whatever was handed in. */
import { TIMEOUT_MAX } from "../../abi/limits.ts";
import { compare } from "../packet/address.ts";
import type { Capacity } from "./dataplane.ts";
import {
  type AddressRange,
  type AffinityEntry,
  type Backend,
  type Config,
  type Endpoint,
  type Family,
  FRONTENDS,
  type Interface,
  PROTOS,
  type RememberedBackend,
  RINGS,
  type Ring,
  type Route,
  SCHEDULERS,
  type Service,
  TIMERS,
  type Timeouts,
} from "./entries.ts";
import { REASONS, type Reason } from "./event.ts";
import {
  addressOf,
  bad,
  booleanOf,
  type Field,
  familyOf,
  fieldOf,
  integerOf,
  listOf,
  textOf,
  wordOf,
} from "./field.ts";

/** A byte of the kernel's: nf_conntrack_tcp_max_retrans. */
const TCP_MAX_RETRANS_MAX = 255;
const ACTIONS = ["dnat", "reject", "drop"] as const;

export function serviceOf(field: Field, family: Family, capacity: Capacity): Service {
  const routes = fieldOf(field, "routes");
  const ranges = fieldOf(field, "sourceRanges");
  return {
    service: integerOf(fieldOf(field, "service"), 1, capacity.services),
    frontend: wordOf(fieldOf(field, "frontend"), FRONTENDS),
    affinity: integerOf(fieldOf(field, "affinity"), 0, TIMEOUT_MAX),
    sourceRanges: ranges.value === null ? null : rangesOf(ranges, family),
    routes: {
      pod: routeOf(fieldOf(routes, "pod")),
      local: routeOf(fieldOf(routes, "local")),
      other: routeOf(fieldOf(routes, "other")),
    },
  };
}

function routeOf(field: Field): Route {
  const action = wordOf(fieldOf(field, "action"), ACTIONS);
  if (action !== "dnat") return { action, reason: reasonOf(fieldOf(field, "reason")) };
  return {
    action,
    ring: wordOf(fieldOf(field, "ring"), RINGS),
    masquerade: booleanOf(fieldOf(field, "masquerade")),
  };
}

function reasonOf(field: Field): Reason {
  return wordOf(
    field,
    REASONS.filter((reason) => reason !== null),
  );
}

/** Ascending and disjoint: the packet path searches them by halves. */
function rangesOf(field: Field, family: Family): AddressRange[] {
  const ranges = listOf(field, (item) => rangeOf(item, family));
  ranges.forEach((range, index) => {
    const before = ranges[index - 1];
    if (before === undefined || compare(before.last, range.first) < 0) return;
    throw bad({ place: `${field.place}[${index}].first`, value: range.first }, "behind the former");
  });
  return ranges;
}

function rangeOf(field: Field, family: Family): AddressRange {
  const first = addressOf(fieldOf(field, "first"), family);
  const last = addressOf(fieldOf(field, "last"), family);
  if (compare(first, last) <= 0) return { first, last };
  throw bad(fieldOf(field, "last"), `${first} or behind it`);
}

export function backendOf(field: Field, capacity: Capacity): Backend {
  const family = familyOf(fieldOf(field, "family"));
  return {
    service: integerOf(fieldOf(field, "service"), 1, capacity.services),
    family,
    address: addressOf(fieldOf(field, "address"), family),
    port: integerOf(fieldOf(field, "port"), 0, 65535),
    proto: wordOf(fieldOf(field, "proto"), PROTOS),
    rings: listOf(fieldOf(field, "rings"), (item) => wordOf(item, RINGS)),
    weight: integerOf(fieldOf(field, "weight"), 0, 65535),
    masquerade: addressOf(fieldOf(field, "masquerade"), family, "optional"),
  };
}

export function ringOf(field: Field, capacity: Capacity): Ring {
  return {
    scheduler: wordOf(fieldOf(field, "scheduler"), SCHEDULERS),
    slots: listOf(fieldOf(field, "slots"), (item) => integerOf(item, 1, capacity.backends)),
  };
}

export function endpointOf(field: Field, capacity: Capacity): Endpoint {
  return { backend: integerOf(fieldOf(field, "backend"), 1, capacity.backends) };
}

export function affinityOf(field: Field, capacity: Capacity): AffinityEntry {
  return {
    backends: rememberedOf(fieldOf(field, "backends"), capacity),
    timeout: timeoutOf(fieldOf(field, "timeout")),
  };
}

function rememberedOf(field: Field, capacity: Capacity): RememberedBackend[] {
  const backends = listOf(field, (item) => ({
    backend: integerOf(fieldOf(item, "backend"), 1, capacity.backends),
    used: integerOf(fieldOf(item, "used"), 0, Number.MAX_SAFE_INTEGER),
  }));
  const distinct = new Set(backends.map(({ backend }) => backend)).size;
  if (distinct === backends.length && distinct >= 1 && distinct <= 2) return backends;
  throw bad(field, "a list of one backend, or of two that differ");
}

export function interfaceOf(field: Field): Interface {
  return {
    name: textOf(fieldOf(field, "name")),
    pod: booleanOf(fieldOf(field, "pod")),
    ipv4: addressOf(fieldOf(field, "ipv4"), "ipv4", "optional"),
    ipv6: addressOf(fieldOf(field, "ipv6"), "ipv6", "optional"),
  };
}

export function configOf(field: Field): Config {
  const podRanges = fieldOf(field, "podRanges");
  const fragmentTimeouts = fieldOf(field, "fragmentTimeouts");
  return {
    podRanges: {
      ipv4: rangesOf(fieldOf(podRanges, "ipv4"), "ipv4"),
      ipv6: rangesOf(fieldOf(podRanges, "ipv6"), "ipv6"),
    },
    localhostNodePorts: booleanOf(fieldOf(field, "localhostNodePorts")),
    tcpBeLiberal: booleanOf(fieldOf(field, "tcpBeLiberal")),
    tcpNoWindowCheck: booleanOf(fieldOf(field, "tcpNoWindowCheck")),
    tcpLoose: booleanOf(fieldOf(field, "tcpLoose")),
    tcpMaxRetrans: integerOf(fieldOf(field, "tcpMaxRetrans"), 0, TCP_MAX_RETRANS_MAX),
    checksum: booleanOf(fieldOf(field, "checksum")),
    randomFully: booleanOf(fieldOf(field, "randomFully")),
    timeouts: timeoutsOf(fieldOf(field, "timeouts")),
    fragmentTimeouts: {
      ipv4: timeoutOf(fieldOf(fragmentTimeouts, "ipv4")),
      ipv6: timeoutOf(fieldOf(fragmentTimeouts, "ipv6")),
    },
  };
}

function timeoutsOf(field: Field): Timeouts {
  return Object.fromEntries(
    TIMERS.map((timer) => [timer, timeoutOf(fieldOf(field, timer))]),
  ) as Timeouts;
}

function timeoutOf(field: Field): number {
  return integerOf(field, 0, TIMEOUT_MAX);
}
