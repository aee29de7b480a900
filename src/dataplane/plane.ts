/** A dataplane: an engine, the controller that fills its maps, and the words for what it did. */
import { FRAME_MAX } from "../../abi/limits.ts";
import { VERDICT_ABORTED, VERDICT_DROP } from "../../abi/verdict.ts";
import type { ObjectSet } from "../control/kubernetes.ts";
import { formatEndpoint } from "../packet/address.ts";
import { tupleOf } from "../packet/parse.ts";
import { admitted } from "./admission.ts";
import { type BatchOwner, createBatch } from "./batch.ts";
import { createClock, createNanoseconds } from "./clock.ts";
import type {
  ApplyOptions,
  Dataplane,
  DataplaneOptions,
  FrameOptions,
  ProcessOptions,
  ProcessResult,
  Released,
} from "./dataplane.ts";
import {
  type Engine,
  type FrameInput,
  NONE_RELEASED,
  type ReleasedFrame,
  type Retirement,
} from "./engine.ts";
import type { Tuple } from "./entries.ts";
import { ACTIONS, CONNTRACKS, nameOf, REASONS, VERDICTS } from "./event.ts";
import { type Link, linkOf, linkOfSlot } from "./link.ts";
import {
  checkApply,
  checkFrame,
  checkInterface,
  checkNow,
  checkObject,
  cpuOf,
  inputOf,
} from "./options.ts";
import {
  describeProgram,
  mapsWith,
  NAMELESS,
  type Programming,
  type ProgramNames,
} from "./programming.ts";
import type { ControlState } from "./snapshot/control.ts";
import { createSuccession } from "./snapshot/succession.ts";
import { type NumberedService, Statistics } from "./statistics.ts";
import type { Operation, Transaction } from "./transaction.ts";

/** A change that the controller has worked out, and takes as done once the engine has taken it. */
export interface Plan {
  readonly transaction: Transaction;
  /** What its backends give up once it is done. */
  readonly retired: Retirement;
  commit(): void;
}

/** Turns objects into transactions; the control plane's reconciler. */
export interface Controller {
  /** Throws DataplaneError "bad-option" for what is no object set. */
  plan(objects: ObjectSet, engine: { connections(backend: number): number }): Plan;
  /** Gives a row to an interface that has none, if it needs one or is `wanted`. */
  planInterface(name: string, wanted?: boolean): Plan | undefined;
  /** Row of `interfaces`, 0 for a name without one. */
  interfaceRow(name: string): number;
  /** "ns/name:port". */
  serviceName(service: number): string | undefined;
  /** "ip:port". */
  backendName(backend: number): string | undefined;
  /** Those that only keep old connections included. */
  services(): Iterable<NumberedService>;
  /** What it knows of the maps, and taking over what another one knew. */
  save(): ControlState;
  load(state: ControlState): void;
}

