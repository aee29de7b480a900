/** The interface of every dataplane: the Wasm one, the TypeScript model, and whatever a test puts in their place. */
import type { ObjectSet } from "../control/kubernetes.ts";
import type { Hooks } from "../hook/hook.ts";
import type { MapRegistry } from "../maps/map.ts";
import type { Programs } from "../program/loaded.ts";
import type { Counters, ServiceStatistics } from "./counters.ts";
import type { Entries, Scheduler } from "./entries.ts";
import type { PacketEvent, Verdict } from "./event.ts";
import type { Transaction } from "./transaction.ts";

/** Most entries of each kind a dataplane holds; its memory is sized by them once, when it is created. */
export interface Capacity {
  /** Service ports, one per family. Default 16,384. */
  readonly services: number;
  /** Frontends (cluster IPs, external IPs, VIPs, nodePorts of all service ports). Default 32,768. */
  readonly frontends: number;
  /** Endpoints of all service ports. Default 65,536. */
  readonly backends: number;
  /** Slots of all rings: one per backend with the random scheduler, a prime with Maglev. Default 1,048,576. */
  readonly slots: number;
  /** Intervals of source ranges and pod CIDRs. Default 16,384. */
  readonly ranges: number;
  /** Addresses of the node. Default 1,024. */
  readonly addresses: number;
  /** Named interfaces. Default 256. */
  readonly interfaces: number;
  /** IPv4 connections. Default 65,536. */
  readonly connections: number;
  /** IPv6 connections. Default 65,536. */
  readonly connections6: number;
  /** Clients remembered by session affinity. Default 65,536. */
  readonly affinity: number;
  /** Fragmented datagrams followed at a time. Default 1,024. */
  readonly datagrams: number;
  /** Fragments kept until the ports of their datagram are known, each of up to `frame` bytes. Default 256. */
  readonly fragments: number;
  /** Frames in the batch. Default 256. */
  readonly batch: number;
  /** Bytes of one frame of the batch. Default 1,984. */
  readonly frame: number;
  /** Bytes in front of each frame that programs may put headers into, a multiple of 64. Default 64. */
  readonly headroom: number;
  /** Bytes for maps and programs of one's own; 0 for none. Default 16,777,216. */
  readonly arena: number;
  /** CPUs that per-CPU maps have values for. Default 1. */
  readonly cpus: number;
}

/** The node's addresses and routes, for what the Node object does not say. */
export interface Network {
  /** What `ip -j addr` prints. */
  readonly addresses: readonly unknown[];
  /** What `ip -j route` prints; both families in one array. */
  readonly routes: readonly unknown[];
}

/** Link layer of a frame, by name; the numbers are LINKTYPE_ values of capture files. */
export type LinkType = "ethernet" | "raw" | "null" | "loop" | "linux-sll" | "linux-sll2";

/** What `createDataplane` and `createModel` take; everything has a default. */
export interface DataplaneOptions {
  /** Whose view of the cluster it is: a Node's name. */
  readonly node?: string;
  /** Source of every random choice and key of every hash, 0..2^32-1. Default 0. */
  readonly seed?: number;
  readonly capacity?: Partial<Capacity>;
  /** Says which addresses are LOCAL, and what masquerade takes. Without it the Node object does. */
  readonly network?: Network;
  /** Link layer of frames that do not say otherwise. Default "ethernet". */
  readonly linkType?: LinkType;
  /** Default: what the KubeProxyConfiguration says, else "random". */
  readonly scheduler?: Scheduler;
  /** MASQUERADE --random-fully: every masqueraded connection gets a random source port. Default false. */
  readonly randomFully?: boolean;
  /**
   * The kernel's settings, by the names `sysctl -a` prints, with or without what stands before the last dot:
   * nf_conntrack_checksum, nf_conntrack_tcp_loose, nf_conntrack_tcp_timeout_established, ipfrag_time ... Timeouts
   * are seconds. What the KubeProxyConfiguration sets goes before them; only nf_conntrack_tcp_be_liberal is on
   * when either says so.
   */
  readonly sysctls?: Readonly<Record<string, number | string>>;
  /** A compiled module, for bundlers and workers; the inlined one otherwise. Ignored by the model. */
  readonly module?: WebAssembly.Module;
}

/** What is known of a frame beside its bytes. */
export interface FrameOptions {
  /** Name of the device the frame came in on. */
  readonly interface?: string;
  /** The node itself sends the packet. */
  readonly local?: boolean;
  /** Link layer of this frame, when it differs from the dataplane's; any LINKTYPE_ number is accepted. */
  readonly linkType?: LinkType | number;
  /** Bytes the frame had on the wire, when a capture holds fewer. */
  readonly wireLength?: number;
  /** skb->mark as programs find it, 0..2^32-1. Default 0. */
  readonly mark?: number;
  /** skb->priority as programs find it, 0..2^32-1. Default 0. */
  readonly priority?: number;
}

/** What `process` is told of a frame. */
export interface ProcessOptions extends FrameOptions {
  /** The CPU whose values of per-CPU maps programs see, below `capacity.cpus`. Default 0. */
  readonly cpu?: number;
  /** Milliseconds, from any epoch; never runs backwards (an earlier time counts as the latest seen). */
  readonly now: number;
}

/** What became of one frame. */
export interface ProcessResult {
  readonly verdict: Verdict;
  /** The frame after the dataplane; the reject frame for a TX verdict. A copy. */
  readonly packet: Uint8Array;
  readonly event: PacketEvent;
  /** Fragments held earlier that this one has let go, in the order they came; they leave after it. */
  readonly released: readonly Released[];
}

