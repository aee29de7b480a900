/** Everything the model remembers from one packet to the next. */
import type { Capacity } from "../dataplane/dataplane.ts";
import type {
  Backend,
  Config,
  Connection,
  Entries,
  Family,
  RingName,
  State,
  Tuple,
} from "../dataplane/entries.ts";
import type { ControlMap } from "../dataplane/transaction.ts";
import { createTally, type Tally } from "./counters.ts";
import { createKeyed, type Keyed } from "./keyed.ts";
import { initial } from "./random.ts";

type KeyedEntries<Name extends keyof Entries> = Keyed<Entries[Name]["key"], Entries[Name]["value"]>;

/** The maps that the control plane writes. */
export type Control = { readonly [Name in ControlMap]: KeyedEntries<Name> };

/** A connection; the packet path changes it in place. */
export interface Tracked extends Connection {
  readonly orig: Tuple;
  state: State;
  seenReply: boolean;
  assured: boolean;
  lastSeen: number;
}

export type Direction = "orig" | "reply";

/** Every connection is found under two tuples, as in nf_conntrack: its orig and its reply one. */
export interface TrackedDirection {
  readonly connection: Tracked;
  readonly direction: Direction;
}

export interface Store {
  readonly capacity: Capacity;
  readonly seed: number;
  /** Replaced as a whole by a transaction, so that one that fails has changed nothing. */
  control: Control;
  readonly affinity: KeyedEntries<"affinity">;
  readonly connections: Map<string, TrackedDirection>;
  /** Connections now, by family. */
  readonly lengths: Record<Family, number>;
  /** Connections now, by backend number. */
  readonly byBackend: Map<number, number>;
  readonly tally: Tally;
  /** State of the random source. */
  random: number;
  /** Milliseconds; never runs backwards. */
  now: number;
  lastSweep: number;
}

export function createStore(capacity: Capacity, seed: number): Store {
  return {
    capacity,
    seed: seed >>> 0,
    control: createControl(),
    affinity: createKeyed(({ service, address }) => `${service} ${address}`),
    connections: new Map(),
    lengths: { ipv4: 0, ipv6: 0 },
    byBackend: new Map(),
    tally: createTally(),
    random: initial(seed),
    now: 0,
    lastSweep: 0,
  };
}

function createControl(): Control {
  return {
    services: createKeyed((vip) => `${vip.family} ${vip.address} ${vip.port} ${vip.proto}`),
    backends: createKeyed(String),
    rings: createKeyed(({ service, ring }) => `${service} ${ring}`),
    addresses: createKeyed(({ family, address }) => `${family} ${address}`),
    interfaces: createKeyed(String),
    config: createKeyed(String),
  };
}

export function copyControl(control: Control): Control {
  return {
    services: control.services.copy(),
    backends: control.backends.copy(),
    rings: control.rings.copy(),
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
  tcpLoose: false,
  timeouts: {
    SYN_SENT: 0,
    SYN_RECV: 0,
    ESTABLISHED: 0,
    FIN_WAIT: 0,
    CLOSE_WAIT: 0,
    LAST_ACK: 0,
    TIME_WAIT: 0,
    CLOSE: 0,
    SYN_SENT2: 0,
    UDP: 0,
    UDP_STREAM: 0,
    SCTP: 0,
  },
};

export function configOf(store: Store): Config {
  return store.control.config.lookup("config") ?? UNCONFIGURED;
}

/** Whether a backend takes new connections of a service port through one of its rings. */
export function isMember(backend: Backend, service: number, ring: RingName): boolean {
  return backend.service === service && backend.rings.includes(ring);
}
