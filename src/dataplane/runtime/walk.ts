/**
 * The walk through the chains: one call into the module for each link and batch. What a program throws comes out
 * here, and the module goes on behind the packet that it had.
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
  type Step,
} from "../runtime.ts";
import type { RuntimeExports } from "./module.ts";
import type { Tallies, Tally } from "./tally.ts";

/** Packets whose descriptors stand one behind the other. */
export interface Call {
  /** Of the first. */
  readonly slot: number;
  readonly descriptors: number;
  readonly count: number;
  /** Most bytes of a frame. */
  readonly room: number;
}

export interface Walk {
  /** Whether there is more in the way of packets than service NAT, or less. */
  readonly active: boolean;
  /** `now` is the module's time. */
  run(call: Call, now: number): void;
  /** Packets have gone without a walk. */
  skip(slot: number, count: number): void;
  /** Where, as an index of words, the context of a slot begins with its descriptor; 0 when it has had no walk. */
  contextOf(slot: number): number;
  /** Adds what programs have done to the outcome of a slot, if its packet has had a walk. */
  annotate(slot: number, outcome: Outcome): Outcome;
  install(chains: Chains): void;
}

/** A step with the place where it is counted. */
type Turn = Step & { readonly tally: Tally };
type ProgramTurn = Extract<Turn, { kind: "program" }>;

interface Note {
  readonly fate: number;
  readonly link: number;
}

const UNENDED: Note = { fate: 0, link: 0 };

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

export function createWalk(parts: WalkParts): Walk {
  const { exports, memory, tallies } = parts;
  const words = new Uint32Array(memory.buffer);
  const notes = exports.notes.value >>> 0;
  /** Where contexts stand when nobody has ended, so that nothing is noted. */
  const contexts = exports.contexts.value >>> 0;
  /** Where the contexts stand that a slot's walk has left, slot 0 first; 0 for a slot without a walk. */
  const places = new Uint32Array(parts.slots);
  let chains: Chains;
  let ingress: readonly Turn[];
  let egress: readonly Turn[];
  let active = false;
  let ringRevision = 0;
  /** Whether a slot may have a place. */
  let isPlaced = false;

  function forgetRings(): void {
    if (ringRevision === parts.ringRevision()) return;
    ringRevision = parts.ringRevision();
    exports.forgetRings();
  }

  /** True when nothing is left to be done. */
  function takeIngress(): boolean {
    const last = egress.length === 0 ? ingress.length - 1 : -1;
    for (let i = 0; i < ingress.length; i++) {
      if (take(ingress[i] as Turn, i === last)) return true;
    }
    return false;
  }

  function takeEgress(): void {
    if (egress.length === 0) return;
    exports.turn();
    for (const turn of egress) take(turn, false);
  }

  function take(turn: Turn, isLast: boolean): boolean {
    const { clock } = chains;
    if (clock === undefined) return carryOut(turn, isLast);
    const began = clock();
    const isOver = carryOut(turn, isLast);
    turn.tally.runTime += clock() - began;
    return isOver;
  }

  function carryOut(turn: Turn, isLast: boolean): boolean {
    if (turn.kind === "service-nat") {
      return exports.translate(turn.tally.address, isLast ? 1 : 0) !== 0;
    }
    if (turn.form === "packet") runEach(turn);
    else runAll(turn);
    return false;
  }

  function runEach({ entry, link, tally: { address } }: ProgramTurn): void {
    for (let isOn = true; isOn; ) {
      try {
        exports.runEach(entry, address, link);
        return;
      } catch (error) {
        exports.trapOne(address);
        isOn = chains.trapped(link, error);
      }
    }
    exports.finish(link);
  }

  function runAll({ entry, link, tally: { address } }: ProgramTurn): void {
    try {
      exports.runAll(entry, address, link);
    } catch (error) {
      exports.trapAll(address);
      chains.trapped(link, error);
      exports.finish(link);
    }
  }

  function install(given: Chains): void {
    tallies.assign([...given.ingress, ...given.egress].map(({ link }) => link));
    const turnOf = (step: Step): Turn => ({ ...step, tally: tallies.of(step.link) });
    chains = given;
    ingress = given.ingress.map(turnOf);
    egress = given.egress.map(turnOf);
    active = !isServiceNatAlone(given);
  }

  install(SERVICE_NAT_ALONE);
  return {
    get active() {
      return active;
    },
    install,
    run({ slot, descriptors, count, room }, now) {
      forgetRings();
      exports.open(slot, descriptors, count, room, now);
      if (!takeIngress()) {
        takeEgress();
        exports.settle();
      }
      places.fill(exports.finals() >>> 0, slot, slot + count + parts.releasedLength());
      isPlaced = true;
    },
    skip(slot, count) {
      if (isPlaced) places.fill(0, slot, slot + count);
    },
    contextOf(slot) {
      const place = places[slot] as number;
      return place === 0 ? 0 : (place + slot * layout.CTX_SIZE) >>> 2;
    },
    annotate(slot, outcome) {
      const place = places[slot] as number;
      if (place !== 0) outcome.programs = read(place, slot, outcome.verdict);
      return outcome;
    },
  };

  function read(place: number, slot: number, verdict: number): ProgramOutcome {
    const { fate, link } = place === contexts ? UNENDED : noteOf(slot);
    const word = (field: number) => words[(place + slot * layout.CTX_SIZE + field) >>> 2] as number;
    return {
      link,
      reason: fate !== 0 && fate - 1 <= VERDICT_DROP ? word(layout.CTX_REASON) : 0,
      mark: word(layout.CTX_MARK),
      priority: word(layout.CTX_PRIORITY),
      redirect: verdict === VERDICT_REDIRECT ? word(layout.CTX_REDIRECT) : 0,
    };
  }

  function noteOf(slot: number): Note {
    const note = (notes + slot * NOTE_SIZE) >>> 2;
    return {
      fate: words[note + NOTE_FATE / 4] as number,
      link: words[note + NOTE_LINK / 4] as number,
    };
  }
}
