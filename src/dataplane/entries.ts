/**
 * What the dataplane's maps hold, as typed values. Addresses are canonical text (RFC 5952 for IPv6), ports
 * host order, times milliseconds. The Wasm codec turns them into the records of abi/layout; the model keeps
 * them as they are.
 */
import type { Reason } from "./event.ts";

export const PROTOS = ["tcp", "udp", "sctp"] as const;
export type Proto = (typeof PROTOS)[number];
export const FAMILIES = ["ipv4", "ipv6"] as const;
export type Family = (typeof FAMILIES)[number];

/** Address, port and protocol that clients dial. `address` is "" for a nodePort: any address that serves them. */
export interface Vip {
  readonly family: Family;
  readonly address: string;
  readonly port: number;
  readonly proto: Proto;
}

/** What happens to a new connection from one class of sources. */
export type Route =
  | { readonly action: "dnat"; readonly ring: RingName; readonly masquerade: boolean }
  | { readonly action: "reject" | "drop"; readonly reason: Reason };

/** Index = RING_ number of abi/layout. */
export const RINGS = ["cluster", "local"] as const;
/** Endpoints anywhere, or those of this node alone: what the traffic policies choose between. */
export type RingName = (typeof RINGS)[number];
/** Index = FRONTEND_ number of abi/layout. */
export const FRONTENDS = ["cluster-ip", "external-ip", "load-balancer", "node-port"] as const;
export type Frontend = (typeof FRONTENDS)[number];
/** Index = SCHEDULER_ number of abi/layout. */
export const SCHEDULERS = ["random", "maglev"] as const;
/** How new connections are spread: uniformly at random by the seed, or by Maglev's consistent hash. */
export type Scheduler = (typeof SCHEDULERS)[number];

/** What a vip leads to. */
export interface Service {
  /** Number of the service port, from 1. */
  readonly service: number;
  readonly frontend: Frontend;
  /** Milliseconds a client stays with its backend after its last new connection; 0 without affinity. */
  readonly affinity: number;
  /** Sources let in, ascending and disjoint; null lets in all. */
  readonly sourceRanges: readonly AddressRange[] | null;
  readonly routes: { readonly pod: Route; readonly local: Route; readonly other: Route };
}

/** Both ends included. */
export interface AddressRange {
  readonly first: string;
  readonly last: string;
}

/** An endpoint of one service port. */
export interface Backend {
  readonly service: number;
  readonly family: Family;
  readonly address: string;
  readonly port: number;
  readonly proto: Proto;
  /** The rings it is a member of; empty for a backend that only keeps its old connections. */
  readonly rings: readonly RingName[];
  readonly weight: number;
  /** Source of masqueraded connections to it; "" when the node has none of the family. */
  readonly masquerade: string;
}

/** The backends a service port chooses from. */
export interface Ring {
  readonly scheduler: Scheduler;
  /** Backend numbers; the random scheduler has each once, in the order "ip:port" sorts. */
  readonly slots: readonly number[];
}

/** A device that packets come in on. */
export interface Interface {
  readonly name: string;
  /** Sources behind it are pods. */
  readonly pod: boolean;
  /** Sources of rejects sent out of it; "" for none. */
  readonly ipv4: string;
  readonly ipv6: string;
}

/** What holds for every packet. */
export interface Config {
  readonly podRanges: {
    readonly ipv4: readonly AddressRange[];
    readonly ipv6: readonly AddressRange[];
  };
  readonly localhostNodePorts: boolean;
  readonly tcpBeLiberal: boolean;
  /** TCP windows are neither judged nor kept up. */
  readonly tcpNoWindowCheck: boolean;
  readonly tcpLoose: boolean;
  /** Retransmissions of one segment after which TCP's MAX_RETRANS timeout holds. */
  readonly tcpMaxRetrans: number;
  /** Packets with wrong checksums are invalid. */
  readonly checksum: boolean;
  /** Masquerading draws the source port even when the client's own is free. */
  readonly randomFully: boolean;
  /** Milliseconds a connection lives without a packet, by its timer. */
  readonly timeouts: Timeouts;
  /** Milliseconds a datagram has for all its fragments to come. */
  readonly fragmentTimeouts: { readonly [Name in Family]: number };
}

/** Names of the states, as nf_conntrack prints them where it does, in the order abi/conntrack numbers them from 1. */
export const STATES = [
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "SYN_SENT2",
  "UDP",
  "UDP_STREAM",
  "SCTP_CLOSED",
  "SCTP_COOKIE_WAIT",
  "SCTP_COOKIE_ECHOED",
  "SCTP_ESTABLISHED",
  "SCTP_SHUTDOWN_SENT",
  "SCTP_SHUTDOWN_RECD",
  "SCTP_SHUTDOWN_ACK_SENT",
  "SCTP_HEARTBEAT_SENT",
] as const;
export type State = (typeof STATES)[number];
/** What a connection's timeout is taken from, numbered from 1: its state, or one of two more that TCP has. */
export const TIMERS = [...STATES, "MAX_RETRANS", "UNACKNOWLEDGED"] as const;
/** Name of a timeout. */
export type Timer = (typeof TIMERS)[number];
/** Milliseconds, by timer. */
export type Timeouts = { readonly [Name in Timer]: number };

/** The five-tuple of a packet. Ports are 0 where `proto` has none; `proto` is lower case, or a number as text. */
export interface Tuple {
  readonly saddr: string;
  readonly sport: number;
  readonly daddr: string;
  readonly dport: number;
  readonly proto: string;
}

/** A tracked connection. */
export interface Connection {
  /** The tuple its answers come with; the key is the tuple of the direction that opened it. */
  readonly reply: Tuple;
  readonly state: State;
  /** Says which timeout ends it. */
  readonly timer: Timer;
  /** 0 for a connection that dials an endpoint directly. */
  readonly backend: number;
  readonly masquerade: boolean;
  readonly seenReply: boolean;
  readonly assured: boolean;
  /** Milliseconds of the dataplane's clock. */
  readonly created: number;
  readonly lastSeen: number;
}

/**
 * A client of a service port, and the backends it stays with: the two it used last, in the order in which
 * their places were taken. The first of them in rule order that is in the ring a connection goes to is chosen.
 */
export interface AffinityEntry {
  readonly backends: readonly RememberedBackend[];
  readonly timeout: number;
}

/** A backend that a client stays with. */
export interface RememberedBackend {
  readonly backend: number;
  /** Milliseconds of the dataplane's clock: the last new connection. */
  readonly used: number;
}

/** What listens at an address, port and protocol that backends have. */
export interface Endpoint {
  /** One of the backends there. */
  readonly backend: number;
}

/** The maps by name. */
export interface Entries {
  services: { key: Vip; value: Service };
  backends: { key: number; value: Backend };
  rings: { key: RingKey; value: Ring };
  /** Every address, port and protocol that a backend in a ring has. */
  endpoints: { key: Vip; value: Endpoint };
  addresses: {
    key: { readonly family: Family; readonly address: string };
    value: { readonly nodePorts: boolean };
  };
  /** Row 0 stands for an unknown interface. */
  interfaces: { key: number; value: Interface };
  config: { key: "config"; value: Config };
  affinity: { key: { readonly service: number; readonly address: string }; value: AffinityEntry };
  conntrack: { key: Tuple; value: Connection };
}

/** Which ring of which service port. */
export interface RingKey {
  /** Number of the service port. */
  readonly service: number;
  readonly ring: RingName;
}
