/** Custom section "dylink.0" of WebAssembly/tool-conventions DynamicLinking.md: what room a module asks for. */
import { leb, malformed, Reader, text } from "./binary.ts";
import type { Image } from "./image.ts";

const DYLINK_SECTION = "dylink.0";

export interface Room {
  /** Bytes of static data, and their alignment. */
  readonly memory: number;
  readonly alignment: number;
  /** Places in the table. */
  readonly functions: number;
}

const WASM_DYLINK_MEM_INFO = 1;
const WASM_DYLINK_NEEDED = 2;
/** No program needs its data further apart than a page. */
const ALIGNMENT_BITS_MAX = 16;

export function encodeRoom({ memory, alignment, functions }: Room): number[] {
  const info = [...leb(memory), ...leb(Math.log2(alignment)), ...leb(functions), ...leb(0)];
  return [...text(DYLINK_SECTION), WASM_DYLINK_MEM_INFO, ...leb(info.length), ...info];
}

/** Nothing when the module has no such section. */
export function readRoom(bytes: Uint8Array, image: Image): Room {
  const span = image.custom.get(DYLINK_SECTION);
  let room: Room = { memory: 0, alignment: 1, functions: 0 };
  if (!span) return room;
  const reader = new Reader(bytes, span.from, span.to);
  while (!reader.done) {
    const type = reader.u8();
    const part = reader.part(reader.u32());
    if (type === WASM_DYLINK_MEM_INFO) room = readMemoryInfo(part);
    if (type === WASM_DYLINK_NEEDED && part.u32() > 0) {
      throw malformed("the program needs other libraries: link them into it", part.at);
    }
  }
  return room;
}

function readMemoryInfo(part: Reader): Room {
  const memory = part.u32();
  const bits = part.u32();
  const functions = part.u32();
  const functionBits = part.u32();
  if (bits > ALIGNMENT_BITS_MAX) throw malformed("no data is aligned to more than 65536", part.at);
  if (functionBits > 0) throw malformed("places in the table are not aligned", part.at);
  return { memory, alignment: 2 ** bits, functions };
}
