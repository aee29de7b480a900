/** Everything the model remembers from one packet to the next. */
import type { Capacity } from "../dataplane/dataplane.ts";
import { ALONE, type Partition } from "../dataplane/engine.ts";
import {
  type Backend,
  type Config,
  type Connection,
  type Entries,
  type Family,
  type RememberedBackend,
  type RingName,
  type State,
  TIMERS,
  type Timeouts,
  type Timer,
  type Tuple,
  type Vip,
} from "../dataplane/entries.ts";
import type { ControlMap } from "../dataplane/transaction.ts";
import { createTally, type Tally } from "./counters.ts";
import type { Direction } from "./direction.ts";
import { createDatagrams, type Datagrams } from "./fragment/datagram.ts";
import { createKeyed, type Keyed } from "./keyed.ts";
import { initial } from "./random.ts";
import type { Association } from "./sctp.ts";
import { createTraffic, type Traffic } from "./traffic.ts";
import type { Track } from "./window.ts";

type KeyedEntries<Name extends keyof Entries> = Keyed<Entries[Name]["key"], Entries[Name]["value"]>;

/** The maps that the control plane writes. */
export type Control = { readonly [Name in ControlMap]: KeyedEntries<Name> };

/** A connection; the packet path changes it in place. */
export interface Tracked extends Connection {
  readonly orig: Tuple;
  /** Dials an endpoint, not a service: followed so that no answer of it is another connection's. */
  readonly direct: boolean;
  state: State;
  timer: Timer;
  seenReply: boolean;
  assured: boolean;
  lastSeen: number;
  /** What only its protocol knows; null for the others. */
  readonly tcp: Track | null;
  readonly sctp: Association | null;
}

/** Every connection is found under two tuples, as in nf_conntrack: its orig and its reply one. */
export interface TrackedDirection {
  readonly connection: Tracked;
  readonly direction: Direction;
}

/** The backends a client is remembered by, each in its place; null for a free one. */
export interface Places {
  readonly places: readonly [RememberedBackend | null, RememberedBackend | null];
  readonly timeout: number;
}

export interface Store {
  readonly capacity: Capacity;
  /** Key of Maglev's hash. */
  seed: number;
  readonly partition: Partition;
  /** Replaced as a whole by a transaction, so that one that fails has changed nothing. */
  control: Control;
  readonly affinity: Keyed<Entries["affinity"]["key"], Places>;
  readonly connections: Map<string, TrackedDirection>;
  /** Connections now, by family. */
  readonly lengths: Record<Family, number>;
  /** Connections now, by backend number. */
  readonly byBackend: Map<number, number>;
  readonly datagrams: Datagrams;
  readonly traffic: Traffic;
  readonly tally: Tally;
  /** State of the random source. */
  random: number;
  /** Milliseconds; never runs backwards. */
  now: number;
  lastSweep: number;
}

export function createStore(capacity: Capacity, seed: number, partition: Partition = ALONE): Store {
  return {
    capacity,
    seed: seed >>> 0,
    partition,
    control: createControl(),
    affinity: createKeyed(({ service, address }) => `${service} ${address}`),
    connections: new Map(),
    lengths: { ipv4: 0, ipv6: 0 },
    byBackend: new Map(),
    datagrams: createDatagrams(),
    traffic: createTraffic(),
    tally: createTally(),
    random: initial(seed),
    now: 0,
    lastSweep: 0,
  };
}

export function createControl(): Control {
  return {
    services: createKeyed(vipText),
    backends: createKeyed(String),
    rings: createKeyed(({ service, ring }) => `${service} ${ring}`),
    endpoints: createKeyed(vipText),
    addresses: createKeyed(({ family, address }) => `${family} ${address}`),
    interfaces: createKeyed(String),
    config: createKeyed(String),
  };
}

function vipText({ family, address, port, proto }: Vip): string {
  return `${family} ${address} ${port} ${proto}`;
}

export function copyControl(control: Control): Control {
  return {
    services: control.services.copy(),
    backends: control.backends.copy(),
    rings: control.rings.copy(),
    endpoints: control.endpoints.copy(),
    addresses: control.addresses.copy(),
    interfaces: control.interfaces.copy(),
    config: control.config.copy(),
  };
}

/** What holds until the control plane has spoken. */
const UNCONFIGURED: Config = {
  podRanges: { ipv4: [], ipv6: [] },
  localhostNodePorts: false,
  tcpBeLiberal: false,
  tcpNoWindowCheck: false,
  tcpLoose: false,
  tcpMaxRetrans: 0,
  checksum: false,
  randomFully: false,
  timeouts: Object.fromEntries(TIMERS.map((timer) => [timer, 0])) as unknown as Timeouts,
  fragmentTimeouts: { ipv4: 0, ipv6: 0 },
};

export function configOf(store: Store): Config {
  return store.control.config.lookup("config") ?? UNCONFIGURED;
}

/** Whether a backend takes new connections of a service port through one of its rings. */
export function isMember(backend: Backend, service: number, ring: RingName): boolean {
  return backend.service === service && backend.rings.includes(ring);
}
