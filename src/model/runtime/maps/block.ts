/** The room of a map: its header, and behind it what it holds. */
import {
  MAP_HEADER_FLAGS,
  MAP_HEADER_KEY_SIZE,
  MAP_HEADER_LENGTH,
  MAP_HEADER_MAGIC,
  MAP_HEADER_MAX_ENTRIES,
  MAP_HEADER_SIZE,
  MAP_HEADER_STRIDE,
  MAP_HEADER_TYPE,
  MAP_HEADER_VALUE_SIZE,
  MAP_HEADER_VALUES,
  MAP_MAGIC,
} from "../../../../abi/program.ts";
import type { Arena, MapShape } from "../../../dataplane/runtime.ts";
import type { ProgramMemory } from "./memory.ts";

export class Block {
  readonly memory: ProgramMemory;
  readonly shape: MapShape;
  readonly handle: number;
  readonly values: number;
  readonly #arena: Arena;

  constructor(memory: ProgramMemory, arena: Arena, shape: MapShape, handle: number) {
    this.memory = memory;
    this.shape = shape;
    this.handle = handle;
    this.values = handle + MAP_HEADER_SIZE;
    this.#arena = arena;
  }

  set length(length: number) {
    this.memory.setWord(this.handle + MAP_HEADER_LENGTH, length);
  }

  free(): void {
    this.memory.bytes(this.handle, MAP_HEADER_SIZE).fill(0);
    this.#arena.release(this.handle);
  }
}

/** A map's header with `size` zero bytes behind it; undefined when the arena has no room. */
export function takeBlock(
  memory: ProgramMemory,
  arena: Arena,
  shape: MapShape,
  size: number,
  stride: number,
): Block | undefined {
  if (size > arena.capacity) return undefined;
  const handle = arena.take(MAP_HEADER_SIZE + size, MAP_HEADER_SIZE);
  if (handle === undefined) return undefined;
  const block = new Block(memory, arena, shape, handle);
  const words: readonly (readonly [number, number])[] = [
    [MAP_HEADER_TYPE, shape.type],
    [MAP_HEADER_KEY_SIZE, shape.keySize],
    [MAP_HEADER_VALUE_SIZE, shape.valueSize],
    [MAP_HEADER_MAX_ENTRIES, shape.maxEntries],
    [MAP_HEADER_FLAGS, shape.flags],
    [MAP_HEADER_VALUES, block.values],
    [MAP_HEADER_STRIDE, stride],
    [MAP_HEADER_MAGIC, MAP_MAGIC],
  ];
  for (const [at, word] of words) memory.setWord(handle + at, word);
  return block;
}
