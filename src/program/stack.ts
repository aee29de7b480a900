/**
 * The stack that a C compiler's program has in its own memory, beside the one of the engine. A trap unwinds the
 * engine's alone: the frames of the calls it ended would stay here for ever, and the stack would in the end go down
 * over what lies below it.
 */
import type { Ranges } from "./ranges.ts";

/** It grows downwards from a multiple of this. */
const ALIGNMENT = 16;

export interface Stack {
  /** What the program has as `__stack_pointer`. */
  readonly pointer: WebAssembly.Global;
  /** Where it stands now is where it stands whenever nobody is in the program. */
  keep(): void;
  /** To be called when somebody has left the program by a trap. */
  rewind(): void;
}

/** One that begins where the program's memory ends. */
export function createStack({ memory, size }: Pick<Ranges, "memory" | "size">): Stack {
  const end = memory + size;
  let kept = (end - (end % ALIGNMENT)) | 0;
  const pointer = new WebAssembly.Global({ value: "i32", mutable: true }, kept);
  return {
    pointer,
    keep() {
      kept = pointer.value;
    },
    rewind() {
      pointer.value = kept;
    },
  };
}