/** A fragment that waited for the one with the ports, translated. */
export interface Released {
  readonly packet: Uint8Array;
  readonly event: PacketEvent;
}

/** How `apply` treats what is there. */
export interface ApplyOptions {
  /**
   * Leaves UDP connections to endpoints that are gone alone, as kube-proxy's rules do before it has cleaned
   * conntrack up behind them. Default false.
   */
  readonly keepStaleFlows?: boolean;
}

/**
 * Frames that go through the packet path in one call. Write frames into `memory` at `frameAt(length)` and
 * `commit` them, or let `push` copy them in; `process`; then read verdicts, packets and events in place.
 */
export interface Batch {
  /** Most frames. */
  readonly capacity: number;
  /** Most bytes of a frame. */
  readonly frameCapacity: number;
  /** Frames in the batch now. */
  readonly length: number;
  /** The arena. */
  readonly memory: Uint8Array;
  /** Where slot `index` takes its frame, as an offset in `memory`. */
  frameAt(index: number): number;
  /** Takes the next slot, for a frame of `bytes` bytes that stands there, and returns its index. Throws like `push`. */
  commit(bytes: number, options?: FrameOptions): number;
  /** Copies a frame into the next slot and returns its index. Throws DataplaneError "batch-full" or "frame-too-large". */
  push(frame: Uint8Array, options?: FrameOptions): number;
  /**
   * Runs every frame that has not been through yet through the dataplane at `now` milliseconds. With `events`
   * the tuples are noted first, which `event` needs; verdicts and packets can be read either way. `cpu` is the one
   * whose values of per-CPU maps programs see, 0 unless it is said. Throws DataplaneError "wrecked-context" when a
   * program has written over its context; the batch is empty then.
   */
  process(now: number, options?: { readonly events?: boolean; readonly cpu?: number }): void;
  verdict(index: number): Verdict;
  /** The frame after the dataplane, as a view that lasts until the slot is used again. */
  packet(index: number): Uint8Array;
  /** Throws DataplaneError "events-off" unless the frame was processed with `events`. */
  event(index: number): PacketEvent;
  /**
   * Fragments that the last `process` has let go; `by` is the index of the frame they leave after. `packet` is a
   * view, right until the next frame is processed; `event` throws as `event` above does.
   */
  released(): readonly (Released & { readonly by: number })[];
  clear(): void;
}

/** One node's dataplane: objects and frames in; verdicts, frames and events out. */
export interface Dataplane {
  readonly engine: "wasm" | "model";
  /**
   * Makes `objects` the desired state, all or nothing, and returns what changed. Connections that are
   * there live on, but for UDP ones whose endpoint is gone. Throws DataplaneError "capacity", and then nothing
   * has changed.
   */
  apply(objects: ObjectSet, options?: ApplyOptions): Transaction;
  /**
   * Takes one frame, of up to 256 KiB, through the packet path; `frame` is left as it is. Throws
   * DataplaneError "bad-option" or "frame-too-large", and never for what the bytes hold.
   */
  process(frame: Uint8Array, options: ProcessOptions): ProcessResult;
  readonly batch: Batch;
  /**
   * The control plane's maps by name: addresses are canonical text, ports host order, times milliseconds of the
   * dataplane's clock. And `create`, `get` and `list` for those that programs share.
   */
  readonly maps: Maps & MapRegistry;
  /** Programs that were loaded, and service NAT. */
  readonly programs: Programs;
  /** The chains of programs that packets go through. */
  readonly hooks: Hooks;
  /**
   * Number of an interface, by which programs know it; it gets one if it has none. Throws DataplaneError
   * "bad-option", and "capacity" when `capacity.interfaces` are named.
   */
  interface(name: string): number;
  /** Totals since it was created; a copy. */
  counters(): Counters;
  /** By service port, in the order of their names. */
  statistics(): readonly ServiceStatistics[];
  /** Forgets every connection and every remembered client. */
  flush(): void;
  /**
   * All that it keeps from one packet to the next: what the control plane knows, maps with their entries, connections
   * with their windows and timers, remembered clients, counters, random state, clock. Fragments that wait for others of
   * their datagram are left out and counted as discarded; so are frames in the batch.
   */
  snapshot(): Uint8Array;
  /**
   * Goes on from a snapshot, of either engine, in place of everything there is: the same packets at the times of the
   * same clock then come to the same. Programs are loaded afterwards and find their maps by name. Throws DataplaneError
   * "bad-snapshot" for bytes that are none, are cut, damaged or of another version, "capacity" for what there is no
   * room for, and "in-use" while there are maps or programs of one's own; then nothing has changed.
   */
  restore(bytes: Uint8Array): void;
}

/** A map as bpf(2) has it, with keys and values decoded. */
export interface NamedMap<Key, Value> {
  readonly name: string;
  readonly capacity: number;
  readonly length: number;
  /** Throws DataplaneError "bad-entry" for what is no key, as `update` and `delete` do. */
  lookup(key: Key): Value | undefined;
  /** Throws DataplaneError "bad-entry", "capacity" or "read-only-map", and then nothing has changed. */
  update(key: Key, value: Value): void;
  /** False when there was no such entry. */
  delete(key: Key): boolean;
  entries(): IterableIterator<[Key, Value]>;
}

/** Every map of a dataplane, by its name. */
export type Maps = {
  readonly [Name in keyof Entries]: NamedMap<Entries[Name]["key"], Entries[Name]["value"]>;
};
