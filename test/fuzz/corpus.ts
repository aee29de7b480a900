/**
 * Cases kept in files: how a dataplane is made, the objects it is given, and packets. A .bin file is
 *
 *   "waxdp case 1\n"  u32 length, JSON { name, options, objects } deflated, then packet after packet:
 *
 *   0        4     5       6       8           12       16
 *   | waited | how | iface | link  | wirelength | length | frame ...
 *
 * little-endian: milliseconds since the packet before; KEEPS_BATCH and IS_LOCAL; index in INTERFACES plus one, or
 * 0; LINKTYPE_ number; bytes on the wire; bytes captured.
 */
import { deflateSync, inflateSync } from "node:zlib";
import type { DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { linkOf } from "../../src/dataplane/link.ts";
import { createModel } from "../../src/index.ts";
import { concat } from "../conformance/frame.ts";
import { INTERFACES } from "./clusters.ts";
import type { Packet } from "./packets.ts";
import { apply, demandSameMemory, type Pair, send } from "./pair.ts";

export interface Setup {
  /** What it is about. */
  readonly name: string;
  readonly options: DataplaneOptions;
  readonly objects: readonly object[];
}

/** Packets that come together, at one time. */
export interface Group {
  /** Milliseconds since the group before. */
  readonly waited: number;
  readonly packets: readonly Packet[];
}

export interface Case extends Setup {
  readonly groups: readonly Group[];
}

const MAGIC = new TextEncoder().encode("waxdp case 1\n");
const HEAD = 20;
/** In one batch with the packet before. */
const KEEPS_BATCH = 1;
const IS_LOCAL = 2;

export function encode({ groups, ...setup }: Case): Uint8Array {
  const json = deflateSync(JSON.stringify(setup));
  const length = new Uint8Array(Uint32Array.of(json.length).buffer);
  const packets = groups.flatMap(({ waited, packets }) =>
    packets.map((packet, index) => encodePacket(packet, index === 0 ? waited : 0, index > 0)),
  );
  return concat(MAGIC, length, json, ...packets);
}

function encodePacket({ bytes, options }: Packet, waited: number, keepsBatch: boolean): Uint8Array {
  const head = new Uint8Array(HEAD);
  const view = new DataView(head.buffer);
  view.setUint32(0, waited, true);
  view.setUint8(4, (keepsBatch ? KEEPS_BATCH : 0) | (options.local ? IS_LOCAL : 0));
  view.setUint8(5, INTERFACES.indexOf(options.interface ?? "") + 1);
  view.setUint16(6, linkOf(options.linkType ?? "ethernet").type, true);
  view.setUint32(8, options.wireLength ?? bytes.length, true);
  view.setUint32(12, bytes.length, true);
  return concat(head, bytes);
}

/** Throws RangeError for what `encode` has not written. */
export function decode(file: Uint8Array): Case {
  const magic = file.subarray(0, MAGIC.length);
  if (Buffer.compare(magic, MAGIC) !== 0) throw new RangeError("no case of waxdp");
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const start = MAGIC.length + 4;
  const first = start + view.getUint32(MAGIC.length, true);
  const setup: Setup = JSON.parse(inflateSync(file.subarray(start, first)).toString());
  const groups: { waited: number; packets: Packet[] }[] = [];
  for (let at = first; at < file.length; ) {
    const end = at + HEAD + view.getUint32(at + 12, true);
    const packet = decodePacket(view, at, new Uint8Array(file.subarray(at + HEAD, end)));
    const keepsBatch = (view.getUint8(at + 4) & KEEPS_BATCH) !== 0;
    if (keepsBatch) groups.at(-1)!.packets.push(packet);
    else groups.push({ waited: view.getUint32(at, true), packets: [packet] });
    at = end;
  }
  return { ...setup, groups };
}

function decodePacket(view: DataView, at: number, bytes: Uint8Array): Packet {
  const device = INTERFACES[view.getUint8(at + 5) - 1];
  const options = {
    linkType: view.getUint16(at + 6, true),
    local: (view.getUint8(at + 4) & IS_LOCAL) !== 0,
    wireLength: view.getUint32(at + 8, true),
    ...(device === undefined ? {} : { interface: device }),
  };
  return { bytes, options };
}

/** Both engines through a case; rejects with Disagreement. */
export async function replay(
  { options, objects, groups }: Case,
  create: (options: DataplaneOptions) => Promise<Pair["wasm"]>,
): Promise<Pair> {
  const pair = { wasm: await create(options), model: await createModel(options) };
  apply(pair, objects);
  let now = 0;
  for (const { waited, packets } of groups) {
    now += waited;
    send(pair, packets, now, true);
  }
  demandSameMemory(pair);
  return pair;
}
