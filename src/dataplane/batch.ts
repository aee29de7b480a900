/** The batch as others have it: checked, with link types, names and tuples around an engine's numbers. */
import type { Batch } from "./dataplane.ts";
import type { EngineBatch } from "./engine.ts";
import { badOption } from "./error.ts";
import { createIntake } from "./intake.ts";
import { checkNow, checkObject } from "./options.ts";
import type { RunningOwner } from "./owner.ts";
import { Results } from "./results.ts";

export function createBatch(batch: EngineBatch, owner: RunningOwner): Batch {
  const { commit, push, passage } = createIntake(batch, owner);
  const results = new Results(batch, owner);
  return {
    capacity: batch.capacity,
    frameCapacity: batch.frameCapacity,
    memory: batch.memory,
    get length() {
      return batch.length;
    },
    frameAt: (index) => batch.frameAt(checkSlot(batch, index)),
    commit,
    push,
    process(now, options = {}) {
      const { events = false, cpu } = checkObject(options, "process");
      checkNow(now);
      const time = owner.begin(now, cpu);
      if (events) results.note(passage);
      run(batch, results, owner, time);
    },
    verdict: (index) => results.verdict(index),
    packet: (index) => results.packet(index),
    event: (index) => results.event(index),
    released: () => results.released(batch.released()),
    clear: () => clear(batch, results),
  };
}

/** After an error nobody knows what became of which frame. */
function run(
  batch: EngineBatch,
  results: Results,
  { blame, settle }: RunningOwner,
  time: number,
): void {
  try {
    batch.process(time);
    results.settle(batch.length);
  } catch (error) {
    clear(batch, results);
    throw blame(error);
  } finally {
    settle();
  }
}

function clear(batch: EngineBatch, results: Results): void {
  batch.clear();
  results.clear();
}

function checkSlot({ capacity }: EngineBatch, index: number): number {
  if (Number.isInteger(index) && index >= 0 && index < capacity) return index;
  throw badOption(`there is no slot ${index}: the batch has ${capacity}`);
}
