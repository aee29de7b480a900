/** A dataplane written down, and what another one was taken over by one that goes on from there. */
import type { Clock } from "../clock.ts";
import type { Batch, Dataplane } from "../dataplane.ts";
import type { Engine } from "../engine.ts";
import type { Programming } from "../programming.ts";
import type { Statistics } from "../statistics.ts";
import type { ControlState } from "./control.ts";
import { demandRoom } from "./room.ts";
import { read, write } from "./snapshot.ts";

/** The parts of a dataplane. */
export interface Parts {
  readonly engine: Engine;
  readonly controller: { save(): ControlState; load(state: ControlState): void };
  readonly statistics: Statistics;
  readonly programming: Programming;
  readonly batch: Batch;
  readonly clock: Clock;
  readonly nanoseconds: Clock;
  /** Backend number -> number of its service port. */
  readonly serviceOf: Map<number, number>;
  readonly node: string | undefined;
}

export function createSuccession(parts: Parts): Pick<Dataplane, "snapshot" | "restore"> {
  return { snapshot: () => snapshot(parts), restore: (bytes) => restore(parts, bytes) };
}

function snapshot(parts: Parts): Uint8Array {
  const { engine, node, controller, statistics, programming } = parts;
  return write({
    engine,
    node,
    clock: parts.clock.save(),
    nanoseconds: parts.nanoseconds.save(),
    control: controller.save(),
    accounts: statistics.save(),
    programming: programming.save(),
  });
}

/** Everything that can be refused is asked before anything is changed; maps of one's own come or go together. */
function restore(parts: Parts, bytes: Uint8Array): void {
  const { engine, programming, clock, nanoseconds } = parts;
  const { state, entries, control, accounts, ...content } = read(bytes);
  demandRoom(state, entries, engine.capacity);
  programming.load(content.programming);
  engine.load(state, entries);
  parts.batch.clear();
  parts.controller.load(control);
  parts.statistics.load(control.servicePorts, accounts);
  noteOwners(parts.serviceOf, control);
  clock.load(content.clock);
  nanoseconds.load(content.nanoseconds);
  programming.begin(content.clock.latest, content.nanoseconds.latest, 0);
}

function noteOwners(serviceOf: Map<number, number>, { servicePorts }: ControlState): void {
  serviceOf.clear();
  for (const { backends } of servicePorts)
    for (const { number, value } of backends) serviceOf.set(number, value.service);
}
