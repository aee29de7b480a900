/** Programs as they are called: for one packet, or for many at once. */
import { CTX_ENDED, CTX_TAIL, NEXT, TAIL_CALL, TAIL_CALLS_MAX } from "../../../abi/program.ts";
import { VERDICT_LENGTH } from "../../../abi/verdict.ts";
import { Context } from "./context.ts";
import type { ProgramMemory } from "./maps/memory.ts";
import type { Moment } from "./moment.ts";

/** What programs run in. */
export interface Machine {
  readonly memory: ProgramMemory;
  readonly table: WebAssembly.Table;
  readonly moment: Moment;
  /** Where contexts are put together. */
  readonly gathered: number;
}

/** How it went with the packets of one call, in their order. */
export interface Said {
  /** A verdict, or NEXT; undefined for those that a program had no word about when it trapped. */
  readonly verdicts: readonly (number | undefined)[];
  /** Programs that were called by `tail_call`. */
  readonly tailCalls: number;
  /** What the program has thrown; undefined when it has not. */
  readonly trap: { readonly error: unknown } | undefined;
}

/** Calls the program at `entry`, and those it hands the packet over to. */
export function runPacket(machine: Machine, entry: number, context: Context): Said {
  const { moment } = machine;
  moment.tailCalls = TAIL_CALLS_MAX;
  context.clearAnswer();
  const followed = () => TAIL_CALLS_MAX - moment.tailCalls;
  try {
    let said = call(machine, entry, context.at);
    while (said === TAIL_CALL && context.read(CTX_TAIL) !== 0) {
      const place = context.read(CTX_TAIL);
      context.write(CTX_TAIL, 0);
      moment.tailCalls--;
      said = call(machine, place, context.at);
    }
    const verdict = isVerdict(said) ? said : NEXT;
    return { verdicts: [verdict], tailCalls: followed(), trap: undefined };
  } catch (error) {
    return { verdicts: [undefined], tailCalls: followed(), trap: { error } };
  }
}

/** Calls the program at `entry` once, for packets whose contexts it finds one behind the other. */
export function runBatch(machine: Machine, entry: number, contexts: readonly Context[]): Said {
  machine.moment.tailCalls = 0;
  const gathered = gather(machine, contexts);
  let trap: Said["trap"];
  try {
    call(machine, entry, machine.gathered, contexts.length);
  } catch (error) {
    trap = { error };
  }
  for (const [index, context] of contexts.entries()) {
    context.bytes.set((gathered[index] as Context).bytes);
  }
  const unsaid = trap === undefined ? NEXT : undefined;
  const verdicts = contexts.map((context) => {
    const verdict = context.read(CTX_ENDED) - 1;
    return isVerdict(verdict) ? verdict : unsaid;
  });
  return { verdicts, tailCalls: 0, trap };
}

/** Copies of the contexts, put together. */
function gather({ memory, gathered }: Machine, contexts: readonly Context[]): Context[] {
  return contexts.map((context, index) => {
    context.clearAnswer();
    const copy = new Context(memory, gathered + index * context.bytes.length);
    copy.bytes.set(context.bytes);
    return copy;
  });
}

function call({ table }: Machine, place: number, ...given: readonly number[]): number {
  return table.get(place)(...given);
}

function isVerdict(number: number): boolean {
  return number >= 0 && number < VERDICT_LENGTH;
}
