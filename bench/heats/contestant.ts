/** What is measured, and by whom: the contract between rows and the engines that compete in them. */
import type { DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import type { Tuple } from "../../src/dataplane/entries.ts";

export type Family = "ipv4" | "ipv6";

/** One row of the table. */
export interface Row {
  readonly name: string;
  readonly family: Family;
  /** Connections there are; of kind "new", connections opened before the tables are emptied again. A power of two. */
  readonly flows: number;
  /**
   * conversation: both ends of open connections take turns with a segment of data each, sequence numbers going
   * on. forward, reply: one direction only, the same segment again and again. new: SYNs (or first
   * datagrams) of connections nobody knows. mixed: a conversation with one packet in a hundred of kind new.
   */
  readonly kind: "conversation" | "forward" | "reply" | "new" | "mixed";
  /** mixed: odd flows TCP, even ones UDP. */
  readonly proto: "tcp" | "udp" | "mixed";
  /** How often flows are visited. */
  readonly popularity: "uniform" | "zipf";
  readonly services: number;
  /** Services that flows go to, the first of them. */
  readonly dialled: number;
  /** Of each service. */
  readonly endpoints: number;
  /** Packets per call. */
  readonly batch: number;
  /** Bytes behind the TCP header; a datagram has twelve more, so that all frames of a row are as long. */
  readonly payload: number;
  readonly masquerade: boolean;
  /** False: nf_conntrack_tcp_no_window_check. */
  readonly windows: boolean;
}

/** Whether connections are opened while the row is timed. */
export function opens({ kind }: Pick<Row, "kind">): boolean {
  return kind === "new" || kind === "mixed";
}

/** Frames of one size back to back. */
export interface Pack {
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** A connection as it was opened: the tuples of its two directions as the dataplane sees them come in. */
export interface Opened {
  readonly orig: Tuple;
  readonly reply: Tuple;
}

/**
 * A row with all its packets. Packet number n belongs to entry `n % order.length` of the visiting order:
 *
 *   flow = order[i], turn = turns[i] + floor(n / order.length) * visits[flow]
 *   frame = (turn odd and kind "conversation" or "mixed", or kind "reply" ? reply : forward)[flow]
 *   TCP of kind "conversation" or "mixed": sequence and acknowledgement number grow by floor(turn / 2) * payload
 *
 * and its checksum with them. Kinds "new" and "mixed" end with the order, the others go on for ever. Then n starts
 * from 0, "new" with empty tables, "mixed" with an engine as at first, seed and all, so that the endpoints are the
 * same again. Batches divide the order evenly.
 */
export interface Work {
  readonly row: Row;
  /** Objects of the Kubernetes API. */
  readonly objects: readonly unknown[];
  /** What every contestant goes by: seed, settings, room for connections. */
  readonly options: DataplaneOptions;
  /** Packets that open the connections, in this order, each pack whole before the next; empty for kind "new". */
  readonly opening: readonly Pack[];
  /** One for each flow; of kind "mixed" those of connections to come follow, which the order names. */
  readonly forward: Pack;
  /** One for each flow; empty for kind "new". */
  readonly reply: Pack;
  readonly order: Uint32Array;
  readonly turns: Uint32Array;
  readonly visits: Uint32Array;
  /** A connection that `opening` opens. */
  opened(flow: number): Opened;
}

/** An engine at work on one row. */
export interface Run {
  /**
   * Takes the next `batches` batches of the row's packets through, and returns nanoseconds per packet: a number
   * for each batch, or one for all of them where the engine cannot tell them apart. Copying frames into place
   * is not timed.
   */
  time(batches: number): Promise<readonly number[]>;
  /** The packets of the first batch after translation, in order; null where the engine cannot show them. To be called first. */
  check(): Promise<readonly Uint8Array[] | null>;
  close(): Promise<void>;
}

export interface Contestant {
  /** Heading of its column. */
  readonly name: string;
  /** Batches of 4,096 packets per round, so that all contestants take about the same time; may be a fraction. */
  readonly batches: number;
  /** Undefined for a row it does not run. */
  prepare(work: Work): Promise<Run | undefined>;
  close(): Promise<void>;
}

/** Why a contestant is not there at all: no compiler, not root, no BPF. */
export interface Absent {
  readonly name: string;
  readonly reason: string;
}