export function createPlane(
  engine: Engine,
  controller: Controller,
  options: DataplaneOptions,
  programming: Programming,
): Dataplane {
  const defaultLink = linkOf(options.linkType ?? "ethernet");
  const [clock, nanoseconds] = [createClock(), createNanoseconds()];
  /** Backend number -> number of its service port. */
  const serviceOf = new Map<number, number>();
  const describe = createDescriber(engine, controller, serviceOf, programming.names);
  const describeReleased = createReleasedDescriber(describe);
  const statistics = new Statistics(engine);

  function carryOut(plan: Plan): Transaction {
    const settle = statistics.prepare(plan.transaction);
    engine.commit(plan.transaction);
    plan.commit();
    settle();
    for (const operation of plan.transaction.operations) note(serviceOf, operation);
    return plan.transaction;
  }

  function apply(objects: ObjectSet, options: ApplyOptions = {}): Transaction {
    const { keepStaleFlows = false } = checkApply(options);
    const plan = controller.plan(objects, engine);
    const transaction = carryOut(plan);
    engine.retire(keepStaleFlows ? { ...plan.retired, udp: [] } : plan.retired);
    return transaction;
  }

  function interfaceRow(name: string, wanted?: boolean): number {
    const plan = controller.planInterface(name, wanted);
    if (plan) carryOut(plan);
    return controller.interfaceRow(name);
  }

  function resolve(length: number, frame: FrameOptions): { input: FrameInput; link: Link } {
    checkObject(frame, "a frame");
    const link = frame.linkType === undefined ? defaultLink : linkOf(frame.linkType);
    const row = frame.interface === undefined ? 0 : interfaceRow(frame.interface);
    return { input: inputOf(frame, length, { interface: row, link: link.slot }), link };
  }

  /** Engine time of a time, of which programs are told. */
  function begin(now: number, cpu?: number): number {
    const checked = cpuOf(cpu, engine.capacity);
    const time = clock(now);
    programming.begin(time, nanoseconds(now), checked);
    return time;
  }

  function process(frame: Uint8Array, given: ProcessOptions): ProcessResult {
    checkFrame(frame, FRAME_MAX);
    checkNow(given?.now);
    const { input, link } = resolve(frame.length, given);
    const before = tupleOf(frame, link.type, input.wireLength);
    const { outcome, packet, released } = run(frame, input, begin(given.now, given.cpu));
    const event = describe(outcome, packet, { link, wireLength: input.wireLength, before });
    return { verdict: event.verdict, packet, event, released: leaving(released, before) };
  }

  function run(frame: Uint8Array, input: FrameInput, time: number) {
    try {
      return engine.process(frame, input, time);
    } catch (error) {
      throw programming.blame(error);
    } finally {
      programming.settle();
    }
  }

  function leaving(released: readonly ReleasedFrame[], before: Tuple | null): readonly Released[] {
    if (released.length === 0) return NONE_RELEASED;
    return released.map((each) => ({
      packet: each.packet,
      event: describeReleased(each, before),
    }));
  }

  const batch = createBatch(engine.batch, {
    begin,
    settle: programming.settle,
    blame: programming.blame,
    resolve,
    describe,
    describeReleased,
  });
  const clocks = { clock, nanoseconds };
  const parts = { engine, controller, statistics, programming, batch, serviceOf, ...clocks };
  return {
    engine: engine.name,
    maps: mapsWith(admitted(engine.maps, engine.capacity), programming.maps),
    programs: programming.programs,
    hooks: programming.hooks,
    interface: (name) => interfaceRow(checkInterface(name), true),
    batch,
    apply,
    process,
    counters: () => engine.counters(),
    statistics: () => statistics.read(controller.services()),
    flush: () => engine.flush(),
    ...createSuccession({ ...parts, node: options.node }),
  };
}

export function note(serviceOf: Map<number, number>, operation: Operation): void {
  if (operation.map !== "backends") return;
  if (operation.op === "update") serviceOf.set(operation.key, operation.value.service);
  else serviceOf.delete(operation.key);
}

/**
 * Puts names to outcomes. An outcome with a backend leaves it to `serviceOf` to say whose it is; a backend
 * that somebody wrote into the map by hand is known only there.
 */
export function createDescriber(
  { maps }: Pick<Engine, "maps">,
  controller: Controller,
  serviceOf: ReadonlyMap<number, number>,
  names: ProgramNames = NAMELESS,
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
    const event = {
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
    if (outcome.programs === undefined) return event;
    return { ...event, ...describeProgram(outcome.programs, names, maps.interfaces) };
  };
}

/**
 * A fragment that was held came with the addresses of the one that has let it go, which is of the same datagram;
 * its ports, if it had them, the engine has noted.
 */
export function createReleasedDescriber(
  describe: BatchOwner["describe"],
): BatchOwner["describeReleased"] {
  return ({ outcome, packet, link: slot, sport, dport }, datagram) => {
    const link = linkOfSlot(slot);
    const proto = tupleOf(packet, link.type)?.proto;
    const before = datagram && proto ? { ...datagram, sport, dport, proto } : null;
    return describe(outcome, packet, { link, wireLength: packet.length, before });
  };
}
