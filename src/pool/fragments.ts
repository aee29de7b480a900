/**
 * Fragments on their way to workers. The first of a datagram has the ports that say which worker it belongs to,
 * and the others follow it. Those that come before it wait here, and are sent in front of it, so that its worker
 * sees the datagram as it came; what is said of them meanwhile is what one engine says.
 */
import { SWEEP_INTERVAL } from "../../abi/limits.ts";
import * as verdict from "../../abi/verdict.ts";
import type { Capacity } from "../dataplane/dataplane.ts";
import type { FrameInput, Outcome } from "../dataplane/engine.ts";
import type { Config, Family } from "../dataplane/entries.ts";
import * as checksum from "../packet/checksum.ts";
import { type Piece, parse } from "../packet/parse.ts";
import { type Coverage, createCoverage, isComplete, mark } from "./coverage.ts";
import type { Tally } from "./tally.ts";

type Settings = Pick<Config, "fragmentTimeouts" | "checksum">;

/** A frame that waits: a copy, and what came with it. */
export interface Waiting {
  readonly frame: Uint8Array;
  readonly input: FrameInput;
}

/** Where a frame goes: to a worker, others in front of it, or nowhere, and what is said of it then. */
export type Course =
  | { readonly shard: number; readonly before: readonly Waiting[] }
  | { readonly shard: undefined; readonly outcome: Outcome; readonly frame: Uint8Array };

interface Datagram {
  readonly family: Family;
  /** Engine time; undefined until the batch is processed that its first fragment to come is in. */
  created: number | undefined;
  /** Undefined while the fragment that says it has not come, and there was no datagram like it. */
  shard: number | undefined;
  /** That fragment has come. */
  known: boolean;
  waiting: Waiting[];
  readonly coverage: Coverage;
}

/** A frame of a link layer as `parse` numbers it. */
interface Arrival extends Waiting {
  readonly linkType: number;
}

/** Where a packet goes that no datagram decides about. */
const NOBODYS = 0;
const NONE: readonly Waiting[] = [];

export class Fragments {
  readonly #capacity: Pick<Capacity, "datagrams" | "fragments">;
  readonly #tally: Tally;
  /** The oldest first. */
  readonly #datagrams = new Map<string, Datagram>();
  /** Those that were complete, as many at most: an engine that has refused one refuses what comes of it later. */
  readonly #past = new Map<string, Datagram>();
  /** Frames that wait. */
  #waiting = 0;
  /** Those that have come since the last batch was processed. */
  #fresh: Datagram[] = [];
  #now = 0;
  #swept = 0;
  /** As the engines have it before anything is applied. */
  #config: Settings = { fragmentTimeouts: { ipv4: 0, ipv6: 0 }, checksum: false };

  constructor(capacity: Pick<Capacity, "datagrams" | "fragments">, tally: Tally) {
    this.#capacity = capacity;
    this.#tally = tally;
  }

  configure(config: Settings): void {
    this.#config = config;
  }

