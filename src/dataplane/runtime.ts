/**
 * What an engine gives to programs: memory, a table of functions, maps by bytes, helpers, and the walk
 * through the hooks. Both engines have one; `src/program` links programs to it, `src/hook` orders them.
 */
import type { Verdict } from "./event.ts";

/** Room that maps and programs are given, and give back. Addresses are bytes in `Runtime.memory`. */
export interface Arena {
  readonly capacity: number;
  readonly used: number;
  /** Zeroed room, or undefined when there is no stretch of that size. `alignment` is a power of two, 8 at least. */
  take(size: number, alignment?: number): number | undefined;
  /** What `take` returned. */
  release(address: number): void;
}

/** A map's attributes as bpf(2) has them, checked. */
export interface MapShape {
  /** MAP_TYPE_ of abi/program. */
  readonly type: number;
  /** Bytes; 0 for a ring buffer. */
  readonly keySize: number;
  readonly valueSize: number;
  /** Entries; of a ring buffer its bytes, a power of two. */
  readonly maxEntries: number;
  /** MAP_FLAG_ bits. */
  readonly flags: number;
}

/**
 * A map of an engine: keys and values are bytes of exactly the map's sizes. Values of per-CPU maps are those of all
 * CPUs, each rounded up to 8 bytes. What a map of maps or a prog_array holds is a handle, or a place in the table.
 * Results below 0 are error numbers of abi/program, negated.
 */
export interface ByteMap {
  readonly shape: MapShape;
  /** Address of its header: what programs have of it. */
  readonly handle: number;
  /** Entries now; of an array all of them, of a ring buffer the bytes nobody has read yet. */
  readonly length: number;
  /** A copy, or undefined. Does not count as a use (LRU), as in bpf(2). */
  lookup(key: Uint8Array): Uint8Array | undefined;
  /** `flags`: UPDATE_. 0, -E2BIG, -EEXIST, -ENOENT, -EINVAL, -ENOSPC. */
  update(key: Uint8Array, value: Uint8Array, flags: number): number;
  /** 0, -ENOENT or -EINVAL. */
  remove(key: Uint8Array): number;
  /** The key after `key` in the order of the map; the first one for undefined and for a key that is not there. */
  next(key: Uint8Array | undefined): Uint8Array | undefined;
  /** Every key and value, as they are while it runs; the map may be changed meanwhile. */
  entries(): IterableIterator<[Uint8Array, Uint8Array]>;
  /** Ring buffer: takes the records that are complete, oldest first, up to `most` of them. */
  consume(most: number): Uint8Array[];
  /** Ring buffer: to the end of it, like what a program emits. 0, or -EAGAIN when it is full. */
  emit(record: Uint8Array): number;
  /** Ring buffer: records, of programs and of `emit`, that found no room. 0 of all else. */
  readonly lost: number;
  /** Gives its room back; nothing may use it afterwards. */
  free(): void;
}

/** One link of a chain. `link` is its number, never 0, by which outcomes and tallies name it. */
export type Step =
  | { readonly kind: "service-nat"; readonly link: number }
  | {
      readonly kind: "program";
      readonly link: number;
      /** Called once per packet `(context) -> verdict`, or once per batch `(contexts, count)`. */
      readonly form: "packet" | "batch";
      /** Where its function stands in the table. */
      readonly entry: number;
    };

export interface Chains {
  readonly ingress: readonly Step[];
  readonly egress: readonly Step[];
  /**
   * A program has thrown while it had a packet (or a batch of them, which are ABORTED all). False: it is not to be
   * called again. Must not throw.
   */
  trapped(link: number, error: unknown): boolean;
  /** Nanoseconds from anywhere, when run times are to be noted; undefined costs nothing. */
  readonly clock?: (() => number) | undefined;
}

/** What an engine begins with: packets need no walk. The link's number is that of service NAT in every dataplane. */
export const SERVICE_NAT_ALONE: Chains = {
  ingress: [{ kind: "service-nat", link: 1 }],
  egress: [],
  trapped: () => false,
};

export function isServiceNatAlone({
  ingress,
  egress,
}: Pick<Chains, "ingress" | "egress">): boolean {
  return ingress.length === 1 && ingress[0]?.kind === "service-nat" && egress.length === 0;
}

/** What a link has done since it was attached. */
export interface LinkTally {
  /** Packets it was called for. */
  readonly runs: number;
  /** Nanoseconds in it, 0 unless there was a clock. */
  readonly runTime: number;
  /** Packets by what it said; NEXT is the rest. */
  readonly verdicts: Readonly<Record<Verdict | "NEXT", number>>;
}

/** What programs have done to a packet; beside its outcome while programs are attached. */
export interface ProgramOutcome {
  /** Link whose verdict ended the walk; 0 when none did, or service NAT. */
  readonly link: number;
  /** Number of the reason a program gave; 0 for none. */
  readonly reason: number;
  readonly mark: number;
  readonly priority: number;
  /** Row of `interfaces` that a REDIRECT leaves by; 0 for none. */
  readonly redirect: number;
}

export interface Runtime {
  /** Never grows. */
  readonly memory: WebAssembly.Memory;
  readonly table: WebAssembly.Table;
  readonly arena: Arena;
  /** CPUs that per-CPU maps have values for. */
  readonly cpus: number;
  /** The functions of import module "waxdp" that programs call while packets run. */
  readonly helpers: WebAssembly.ModuleImports;
  /** State of what the helper `random` draws from. */
  random: number;
  /** What the helpers `time` (nanoseconds since the first `now`) and `cpu` say from now on. */
  begin(nanoseconds: number, cpu: number): void;
  /** Undefined when the arena has no room. The shape has been checked. */
  createMap(shape: MapShape): ByteMap | undefined;
  /** Takes both chains, whole, for the packets to come. Tallies of links that stay are kept. */
  install(chains: Chains): void;
  /** Of a link that is installed. */
  tally(link: number): LinkTally;
}
