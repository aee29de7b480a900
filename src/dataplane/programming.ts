/** What programs bring to a dataplane, as the dataplane sees it; what it is made of stands above. */
import type { Hooks } from "../hook/hook.ts";
import type { MapRegistry } from "../maps/map.ts";
import type { Programs } from "../program/loaded.ts";
import type { Maps } from "./dataplane.ts";
import type { PacketEvent } from "./event.ts";
import type { ProgramOutcome } from "./runtime.ts";
import type { Place } from "./snapshot/damage.ts";

export interface Programming {
  readonly maps: MapRegistry;
  readonly programs: Programs;
  readonly hooks: Hooks;
  readonly names: ProgramNames;
  /** Packets are about to go through: the time in milliseconds of the dataplane's clock, what programs are told. */
  begin(now: number, nanoseconds: number, cpu: number): void;
  /** They have been through. */
  settle(): void;
  /** What is to be thrown for what an engine has thrown: with programs in the way it is theirs. */
  blame(error: unknown): unknown;
  /** What a snapshot has of it: MessagePack. */
  save(): object;
  /**
   * Takes what another one has saved: maps with what is in them. Throws DataplaneError "bad-snapshot", "capacity", and
   * "in-use" where there are maps or programs already; then nothing has changed.
   */
  load(saved: Place): void;
}

export interface ProgramNames {
  /** Of a link by its number; undefined for 0. */
  link(number: number): string | undefined;
  /** Text of a reason; undefined for 0. */
  reason(number: number): string | undefined;
}

/** Where there are no programs. */
export const NAMELESS: ProgramNames = { link: () => undefined, reason: () => undefined };

/** The control plane's maps stand by name as they always have; making and finding others is no key of it. */
export function mapsWith(maps: Maps, registry: MapRegistry): Maps & MapRegistry {
  const methods: MapRegistry = {
    create: (spec: Parameters<MapRegistry["create"]>[0]) => registry.create(spec) as never,
    get: (name) => registry.get(name),
    list: () => registry.list(),
  };
  const hidden = Object.entries(methods).map(([name, value]) => [name, { value }]);
  return Object.assign(Object.create(Object.prototype, Object.fromEntries(hidden)), maps);
}

/** What an event says of programs, while there are some in the way. */
export function describeProgram(
  { link, reason, mark, priority, redirect }: ProgramOutcome,
  names: ProgramNames,
  interfaces: Pick<Maps["interfaces"], "lookup">,
): Pick<PacketEvent, "program" | "programReason" | "mark" | "priority" | "redirect"> {
  return {
    program: names.link(link) ?? null,
    programReason: names.reason(reason) ?? null,
    mark,
    priority,
    redirect: redirect === 0 ? null : (interfaces.lookup(redirect)?.name ?? null),
  };
}