  /**
   * The worker a fragment goes to as things are, undefined while nobody knows; `first` is the one that its ports
   * say, undefined when it has none.
   */
  shardOf(arrival: Arrival, first: number | undefined): number | undefined {
    const piece = this.#pieceOf(arrival);
    if (!piece) return NOBODYS;
    const key = keyOf(piece);
    return shardFor(this.#lookup(key) ?? this.#past.get(key), first);
  }

  /**
   * Takes in a fragment, which goes where `shardOf` says. What waits for it is given away with it, so the caller
   * must have room for all of that.
   */
  receive(arrival: Arrival, first: number | undefined): Course {
    const piece = this.#pieceOf(arrival);
    if (!piece) return { shard: NOBODYS, before: NONE };
    const key = keyOf(piece);
    const datagram = this.#lookup(key) ?? this.#follow(key, piece);
    if (!datagram) return this.#refuse(arrival, verdict.REASON_FRAGMENT_FULL);
    const shard = shardFor(datagram, first);
    if (shard === undefined) return this.#wait(arrival, piece, datagram);
    datagram.known ||= first !== undefined;
    const before = this.#release(datagram, shard);
    mark(datagram.coverage, extentOf(piece));
    if (isComplete(datagram.coverage)) this.#retire(key, datagram);
    return { shard, before };
  }

  /** How many frames `receive` would send in front of one. */
  releasable(arrival: Arrival): number {
    const piece = this.#pieceOf(arrival);
    return piece ? (this.#lookup(keyOf(piece))?.waiting.length ?? 0) : 0;
  }

  /** Batches are processed at `now`: what has come since the last time came now. */
  advance(now: number): void {
    this.#now = now;
    for (const datagram of this.#fresh) datagram.created = now;
    this.#fresh = [];
    if (now - this.#swept < SWEEP_INTERVAL) return;
    this.#swept = now;
    for (const [key, datagram] of this.#datagrams)
      if (this.#isExpired(datagram)) this.#forget(key, datagram);
    for (const [key, past] of this.#past) if (this.#isExpired(past)) this.#past.delete(key);
  }

  flush(): void {
    for (const [key, datagram] of this.#datagrams) this.#forget(key, datagram);
    this.#past.clear();
  }

  /** Undefined for what is no fragment of a datagram that an engine would follow. */
  #pieceOf({ frame, input, linkType }: Arrival): Piece | undefined {
    const parsed = parse(frame, linkType, input.wireLength);
    if (parsed.found !== "fragment") return undefined;
    const isChecked = this.#config.checksum && !input.local;
    return isChecked && isDamaged(frame, parsed) ? undefined : parsed;
  }

  #lookup(key: string): Datagram | undefined {
    const known = this.#datagrams.get(key);
    if (!known || !this.#isExpired(known)) return known;
    this.#forget(key, known);
    return undefined;
  }

  #isExpired({ created, family }: Pick<Datagram, "created" | "family">): boolean {
    return created !== undefined && this.#now - created > this.#config.fragmentTimeouts[family];
  }

  #follow(key: string, { ip: { family } }: Piece): Datagram | undefined {
    if (this.#datagrams.size >= this.#capacity.datagrams) return undefined;
    const datagram: Datagram = {
      family,
      created: undefined,
      shard: this.#past.get(key)?.shard,
      known: false,
      waiting: [],
      coverage: createCoverage(),
    };
    this.#datagrams.set(key, datagram);
    this.#fresh.push(datagram);
    return datagram;
  }

  #retire(key: string, datagram: Datagram): void {
    datagram.known = false;
    this.#datagrams.delete(key);
    this.#past.delete(key);
    this.#past.set(key, datagram);
    if (this.#past.size <= this.#capacity.datagrams) return;
    const [oldest] = this.#past.keys();
    this.#past.delete(oldest as string);
  }

  #forget(key: string, { waiting }: Datagram): void {
    this.#datagrams.delete(key);
    this.#waiting -= waiting.length;
    for (const _ of waiting) this.#tally.discard();
  }

  #wait(arrival: Arrival, piece: Piece, datagram: Datagram): Course {
    if (piece.ip.end > arrival.frame.length) return this.#refuse(arrival, verdict.REASON_TRUNCATED);
    if (this.#waiting >= this.#capacity.fragments)
      return this.#refuse(arrival, verdict.REASON_FRAGMENT_FULL);
    const news = mark(datagram.coverage, extentOf(piece));
    if (news === "duplicate") return this.#refuse(arrival, verdict.REASON_FRAGMENT_DUPLICATE);
    if (news === "overlap") return this.#ruin(datagram);
    const frame = arrival.frame.slice();
    datagram.waiting.push({ frame, input: arrival.input });
    this.#waiting++;
    this.#tally.hold(HELD, frame.length);
    return { shard: undefined, outcome: HELD, frame };
  }

  /** Nothing of it leaves any more: any worker can say so, of this fragment and of those to come. */
  #ruin(datagram: Datagram): Course {
    datagram.known = true;
    return { shard: NOBODYS, before: this.#release(datagram, NOBODYS) };
  }

  #release(datagram: Datagram, shard: number): readonly Waiting[] {
    const { waiting } = datagram;
    datagram.shard = shard;
    datagram.waiting = [];
    this.#waiting -= waiting.length;
    for (const { frame } of waiting) this.#tally.pass(HELD, frame.length);
    return waiting;
  }

  #refuse({ frame }: Arrival, reason: number): Course {
    const outcome = { ...HELD, action: verdict.ACTION_DROP, reason };
    this.#tally.drop(outcome, frame.length);
    return { shard: undefined, outcome, frame: frame.slice() };
  }
}

/** nf_conntrack_checksum: with a wrong one a packet gets no further than ip_rcv of ip_input.c. */
function isDamaged(frame: Uint8Array, { ip }: Piece): boolean {
  if (ip.family === "ipv6") return false;
  const length = ((frame[ip.at] as number) & 0x0f) * 4;
  return checksum.sum(frame.subarray(ip.at, ip.at + length)) !== 0xffff;
}

/** Where a datagram went before it is only likely to go again. */
function shardFor(datagram: Pick<Datagram, "known" | "shard"> | undefined, first?: number) {
  return datagram?.known ? datagram.shard : (first ?? datagram?.shard);
}

/** What an engine says of a fragment that it holds. */
export const HELD: Outcome = {
  verdict: verdict.VERDICT_DROP,
  action: verdict.ACTION_HOLD,
  reason: verdict.REASON_FRAGMENT,
  conntrack: verdict.CONNTRACK_NONE,
  service: 0,
  backend: 0,
  masquerade: false,
};

/** What the kernel tells datagrams apart by: struct frag_v4_compare_key, struct frag_v6_compare_key. */
function keyOf({ ip, tuple }: Piece): string {
  const proto = ip.family === "ipv4" ? ip.protocol : "";
  return `${tuple.saddr} ${tuple.daddr} ${ip.fragment.id} ${proto}`;
}

function extentOf({ ip: { fragment, transport, end } }: Piece) {
  const from = fragment.offset;
  return { from, to: from + end - transport, more: fragment.more };
}
