/**
 * Fragments that a worker has let go. The module keeps them until its next call, which may be for the other
 * batch, so the worker copies them, which are few, to where they last as long as their batch.
 *
 *  of each batch: | places records of RELEASED_SIZE | places frames |
 */
import * as layout from "../../abi/layout.ts";
import type { ReleasedFrame } from "../dataplane/engine.ts";
import type { PacketPath } from "../dataplane/module.ts";
import { readReleased } from "../dataplane/released.ts";

export interface Room {
  /** Fragments that one call can let go. */
  readonly places: number;
  /** Bytes of the longest. */
  readonly frame: number;
}

const BATCHES = 2;

export function createBuffer(room: Room): SharedArrayBuffer {
  return new SharedArrayBuffer(BATCHES * sizeOf(room));
}

function sizeOf({ places, frame }: Room): number {
  return places * (layout.RELEASED_SIZE + strideOf(frame));
}

function strideOf(frame: number): number {
  return (frame + 7) & ~7;
}

/** To be called by the worker after each call of `process`; copies, and returns how many there are. */
export function createCopier(
  { released, releasedLength }: PacketPath,
  memory: WebAssembly.Memory,
  buffer: SharedArrayBuffer,
  room: Room,
): (batch: number) => number {
  const from = { bytes: new Uint8Array(memory.buffer), view: new DataView(memory.buffer) };
  const to = { bytes: new Uint8Array(buffer), view: new DataView(buffer) };
  return (batch) => {
    const length = releasedLength();
    if (length === 0) return 0;
    const records = batch * sizeOf(room);
    const first = released() >>> 0;
    to.bytes.set(from.bytes.subarray(first, first + length * layout.RELEASED_SIZE), records);
    for (let index = 0; index < length; index++) {
      const record = records + index * layout.RELEASED_SIZE;
      const data = to.view.getUint32(record + layout.DESC_DATA, true);
      const bytes = to.view.getUint32(record + layout.DESC_LENGTH, true);
      const at = records + room.places * layout.RELEASED_SIZE + index * strideOf(room.frame);
      to.bytes.set(from.bytes.subarray(data, data + bytes), at);
      to.view.setUint32(record + layout.DESC_DATA, at, true);
    }
    return length;
  };
}

/** Those of a batch, `by` counted from `first`; views. */
export function createReader(
  buffer: SharedArrayBuffer,
  room: Room,
): (batch: number, length: number, first: number) => ReleasedFrame[] {
  const memory = { bytes: new Uint8Array(buffer), view: new DataView(buffer) };
  const words = new Uint32Array(buffer);
  return (batch, length, first) =>
    Array.from({ length }, (_, index) => {
      const at = batch * sizeOf(room) + index * layout.RELEASED_SIZE;
      return readReleased(memory, words, at, first);
    });
}
