/**
 * Reads pcapng files: sections, each in its own byte order and with its own interfaces, made of
 * blocks. Blocks that carry neither packets nor interfaces are passed over as they arrive, without
 * being kept.
 */
import { viewOf } from "../packet/bytes.ts";
import {
  BLOCK_ENHANCED,
  BLOCK_HEAD_SIZE,
  BLOCK_INTERFACE,
  BLOCK_MAX,
  BLOCK_PACKET,
  BLOCK_SECTION,
  BLOCK_SIMPLE,
  BLOCK_TAIL_SIZE,
  BYTE_ORDER_MAGIC,
  CAPTURED_MAX,
  type CaptureInterface,
  type Decoder,
  INTERFACES_MAX,
  OPTION_COMMENT,
  type Packet,
  padded,
  SECTION_SIZE,
} from "./capture.ts";
import { CaptureError } from "./error.ts";
import type { Input } from "./input.ts";
import { readSource, type Source } from "./interface.ts";
import { readOptions } from "./option.ts";

/** What the decoder remembers between blocks. */
interface State {
  little: boolean;
  readonly interfaces: CaptureInterface[];
  /** The interfaces of this section, by the numbers its blocks use. */
  section: Source[];
  skip: Skip | undefined;
}

/**
 * A block that is passed over: its place, its total length, and the bytes left before the closing
 * length.
 */
interface Skip {
  readonly offset: number;
  readonly total: number;
  left: number;
}

interface Block {
  readonly type: number;
  readonly offset: number;
  readonly body: Uint8Array;
  readonly view: DataView;
}

