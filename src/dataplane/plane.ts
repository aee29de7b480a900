/** A dataplane: an engine, the controller that fills its maps, and the words for what it did. */
import { admitted } from "./admission.ts";
import { createBatch } from "./batch.ts";
import { type Clock, createClock, createNanoseconds } from "./clock.ts";
import type { Controller } from "./controller.ts";
import { createCrossing } from "./crossing.ts";
import type { Capacity, Dataplane, DataplaneOptions } from "./dataplane.ts";
import { createDescribers } from "./describer.ts";
import type { Engine } from "./engine.ts";
import { linkOf } from "./link.ts";
import { checkInterface, cpuOf } from "./options.ts";
import type { BatchOwner, RunningOwner } from "./owner.ts";
import { mapsWith, type Programming } from "./programming.ts";
import { createResolver } from "./resolver.ts";
import { createSuccession } from "./snapshot/succession.ts";
import { Statistics } from "./statistics.ts";
import { createUpkeep } from "./upkeep.ts";

export function createPlane(
  engine: Engine,
  controller: Controller,
  options: DataplaneOptions,
  programming: Programming,
): Dataplane {
  const clocks = { clock: createClock(), nanoseconds: createNanoseconds() };
  const statistics = new Statistics(engine);
  const kept = { engine, controller, statistics, serviceOf: new Map<number, number>() };
  const upkeep = createUpkeep(kept);
  const owner: RunningOwner = {
    begin: createBeginning(engine.capacity, clocks, programming),
    resolve: createResolver(linkOf(options.linkType ?? "ethernet"), upkeep.interfaceRow),
    settle: programming.settle,
    blame: programming.blame,
    ...createDescribers(engine, controller, kept.serviceOf, programming.names),
  };
  const batch = createBatch(engine.batch, owner);
  return {
    engine: engine.name,
    maps: mapsWith(admitted(engine.maps, engine.capacity), programming.maps),
    programs: programming.programs,
    hooks: programming.hooks,
    interface: (name) => upkeep.interfaceRow(checkInterface(name), true),
    batch,
    apply: upkeep.apply,
    process: createCrossing(engine, owner),
    counters: () => engine.counters(),
    statistics: () => statistics.read(controller.services()),
    flush: () => engine.flush(),
    ...createSuccession({ ...kept, ...clocks, programming, batch, node: options.node }),
  };
}

/** Engine time of a time, of which programs are told. */
function createBeginning(
  capacity: Capacity,
  { clock, nanoseconds }: Readonly<Record<"clock" | "nanoseconds", Clock>>,
  programming: Programming,
): BatchOwner["begin"] {
  return (now, cpu) => {
    const checked = cpuOf(cpu, capacity);
    const time = clock(now);
    programming.begin(time, nanoseconds(now), checked);
    return time;
  };
}
