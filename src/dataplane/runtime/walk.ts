/**
 * The walk through the chains, and where the contexts of its packets stand. A frame that is to walk is described in its
 * context from the beginning, so that nothing is copied: the first half of a context is a descriptor.
 */
import * as layout from "../../../abi/program.ts";
import { NOTE_FATE, NOTE_LINK, NOTE_SIZE } from "../../../abi/runtime.ts";
import { VERDICT_DROP, VERDICT_REDIRECT } from "../../../abi/verdict.ts";
import type { Outcome } from "../engine.ts";
import {
  type Chains,
  isServiceNatAlone,
  type ProgramOutcome,
  SERVICE_NAT_ALONE,
} from "../runtime.ts";
import type { RuntimeExports } from "./module.ts";
import type { Tallies } from "./tally.ts";
import { type Turn, take } from "./turn.ts";

/** Packets whose contexts stand one behind the other, and whose frames have places of one size. */
export interface Call {
  /** Of the first. */
  readonly slot: number;
  readonly count: number;
  /** Where the first frame has come, bytes from there to the next one's place, and most bytes of a frame. */
  readonly frame: number;
  readonly stride: number;
  readonly room: number;
}

export interface WalkParts {
  readonly exports: RuntimeExports;
  readonly memory: WebAssembly.Memory;
  readonly slots: number;
  readonly tallies: Tallies;
  /** Fragments that the last walk has let go. */
  releasedLength(): number;
  /** Counts the changes of rings. */
  ringRevision(): number;
}

/** Where the context of a slot has been left: nowhere, where it was, or among those that were parked. */
const [NOWHERE, HOME, PARKED] = [0, 1, 2];
const WORDS = layout.CTX_SIZE / 4;

export class Walk {
  readonly #parts: WalkParts;
  readonly #exports: RuntimeExports;
  readonly #words: Uint32Array;
  /** As indices of words. */
  readonly #contexts: number;
  readonly #parked: number;
  readonly #notes: number;
  /** By slot: NOWHERE, HOME or PARKED. */
  readonly #places: Uint8Array;
  #chains!: Chains;
  #ingress!: readonly Turn[];
  #egress!: readonly Turn[];
  #active = false;
  #ringRevision = 0;
  /** Whether a slot may have a place. */
  #isPlaced = false;

  constructor(parts: WalkParts) {
    const { exports, memory, slots } = parts;
    this.#parts = parts;
    this.#exports = exports;
    this.#words = new Uint32Array(memory.buffer);
    [this.#contexts, this.#parked, this.#notes] = [
      exports.contexts,
      exports.parked,
      exports.notes,
    ].map(({ value }) => (value >>> 0) / 4) as [number, number, number];
    this.#places = new Uint8Array(slots);
    this.install(SERVICE_NAT_ALONE);
  }

  /** Whether there is more in the way of packets than service NAT, or less. */
  get active(): boolean {
    return this.#active;
  }

  install(chains: Chains): void {
    const { tallies } = this.#parts;
    const turnsOf = (steps: Chains["ingress"]): Turn[] =>
      steps.map((step) => ({ ...step, tally: tallies.of(step.link) }));
    tallies.assign([...chains.ingress, ...chains.egress].map(({ link }) => link));
    this.#chains = chains;
    this.#ingress = turnsOf(chains.ingress);
    this.#egress = turnsOf(chains.egress);
    this.#active = !isServiceNatAlone(chains);
  }

  /** Where, as an index of words, the context of a frame to come is to be written. */
  contextOf(slot: number): number {
    return this.#contexts + slot * WORDS;
  }

  /** `now` is the module's time. Returns how many fragments were let go. */
  run({ slot, count, frame, stride, room }: Call, now: number): number {
    this.#forgetRings();
    this.#exports.open(slot, count, frame, stride, room, now);
    this.#isPlaced = true;
    if (this.#takeIngress()) {
      this.#places.fill(HOME, slot, slot + count);
      return 0;
    }
    if (this.#egress.length > 0) this.#takeEgress();
    const place = this.#exports.settle() === 0 ? HOME : PARKED;
    const released = this.#parts.releasedLength();
    this.#places.fill(place, slot, slot + count + released);
    return released;
  }

  #forgetRings(): void {
    const revision = this.#parts.ringRevision();
    if (this.#ringRevision === revision) return;
    this.#ringRevision = revision;
    this.#exports.forgetRings();
  }

  /** True when nothing is left to be done, and nothing was let go. */
  #takeIngress(): boolean {
    const last = this.#egress.length === 0 ? this.#ingress.length - 1 : -1;
    for (let i = 0; i < this.#ingress.length; i++) {
      if (take(this.#exports, this.#chains, this.#ingress[i] as Turn, i === last)) return true;
    }
    return false;
  }

  #takeEgress(): void {
    this.#exports.turn();
    for (const turn of this.#egress) take(this.#exports, this.#chains, turn, false);
  }

  /** Packets have gone without a walk. */
  skip(slot: number, count: number): void {
    if (this.#isPlaced) this.#places.fill(NOWHERE, slot, slot + count);
  }

  /** Where, as an index of words, the context is that a slot's walk has left; 0 when it has had none. */
  finalOf(slot: number): number {
    const place = this.#places[slot];
    if (place === NOWHERE) return 0;
    return (place === PARKED ? this.#parked : this.#contexts) + slot * WORDS;
  }

  /** Adds what programs have done to the outcome of a slot, if its packet has had a walk. */
  annotate(slot: number, outcome: Outcome): Outcome {
    const context = this.finalOf(slot);
    if (context !== 0) outcome.programs = this.#read(slot, context, outcome.verdict);
    return outcome;
  }

  #read(slot: number, context: number, verdict: number): ProgramOutcome {
    const note = this.#notes + (slot * NOTE_SIZE) / 4;
    // When nobody has ended, nothing may be noted.
    const isNoted = this.#places[slot] === PARKED;
    const word = (index: number) => this.#words[index] as number;
    const fate = isNoted ? word(note + NOTE_FATE / 4) : 0;
    return {
      link: isNoted ? word(note + NOTE_LINK / 4) : 0,
      reason: fate !== 0 && fate - 1 <= VERDICT_DROP ? word(context + layout.CTX_REASON / 4) : 0,
      mark: word(context + layout.CTX_MARK / 4),
      priority: word(context + layout.CTX_PRIORITY / 4),
      redirect: verdict === VERDICT_REDIRECT ? word(context + layout.CTX_REDIRECT / 4) : 0,
    };
  }
}
