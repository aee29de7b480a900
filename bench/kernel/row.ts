/** A row as the runner of the XDP program reads it: bench/kernel/work.h. */
import { endianness } from "node:os";
import { parse } from "../../src/packet/address.ts";
import { concat } from "../../src/packet/bytes.ts";
import { type Family, opens, type Pack, type Work } from "../heats/contestant.ts";
import { createFeed } from "../rows/feed.ts";
import { type Dialled, dialledOf, type Endpoint } from "./dialled.ts";

/** What the runner needs to know of a row. */
export interface KernelRow {
  readonly family: Family;
  readonly finite: boolean;
  readonly flows: number;
  readonly capacity: number;
  readonly forward: Pack;
  readonly reply: Pack;
  /** Indices of frames, the replies' behind all others. */
  readonly visits: Uint32Array;
  readonly services: readonly Dialled[];
  /** Frames to show the translation of, back to back. */
  readonly samples: Uint8Array;
}

const LITTLE = endianness() === "LE";

export function kernelRow(work: Work): KernelRow {
  const { row, forward, reply } = work;
  const { family, flows, kind } = row;
  const samples = new Uint8Array(row.batch * forward.size);
  const feed = createFeed(work, samples);
  for (let at = 0; at < samples.length; at += forward.size) feed.write(at);
  const finite = opens({ kind });
  const { connections = 0, connections6 = 0 } = work.options.capacity ?? {};
  return {
    family,
    finite,
    flows: kind === "new" ? 0 : flows,
    capacity: family === "ipv4" ? connections : connections6,
    forward,
    reply,
    visits: visitsOf(work),
    services: dialledOf(work.objects),
    samples,
  };
}

/** The program keeps no sequence numbers, so each turn of a side is the same to it. */
function visitsOf({ row: { kind }, forward, order, turns }: Work): Uint32Array {
  const replies = forward.bytes.length / forward.size;
  const both = kind === "conversation" || kind === "mixed";
  return order.map((flow, index) =>
    kind === "reply" || (both && (turns[index] as number) & 1) ? replies + flow : flow,
  );
}

/** Parts of the row, each filled up to a multiple of eight bytes. */
export function encodeRow(row: KernelRow): Uint8Array[] {
  return partsOf(row).flatMap((part) => [part, new Uint8Array(-part.length & 7)]);
}

function partsOf(row: KernelRow): Uint8Array[] {
  const { forward, reply, visits, services, samples } = row;
  const { size } = forward;
  const backends = services.flatMap(({ endpoints }) => endpoints);
  const header = Uint32Array.of(
    Number(row.finite),
    size,
    row.flows,
    row.capacity,
    forward.bytes.length / size,
    reply.bytes.length / size,
    visits.length,
    services.length,
    backends.length,
    samples.length / size,
  );
  return [
    bytesOf(header),
    concat(services.map((each) => place(each, each.proto))),
    bytesOf(sharesOf(services)),
    concat(backends.map((each) => place(each, 0))),
    concat([forward.bytes, reply.bytes]),
    bytesOf(visits),
    samples,
  ];
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/** struct vip and struct backend of nat.h: address and port in network order, a number in that of the machine. */
function place({ address, port }: Endpoint, number: number): Uint8Array {
  const bytes = parse(address);
  const ends = new DataView(new ArrayBuffer(4));
  ends.setUint16(0, port);
  ends.setUint16(2, number, LITTLE);
  return concat([bytes, new Uint8Array(ends.buffer)]);
}

/** First backend and number of backends of each service. */
function sharesOf(services: readonly Dialled[]): Uint32Array {
  let first = 0;
  return Uint32Array.from(
    services.flatMap(({ endpoints: { length } }) => {
      first += length;
      return [first - length, length];
    }),
  );
}
