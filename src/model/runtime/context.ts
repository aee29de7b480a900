/** The context of a packet: what programs are called with, and what they leave in it. */
import {
  CTX_BACKEND,
  CTX_DATA,
  CTX_DATA_END,
  CTX_ENDED,
  CTX_FLAGS,
  CTX_INTERFACE,
  CTX_LENGTH,
  CTX_LINK,
  CTX_MARK,
  CTX_OUT,
  CTX_OUTCOME,
  CTX_PRIORITY,
  CTX_SERVICE,
  CTX_SIZE,
  CTX_SLOT,
  CTX_TAIL,
  CTX_WIRE_LENGTH,
} from "../../../abi/program.ts";
import type { FrameInput, Outcome } from "../../dataplane/engine.ts";
import type { ProgramMemory } from "./maps/memory.ts";

/** DESC_FLAG_ of the descriptors, and OUT_FLAG_: the node itself sends the packet, wants a backend; a new source. */
const FLAG_LOCAL = 1;
const FLAG_BACKEND = 2;
const OUT_MASQUERADE = 1;

/** Bytes of a frame, from the first one to the one behind the last. */
export interface Extent {
  readonly data: number;
  readonly dataEnd: number;
}

export class Context {
  /** Its address, by which programs have it. */
  readonly at: number;
  readonly #memory: ProgramMemory;

  /** Whatever stands there. A program may hand in any number, so that every access can trap. */
  constructor(memory: ProgramMemory, at: number) {
    this.#memory = memory;
    this.at = at >>> 0;
  }

  /** A field of 32 bits. */
  read(field: number): number {
    return this.#memory.word(this.at + field);
  }

  write(field: number, value: number): void {
    this.#memory.setWord(this.at + field, value);
  }

  get extent(): Extent {
    return { data: this.read(CTX_DATA), dataEnd: this.read(CTX_DATA_END) };
  }

  set extent({ data, dataEnd }: Extent) {
    this.write(CTX_DATA, data);
    this.write(CTX_DATA_END, dataEnd);
    this.write(CTX_LENGTH, dataEnd - data);
  }

  /** The frame itself, no copy. */
  get frame(): Uint8Array {
    const { data, dataEnd } = this.extent;
    return this.#memory.bytes(data, Math.max(dataEnd - data, 0));
  }

  /** LINK_SLOT_ number. */
  get link(): number {
    return this.#memory.bytes(this.at + CTX_LINK, 1)[0] as number;
  }

  /** What is known of the packet beside its bytes, as programs have left it. */
  get input(): FrameInput {
    const [low, high, flags] = this.#memory.bytes(this.at + CTX_INTERFACE, 3);
    return {
      interface: (low as number) + (high as number) * 256,
      local: ((flags as number) & FLAG_LOCAL) !== 0,
      link: this.link,
      wireLength: Math.max(this.read(CTX_WIRE_LENGTH), this.frame.length),
      mark: this.read(CTX_MARK),
      priority: this.read(CTX_PRIORITY),
      backend: (flags as number) & FLAG_BACKEND ? this.read(CTX_BACKEND) : 0,
    };
  }

  /** What a program wants of service NAT. */
  want(backend: number): void {
    const flags = this.#memory.bytes(this.at + CTX_FLAGS, 1);
    flags[0] = (flags[0] as number) | FLAG_BACKEND;
    this.write(CTX_BACKEND, backend);
  }

  /** As every context begins. `slot` is the number of the packet. */
  begin(slot: number, extent: Extent, input: FrameInput): void {
    this.bytes.fill(0);
    this.extent = extent;
    this.write(CTX_WIRE_LENGTH, Math.max(input.wireLength, extent.dataEnd - extent.data));
    const flags = input.local ? FLAG_LOCAL : 0;
    const row = [input.interface & 0xff, input.interface >>> 8];
    this.bytes.set([...row, flags, input.link], CTX_INTERFACE);
    this.write(CTX_MARK, input.mark);
    this.write(CTX_PRIORITY, input.priority);
    this.write(CTX_SLOT, slot);
  }

  /** What service NAT has said. */
  note({ verdict, action, reason, conntrack, service, backend, masquerade }: Outcome): void {
    this.bytes.set([verdict, action, reason, conntrack], CTX_OUTCOME);
    this.write(CTX_SERVICE, service);
    this.write(CTX_BACKEND, backend);
    this.write(CTX_OUT, masquerade ? OUT_MASQUERADE : 0);
  }

  /** Forgets what the link before has said by way of the context. */
  clearAnswer(): void {
    this.write(CTX_ENDED, 0);
    this.write(CTX_TAIL, 0);
  }

  /** All of it, no copy. */
  get bytes(): Uint8Array {
    return this.#memory.bytes(this.at, CTX_SIZE);
  }
}
