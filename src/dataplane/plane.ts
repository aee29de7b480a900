/** A dataplane: an engine, the controller that fills its maps, and the words for what it did. */
import { FRAME_MAX } from "../../abi/limits.ts";
import { VERDICT_ABORTED, VERDICT_DROP } from "../../abi/verdict.ts";
import type { ObjectSet } from "../control/kubernetes.ts";
import { tupleOf } from "../packet/parse.ts";
import type {
  Batch,
  Dataplane,
  DataplaneOptions,
  FrameOptions,
  ProcessOptions,
  ProcessResult,
} from "./dataplane.ts";
import type { Engine, FrameInput, Outcome } from "./engine.ts";
import type { Tuple } from "./entries.ts";
import { DataplaneError } from "./error.ts";
import { ACTIONS, CONNTRACKS, type PacketEvent, REASONS, VERDICTS } from "./event.ts";
import { type Link, linkOf } from "./link.ts";
import { checkFrame, checkNow, wireLengthOf } from "./options.ts";
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

/** What is noted of a frame before it is processed. */
interface Passage {
  readonly link: Link;
  readonly wireLength: number;
  readonly before: Tuple | null;
}

export function createPlane(
  engine: Engine,
  controller: Controller,
  options: DataplaneOptions,
): Dataplane {
  const defaultLink = linkOf(options.linkType ?? "ethernet");
  const clock = createClock();
  const serviceOf = new Map<number, number>();

  function note(operation: Operation): void {
    if (operation.map !== "backends") return;
    if (operation.op === "update") serviceOf.set(operation.key, operation.value.service);
    else serviceOf.delete(operation.key);
  }

  function carryOut(plan: Plan): Transaction {
    engine.commit(plan.transaction);
    plan.commit();
    plan.transaction.operations.forEach(note);
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

  function describe(
    outcome: Outcome,
    packet: Uint8Array,
    { link, wireLength, before }: Passage,
  ): PacketEvent {
    const service = outcome.service || (serviceOf.get(outcome.backend) ?? 0);
    const gone = outcome.verdict === VERDICT_DROP || outcome.verdict === VERDICT_ABORTED;
    return {
      verdict: nameOf(VERDICTS, outcome.verdict),
      action: nameOf(ACTIONS, outcome.action),
      reason: REASONS[outcome.reason] ?? null,
      conntrack: nameOf(CONNTRACKS, outcome.conntrack),
      service: controller.serviceName(service) ?? null,
      backend: controller.backendName(outcome.backend) ?? null,
      masquerade: outcome.masquerade,
      before,
      after: gone ? null : tupleOf(packet, link.type, Math.max(wireLength, packet.length)),
    };
  }

  function process(frame: Uint8Array, given: ProcessOptions): ProcessResult {
    checkFrame(frame, FRAME_MAX);
    checkNow(given.now);
    const { input, link } = resolve(frame.length, given);
    const before = tupleOf(frame, link.type, input.wireLength);
    const { outcome, packet } = engine.process(frame, input, clock(given.now));
    const event = describe(outcome, packet, { link, wireLength: input.wireLength, before });
    return { verdict: event.verdict, packet, event };
  }

  return {
    engine: engine.name,
    maps: engine.maps,
    batch: createBatch(engine, clock, resolve, describe),
    apply: (objects) => carryOut(controller.plan(objects, engine)),
    process,
    counters: () => engine.counters(),
    flush: () => engine.flush(),
  };
}

function nameOf<Name>(names: readonly Name[], index: number): Name {
  return names[index] as Name;
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

function createBatch(
  { batch }: Engine,
  clock: (now: number) => number,
  resolve: (length: number, frame: FrameOptions) => { input: FrameInput; link: Link },
  describe: (outcome: Outcome, packet: Uint8Array, passage: Passage) => PacketEvent,
): Batch {
  const frames: { link: Link; wireLength: number }[] = [];
  let passages: Passage[] = [];

  function commit(bytes: number, options: FrameOptions = {}): number {
    const { input, link } = resolve(bytes, options);
    const index = batch.length;
    batch.commit(bytes, input);
    frames[index] = { link, wireLength: input.wireLength };
    return index;
  }

  function demandRoom(bytes: number): void {
    if (batch.length >= batch.capacity) {
      throw new DataplaneError(
        "batch-full",
        `the batch holds ${batch.capacity} frames: process and clear it`,
      );
    }
    if (Number.isInteger(bytes) && bytes >= 0 && bytes <= batch.frameCapacity) return;
    throw new DataplaneError(
      "frame-too-large",
      `a frame of ${bytes} bytes does not fit a slot of ${batch.frameCapacity}: raise capacity.frame`,
    );
  }

  function checkIndex(index: number): number {
    if (Number.isInteger(index) && index >= 0 && index < batch.length) return index;
    throw new DataplaneError(
      "bad-option",
      `there is no frame ${index}: the batch has ${batch.length}`,
    );
  }

  function notePassages(): Passage[] {
    return frames.slice(0, batch.length).map((frame, index) => ({
      ...frame,
      before: tupleOf(batch.packet(index), frame.link.type, frame.wireLength),
    }));
  }

  return {
    capacity: batch.capacity,
    frameCapacity: batch.frameCapacity,
    memory: batch.memory,
    get length() {
      return batch.length;
    },
    frameAt: (index) => batch.frameAt(index),
    commit(bytes, options) {
      demandRoom(bytes);
      return commit(bytes, options);
    },
    push(frame, options) {
      checkFrame(frame, FRAME_MAX);
      demandRoom(frame.length);
      batch.memory.set(frame, batch.frameAt(batch.length));
      return commit(frame.length, options);
    },
    process(now, { events = false } = {}) {
      checkNow(now);
      passages = events ? notePassages() : [];
      batch.process(clock(now));
    },
    verdict: (index) => nameOf(VERDICTS, batch.outcome(checkIndex(index)).verdict),
    packet: (index) => batch.packet(checkIndex(index)),
    event(index) {
      const passage = passages[checkIndex(index)];
      if (passage) return describe(batch.outcome(index), batch.packet(index), passage);
      throw new DataplaneError("events-off", "call process(now, { events: true }) to read events");
    },
    clear() {
      batch.clear();
      passages = [];
    },
  };
}