/** The fields that every block with a packet boils down to. */
interface Capture {
  readonly source: Source | undefined;
  readonly time: bigint;
  readonly start: number;
  readonly captured: number;
  readonly wire: number;
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

export function pcapngDecoder(input: Input): Decoder {
  const state: State = { little: true, interfaces: [], section: [], skip: undefined };
  return {
    interfaces: state.interfaces,
    next() {
      for (;;) {
        if (state.skip && !skipBlock(input, state)) return undefined;
        const before = input.offset;
        const packet = readBlock(input, state);
        if (packet || input.offset === before) return packet;
      }
    },
    pending: () => state.skip?.offset ?? (input.length > 0 ? input.offset : undefined),
  };
}

/** Reads one block, or begins to pass over it. An input that has not moved had too few bytes. */
function readBlock(input: Input, state: State): Packet | undefined {
  const head = input.peek(BLOCK_HEAD_SIZE + BLOCK_TAIL_SIZE);
  if (!head) return undefined;
  const view = viewOf(head);
  const type = view.getUint32(0, state.little);
  if (type === BLOCK_SECTION) return beginSection(input, state);
  const total = blockLength(view, state.little, input.offset);
  if (!isKept(type)) return beginSkip(input, state, total, BLOCK_HEAD_SIZE);
  const offset = input.offset;
  const bytes = input.take(total);
  if (!bytes) return undefined;
  checkTail(viewOf(bytes).getUint32(total - BLOCK_TAIL_SIZE, state.little), total, offset);
  const body = bytes.subarray(BLOCK_HEAD_SIZE, total - BLOCK_TAIL_SIZE);
  return readBody({ type, offset, body, view: viewOf(body) }, state);
}

function isKept(type: number): boolean {
  return (
    type === BLOCK_ENHANCED ||
    type === BLOCK_INTERFACE ||
    type === BLOCK_SIMPLE ||
    type === BLOCK_PACKET
  );
}

function blockLength(view: DataView, little: boolean, offset: number): number {
  const total = view.getUint32(4, little);
  if (total % 4 === 0 && total >= BLOCK_HEAD_SIZE + BLOCK_TAIL_SIZE && total <= BLOCK_MAX)
    return total;
  throw new CaptureError("corrupt", `a block of ${total} bytes`, offset);
}

function checkTail(tail: number, total: number, offset: number): void {
  if (tail === total) return;
  throw new CaptureError(
    "corrupt",
    `a block that begins with length ${total} and ends with ${tail}`,
    offset,
  );
}

/** A Section Header Block: from here on its byte order holds and interfaces count from 0 again. */
function beginSection(input: Input, state: State): undefined {
  const head = input.peek(SECTION_SIZE);
  if (!head) return undefined;
  const view = viewOf(head);
  const little = view.getUint32(8, true) === BYTE_ORDER_MAGIC;
  if (!little && view.getUint32(8, false) !== BYTE_ORDER_MAGIC) {
    throw new CaptureError("corrupt", "a section without the byte-order magic", input.offset);
  }
  const total = blockLength(view, little, input.offset);
  if (total < SECTION_SIZE + BLOCK_TAIL_SIZE) {
    throw new CaptureError("corrupt", `a section header of ${total} bytes`, input.offset);
  }
  const major = view.getUint16(12, little);
  if (major !== 1) {
    throw new CaptureError(
      "unsupported",
      `pcapng version ${major}; only version 1 is known`,
      input.offset,
    );
  }
  state.little = little;
  state.section = [];
  return beginSkip(input, state, total, SECTION_SIZE);
}

/** Passes over a block of which `read` bytes were of use. */
function beginSkip(input: Input, state: State, total: number, read: number): undefined {
  state.skip = { offset: input.offset, total, left: total - read - BLOCK_TAIL_SIZE };
  input.skip(read);
}

/** False while the block has not ended. */
function skipBlock(input: Input, state: State): boolean {
  const skip = state.skip;
  if (!skip) return true;
  skip.left -= input.skip(skip.left);
  const tail = skip.left === 0 ? input.take(BLOCK_TAIL_SIZE) : undefined;
  if (!tail) return false;
  checkTail(viewOf(tail).getUint32(0, state.little), skip.total, skip.offset);
  state.skip = undefined;
  return true;
}

function readBody(block: Block, state: State): Packet | undefined {
  switch (block.type) {
    case BLOCK_INTERFACE:
      return addInterface(block, state);
    case BLOCK_SIMPLE:
      return finish(block, state, readSimple(block, state));
    case BLOCK_PACKET:
      atLeast(block, 20);
      return finish(block, state, readTimed(block, state, block.view.getUint16(0, state.little)));
    default:
      atLeast(block, 20);
      return finish(block, state, readTimed(block, state, block.view.getUint32(0, state.little)));
  }
}

function atLeast(block: Block, size: number): void {
  if (block.body.length >= size) return;
  throw new CaptureError(
    "corrupt",
    `a block of type ${block.type} without room for its fields`,
    block.offset,
  );
}

function addInterface(block: Block, state: State): undefined {
  atLeast(block, 8);
  if (state.interfaces.length >= INTERFACES_MAX) {
    throw new CaptureError("corrupt", `more than ${INTERFACES_MAX} interfaces`, block.offset);
  }
  const source = readSource(block.body, state.little, block.offset, state.interfaces.length);
  state.interfaces.push(source.description);
  state.section.push(source);
}

/**
 * A Simple Packet Block: no time, the first interface, and as much data as its snap length lets
 * through.
 */
function readSimple(block: Block, state: State): Capture {
  atLeast(block, 4);
  const wire = block.view.getUint32(0, state.little);
  const source = state.section[0];
  const limit = source?.description.snapLength || wire;
  return { source, time: 0n, start: 4, captured: Math.min(wire, limit), wire };
}

/** An Enhanced Packet Block or a Packet Block: they differ in where the interface stands only. */
function readTimed(block: Block, state: State, number: number): Capture {
  const source = state.section[number];
  const high = block.view.getUint32(4, state.little);
  const low = block.view.getUint32(8, state.little);
  return {
    source,
    time: source?.time(high, low) ?? 0n,
    start: 20,
    captured: block.view.getUint32(12, state.little),
    wire: block.view.getUint32(16, state.little),
  };
}

function finish(block: Block, state: State, capture: Capture): Packet {
  const { source, start, captured } = capture;
  if (!source)
    throw new CaptureError(
      "corrupt",
      "a packet of an interface that is not described",
      block.offset,
    );
  if (captured > CAPTURED_MAX || start + captured > block.body.length) {
    const room = block.body.length - start;
    const message = `a packet of ${captured} captured bytes where ${room} have room`;
    throw new CaptureError("corrupt", message, block.offset);
  }
  return {
    time: capture.time,
    data: block.body.subarray(start, start + captured),
    wireLength: Math.max(captured, capture.wire),
    interface: source.number,
    interfaceName: source.description.name,
    linkType: source.description.linkType,
    offset: block.offset,
    comments:
      block.type === BLOCK_SIMPLE
        ? undefined
        : readComments(block, state, start + padded(captured)),
  };
}

function readComments(block: Block, state: State, at: number): string[] | undefined {
  if (at >= block.body.length) return undefined;
  const comments: string[] = [];
  for (const option of readOptions(block.body, at, state.little, block.offset)) {
    if (option.code === OPTION_COMMENT) comments.push(UTF8.decode(option.value));
  }
  return comments.length > 0 ? comments : undefined;
}
