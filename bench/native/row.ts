/**
 * A row as the C program reads it: bench/native/input.h. The tables are copied from a dataplane that has
 * applied the row's objects, so that every contestant has the same services, backends and rings by the same numbers.
 */
import * as layout from "../../abi/layout.ts";
import * as codec from "../../src/dataplane/codec.ts";
import type { Maps } from "../../src/dataplane/dataplane.ts";
import { type AddressRange, TIMERS } from "../../src/dataplane/entries.ts";
import { createDataplane, parseObjects } from "../../src/index.ts";
import type { Row, Work } from "../heats/contestant.ts";

/** "WXDP", read as a little-endian word. */
const MAGIC = 0x50445857;
/** Index = number in input.h. */
const KINDS: readonly Row["kind"][] = ["conversation", "forward", "reply", "new", "mixed"];
/** Packs of `opening` there is room for in the header. */
const PACKS_MAX = 8;
/** Frames in the arena at a time, at least. */
const ARENA = 4096;

/** Everything the program is told, in the order it reads it. */
export function encodeRow(work: Work): Promise<readonly Uint8Array[]> {
  const known = ENCODED.get(work);
  if (known) return known;
  const encoded = encode(work);
  ENCODED.set(work, encoded);
  return encoded;
}

/** Rows that several runs are told of, while anybody still has them. */
const ENCODED = new WeakMap<Work, Promise<readonly Uint8Array[]>>();

async function encode(work: Work): Promise<readonly Uint8Array[]> {
  const dataplane = await createDataplane(work.options);
  dataplane.apply(parseObjects(work.objects));
  const { maps } = dataplane;
  const tables = encodeTables(maps, work.row);
  const { forward, reply, opening, order, turns, visits } = work;
  const arrays = [order, turns, visits].map(
    (words) => new Uint8Array(words.buffer, words.byteOffset, words.byteLength),
  );
  const packs = [...opening, forward, reply].map((pack) => pack.bytes);
  return [
    bytesOf([...header(work, maps), ...tables.pods, ...timeouts(maps), ...counts(work, tables)]),
    ...Object.values(tables.records),
    ...packs,
    ...arrays,
  ];
}

function bytesOf(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => {
    view.setUint32(index * 4, word, true);
  });
  return bytes;
}

function header({ row, options, forward }: Work, maps: Maps): number[] {
  const { connections, connections6 } = options.capacity ?? {};
  const config = configOf(maps);
  return [
    MAGIC,
    codec.familyNumber(row.family),
    KINDS.indexOf(row.kind),
    row.batch,
    Math.max(ARENA, row.batch),
    forward.size,
    row.payload,
    (row.family === "ipv4" ? connections : connections6) ?? row.flows,
    options.seed ?? 0,
    Number(row.windows),
    Number(config.checksum),
    config.tcpMaxRetrans,
  ];
}

function configOf(maps: Maps) {
  for (const [, config] of maps.config.entries()) return config;
  throw new Error("there is no configuration");
}

function timeouts(maps: Maps): number[] {
  const config = configOf(maps);
  return [0, ...TIMERS.map((timer) => config.timeouts[timer])];
}

function counts({ opening, forward, reply, order, visits }: Work, { records }: Tables): number[] {
  const frames = (bytes: Uint8Array) => bytes.length / forward.size;
  const packs = Array.from({ length: PACKS_MAX }, (_, index) => opening[index]);
  return [
    records.services.length / layout.SERVICE_SIZE,
    records.addresses.length / layout.ADDRESS_SIZE,
    records.backends.length / layout.BACKEND_SIZE,
    records.rings.length / layout.RING_SIZE,
    records.slots.length / layout.SLOT_SIZE,
    records.ranges.length / layout.RANGE_SIZE,
    opening.length,
    ...packs.map((pack) => (pack ? frames(pack.bytes) : 0)),
    frames(forward.bytes),
    frames(reply.bytes),
    order.length,
    visits.length,
  ];
}

/** Records as abi/layout has them; those of arrays stand in the rows of their numbers. */
interface Tables {
  readonly records: {
    readonly services: Uint8Array;
    readonly addresses: Uint8Array;
    readonly backends: Uint8Array;
    readonly rings: Uint8Array;
    readonly slots: Uint8Array;
    readonly ranges: Uint8Array;
  };
  /** First row and number of the ranges whose sources are pods. */
  readonly pods: readonly [number, number];
}

function encodeTables(maps: Maps, { family }: Row): Tables {
  const ranges: AddressRange[] = [];
  const keep = (added: readonly AddressRange[]) => ranges.push(...added) - added.length;
  const podRanges = configOf(maps).podRanges[family];
  const pods = [keep(podRanges), podRanges.length] as const;
  return {
    records: {
      services: list([...maps.services.entries()], layout.SERVICE_SIZE, (memory, at, entry) => {
        const [vip, service] = entry;
        codec.writeVip(memory, at, vip);
        codec.writeService(memory, at, service, keep(service.sourceRanges ?? []));
      }),
      addresses: list([...maps.addresses.entries()], layout.ADDRESS_SIZE, (memory, at, [key]) => {
        codec.writeNodeAddress(memory, at, key);
      }),
      backends: encodeBackends(maps),
      ...encodeRings(maps),
      ranges: list(ranges, layout.RANGE_SIZE, (memory, at, range) => {
        codec.writeRange(memory, at, family, range);
      }),
    },
    pods,
  };
}

function list<Item>(
  items: readonly Item[],
  size: number,
  write: (memory: codec.Memory, at: number, item: Item) => void,
): Uint8Array {
  const memory = blank(items.length * size);
  items.forEach((item, index) => {
    write(memory, index * size, item);
  });
  return memory.bytes;
}

function blank(size: number): codec.Memory {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** Row 0 stands for none. */
function encodeBackends(maps: Maps): Uint8Array {
  const entries = [...maps.backends.entries()];
  const last = entries.reduce((most, [number]) => Math.max(most, number), 0);
  const memory = blank((last + 1) * layout.BACKEND_SIZE);
  for (const [number, backend] of entries) {
    codec.writeBackend(memory, number * layout.BACKEND_SIZE, backend);
  }
  return memory.bytes;
}

function encodeRings(maps: Maps): { rings: Uint8Array; slots: Uint8Array } {
  const entries = [...maps.rings.entries()];
  const last = entries.reduce((most, [key]) => Math.max(most, codec.ringRow(key)), 1);
  const rings = blank((last + 1) * layout.RING_SIZE);
  const slots: number[] = [];
  for (const [key, { scheduler, slots: members }] of entries) {
    const at = codec.ringRow(key) * layout.RING_SIZE;
    codec.writeRing(rings, at, slots.length, members.length, scheduler);
    slots.push(...members);
  }
  return { rings: rings.bytes, slots: bytesOf(slots) };
}
