/** Capture files put together by hand, block by block, for what no writer of ours would write. */

export type Order = "little" | "big";

/** Numbers of 32 bits ("u32"), of 16 ("u16") and plain bytes, one behind another. */
export type Part = { u32: number } | { u16: number } | { i64: bigint } | Uint8Array;

export function bytesOf(order: Order, ...parts: Part[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => partBytes(part, order)));
}

function partBytes(part: Part, order: Order): number[] {
  if (part instanceof Uint8Array) return [...part];
  const view = new DataView(new ArrayBuffer(8));
  const little = order === "little";
  if ("u16" in part) view.setUint16(0, part.u16, little);
  else if ("u32" in part) view.setUint32(0, part.u32, little);
  else view.setBigInt64(0, part.i64, little);
  const size = "u16" in part ? 2 : "u32" in part ? 4 : 8;
  return [...new Uint8Array(view.buffer, 0, size)];
}

export interface PcapHeader {
  readonly magic?: number;
  readonly major?: number;
  readonly link?: number;
}

export function pcapHeader(
  order: Order,
  { magic = 0xa1b2c3d4, major = 2, link = 1 }: PcapHeader = {},
) {
  return bytesOf(
    order,
    { u32: magic },
    { u16: major },
    { u16: 4 },
    { u32: 0 },
    { u32: 0 },
    { u32: 65535 },
    { u32: link },
  );
}

export function pcapRecord(
  order: Order,
  seconds: number,
  fraction: number,
  data: Uint8Array,
  wire?: number,
) {
  const head = [seconds, fraction, data.length, wire ?? data.length].map((u32) => ({ u32 }));
  return bytesOf(order, ...head, data);
}

/** A pcapng block around `parts`; `length` and `tail` stand in for the true total length. */
export function block(
  order: Order,
  type: number,
  parts: Part[],
  { length, tail }: { length?: number; tail?: number } = {},
): Uint8Array {
  const body = pad(bytesOf(order, ...parts));
  const total = body.length + 12;
  return bytesOf(order, { u32: type }, { u32: length ?? total }, body, {
    u32: tail ?? length ?? total,
  });
}

export function section(order: Order, major = 1): Uint8Array {
  return block(order, 0x0a0d0d0a, [{ u32: 0x1a2b3c4d }, { u16: major }, { u16: 0 }, { i64: -1n }]);
}

export function option(code: number, value: Uint8Array): Part[] {
  return [{ u16: code }, { u16: value.length }, pad(value)];
}

export function description(
  order: Order,
  link: number,
  snap: number,
  ...options: Part[][]
): Uint8Array {
  return block(order, 1, [{ u16: link }, { u16: 0 }, { u32: snap }, ...options.flat()]);
}

export function enhanced(
  order: Order,
  number: number,
  ticks: bigint,
  data: Uint8Array,
  wire?: number,
) {
  return block(order, 6, [
    { u32: number },
    { u32: Number(ticks >> 32n) },
    { u32: Number(ticks & 0xffffffffn) },
    { u32: data.length },
    { u32: wire ?? data.length },
    pad(data),
  ]);
}

export function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function pad(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  return padded;
}
