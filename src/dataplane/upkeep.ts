/** The maps kept as the controller wants them, and whose their entries are. */
import type { ObjectSet } from "../control/kubernetes.ts";
import type { Controller, Plan } from "./controller.ts";
import type { ApplyOptions, Dataplane } from "./dataplane.ts";
import { note } from "./describer.ts";
import type { Engine } from "./engine.ts";
import { checkApply } from "./options.ts";
import type { Statistics } from "./statistics.ts";
import type { Transaction } from "./transaction.ts";

export interface Kept {
  readonly engine: Engine;
  readonly controller: Controller;
  readonly statistics: Statistics;
  /** Backend number -> number of its service port. */
  readonly serviceOf: Map<number, number>;
}

export interface Upkeep extends Pick<Dataplane, "apply"> {
  /** Row of a device, which is given one if it needs one or is `wanted`; else 0. */
  interfaceRow(name: string, wanted?: boolean): number;
}

export function createUpkeep(kept: Kept): Upkeep {
  const { engine, controller } = kept;
  return {
    apply(objects: ObjectSet, options: ApplyOptions = {}): Transaction {
      const { keepStaleFlows = false } = checkApply(options);
      const plan = controller.plan(objects, engine);
      const transaction = carryOut(kept, plan);
      engine.retire(keepStaleFlows ? { ...plan.retired, udp: [] } : plan.retired);
      return transaction;
    },
    interfaceRow(name, wanted) {
      const plan = controller.planInterface(name, wanted);
      if (plan) carryOut(kept, plan);
      return controller.interfaceRow(name);
    },
  };
}

function carryOut({ engine, statistics, serviceOf }: Kept, plan: Plan): Transaction {
  const settle = statistics.prepare(plan.transaction);
  engine.commit(plan.transaction);
  plan.commit();
  settle();
  for (const operation of plan.transaction.operations) note(serviceOf, operation);
  return plan.transaction;
}
