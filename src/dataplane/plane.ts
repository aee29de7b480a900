/** A dataplane: an engine, the controller that fills its maps, and the words for what it did. */
import { FRAME_MAX } from "../../abi/limits.ts";
import { VERDICT_ABORTED, VERDICT_DROP } from "../../abi/verdict.ts";
import type { ObjectSet } from "../control/kubernetes.ts";
import { formatEndpoint } from "../packet/address.ts";
import { tupleOf } from "../packet/parse.ts";
import { admitted } from "./admission.ts";
import { type BatchOwner, createBatch } from "./batch.ts";
import type {
  Dataplane,
  DataplaneOptions,
  FrameOptions,
  ProcessOptions,
  ProcessResult,
} from "./dataplane.ts";
import type { Engine, FrameInput } from "./engine.ts";
import { ACTIONS, CONNTRACKS, nameOf, REASONS, VERDICTS } from "./event.ts";
import { type Link, linkOf } from "./link.ts";
import { checkFrame, checkNow, checkObjects, wireLengthOf } from "./options.ts";
import type { Operation, Transaction } from "./transaction.ts";

/** A change that the controller has worked out, and takes as done once the engine has taken it. */
interface Plan {
  readonly transaction: Transaction;
  commit(): void;
}

/** Turns objects into transactions; the control plane's reconciler. */
export interface Controller {
  plan(objects: ObjectSet, engine: { connections(backend: number): number }): Plan;
  /** Gives a row to an interface that needs one and has none. */
  planInterface(name: string): Plan | undefined;
  /** Row of `interfaces`, 0 for a name without one. */
  interfaceRow(name: string): number;
  /** "ns/name:port". */
  serviceName(service: number): string | undefined;
  /** "ip:port". */
  backendName(backend: number): string | undefined;
}

export function createPlane(
  engine: Engine,
  controller: Controller,
  options: DataplaneOptions,
): Dataplane {
  const defaultLink = linkOf(options.linkType ?? "ethernet");
  const clock = createClock();
  /** Backend number -> number of its service port. */
  const serviceOf = new Map<number, number>();
  const describe = createDescriber(engine, controller, serviceOf);

  function carryOut(plan: Plan): Transaction {
    engine.commit(plan.transaction);
    plan.commit();
    for (const operation of plan.transaction.operations) note(serviceOf, operation);
    return plan.transaction;
  }

  function interfaceRow(name: string): number {
    const plan = controller.planInterface(name);
    if (plan) carryOut(plan);
    return controller.interfaceRow(name);
  }

  function resolve(length: number, frame: FrameOptions): { input: FrameInput; link: Link } {
    const link = frame.linkType === undefined ? defaultLink : linkOf(frame.linkType);
    const input = {
      interface: frame.interface === undefined ? 0 : interfaceRow(frame.interface),
      local: frame.local === true,
      wireLength: wireLengthOf(frame, length),
      link: link.slot,
    };
    return { input, link };
  }

  function process(frame: Uint8Array, given: ProcessOptions): ProcessResult {
    checkFrame(frame, FRAME_MAX);
    checkNow(given?.now);
    const { input, link } = resolve(frame.length, given);
    const before = tupleOf(frame, link.type, input.wireLength);
    const { outcome, packet } = engine.process(frame, input, clock(given.now));
    const event = describe(outcome, packet, { link, wireLength: input.wireLength, before });
    return { verdict: event.verdict, packet, event };
  }

  return {
    engine: engine.name,
    maps: admitted(engine.maps, engine.capacity),
    batch: createBatch(engine.batch, { clock, resolve, describe }),
    apply: (objects) => carryOut(controller.plan(checkObjects(objects), engine)),
    process,
    counters: () => engine.counters(),
    flush: () => engine.flush(),
  };
}

function note(serviceOf: Map<number, number>, operation: Operation): void {
  if (operation.map !== "backends") return;
  if (operation.op === "update") serviceOf.set(operation.key, operation.value.service);
  else serviceOf.delete(operation.key);
}

/**
 * Puts names to outcomes. An outcome with a backend leaves it to `serviceOf` to say whose it is; a backend
 * that somebody wrote into the map by hand is known only there.
 */
function createDescriber(
  { maps }: Engine,
  controller: Controller,
  serviceOf: ReadonlyMap<number, number>,
): BatchOwner["describe"] {
  const ownerOf = (backend: number) =>
    serviceOf.get(backend) ?? maps.backends.lookup(backend)?.service ?? 0;
  const backendName = (backend: number) => {
    const entry = serviceOf.has(backend) ? undefined : maps.backends.lookup(backend);
    return entry ? formatEndpoint(entry.address, entry.port) : controller.backendName(backend);
  };
  return (outcome, packet, { link, wireLength, before }) => {
    const service = outcome.service || ownerOf(outcome.backend);
    const gone = outcome.verdict === VERDICT_DROP || outcome.verdict === VERDICT_ABORTED;
    return {
      verdict: nameOf(VERDICTS, outcome.verdict),
      action: nameOf(ACTIONS, outcome.action),
      reason: REASONS[outcome.reason] ?? null,
      conntrack: nameOf(CONNTRACKS, outcome.conntrack),
      service: controller.serviceName(service) ?? null,
      backend: backendName(outcome.backend) ?? null,
      masquerade: outcome.masquerade,
      before,
      after: gone ? null : tupleOf(packet, link.type, Math.max(wireLength, packet.length)),
    };
  };
}

/** Engine time: whole milliseconds since the first time seen, never backwards. */
function createClock(): (now: number) => number {
  let epoch: number | undefined;
  let latest = 0;
  return (now) => {
    epoch ??= Math.floor(now);
    latest = Math.max(latest, Math.floor(now) - epoch);
    return latest;
  };
}
