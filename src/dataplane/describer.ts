/** Events in words: what the numbers of an outcome are called. */
import { VERDICT_ABORTED, VERDICT_DROP } from "../../abi/verdict.ts";
import { formatEndpoint } from "../packet/address.ts";
import { tupleOf } from "../packet/parse.ts";
import type { Controller } from "./controller.ts";
import type { Engine } from "./engine.ts";
import { ACTIONS, CONNTRACKS, nameOf, REASONS, VERDICTS } from "./event.ts";
import { linkOfSlot } from "./link.ts";
import type { BatchOwner } from "./owner.ts";
import { describeProgram, NAMELESS, type ProgramNames } from "./programming.ts";
import type { Operation } from "./transaction.ts";

/** `serviceOf` has the service ports of backends by their numbers. */
export function note(serviceOf: Map<number, number>, operation: Operation): void {
  if (operation.map !== "backends") return;
  if (operation.op === "update") serviceOf.set(operation.key, operation.value.service);
  else serviceOf.delete(operation.key);
}

export function createDescribers(
  engine: Pick<Engine, "maps">,
  controller: Controller,
  serviceOf: ReadonlyMap<number, number>,
  names: ProgramNames = NAMELESS,
): Pick<BatchOwner, "describe" | "describeReleased"> {
  const describe = createDescriber(engine, controller, serviceOf, names);
  return { describe, describeReleased: createReleasedDescriber(describe) };
}

/**
 * Puts names to outcomes. An outcome with a backend leaves it to `serviceOf` to say whose it is; a backend
 * that somebody wrote into the map by hand is known only there.
 */
function createDescriber(
  { maps }: Pick<Engine, "maps">,
  controller: Controller,
  serviceOf: ReadonlyMap<number, number>,
  names: ProgramNames,
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
function createReleasedDescriber(describe: BatchOwner["describe"]): BatchOwner["describeReleased"] {
  return ({ outcome, packet, link: slot, sport, dport }, datagram) => {
    const link = linkOfSlot(slot);
    const proto = tupleOf(packet, link.type)?.proto;
    const before = datagram && proto ? { ...datagram, sport, dport, proto } : null;
    return describe(outcome, packet, { link, wireLength: packet.length, before });
  };
}
