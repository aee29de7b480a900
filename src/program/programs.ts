/** The programs of one dataplane: `dataplane.programs`, service NAT among them. */
import { show } from "../dataplane/field.ts";
import type { Runtime } from "../dataplane/runtime.ts";
import type { UserMap } from "../maps/map.ts";
import type { MapDesk } from "./declarations.ts";
import { type Linked, link, type Premises, type Request, unlink } from "./linker.ts";
import type { LoadedProgram, ProgramInfo, Programs } from "./loaded.ts";
import { requestOf } from "./loading.ts";
import { createPlaces } from "./places.ts";
import { type Program, ProgramError } from "./program.ts";
import { createReasons } from "./reasons.ts";
import type { Resident, Residents } from "./resident.ts";

export interface ProgramOptions {
  /** Asked for when the first program is loaded. */
  readonly runtime: () => Runtime;
  readonly maps: MapDesk;
  /** Names of the maps that service NAT uses. */
  readonly serviceMaps: readonly string[];
  /** The latest time seen, in milliseconds of the dataplane's clock. */
  readonly latest: () => number;
}

/** The programs, and what the dataplane around them needs. */
export interface ProgramDesk extends Residents {
  readonly programs: Programs;
  /** Undefined for what no prog_array can hold. */
  placeOf(program: unknown): number | undefined;
  programAt(place: number): LoadedProgram | undefined;
  /** Text of a reason, by its number. */
  reasonOf(number: number): string | undefined;
}

export function createPrograms(options: ProgramOptions): ProgramDesk {
  return new Desk(options);
}

/** What there is to say of service NAT, which is no module of its own. */
const SERVICE_NAT = { name: "service-nat", tag: "0000000000000000", form: "batch" } as const;

/** A program as its dataplane keeps it. */
interface Entry {
  readonly resident: Resident;
  readonly facade: LoadedProgram;
  readonly linked: Linked | undefined;
  info(): ProgramInfo;
}

class Desk implements ProgramDesk {
  readonly programs: Programs;
  readonly serviceNat: LoadedProgram;
  readonly #options: ProgramOptions;
  readonly #reasons = createReasons();
  readonly #residents = new WeakMap<object, Resident>();
  /** Those that are loaded, in the order of their numbers. */
  readonly #entries = new Map<string, Entry>();
  #premises: Premises | undefined;
  #lastId = 0;
  /** One is linked after the other, in the order in which they were asked for. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.serviceNat = this.#enter({ ...SERVICE_NAT, builtin: true, entry: 0 });
    this.programs = Object.freeze({
      load: async (program, options = {}) => this.#load(requestOf(program, options)),
      get: (name) => this.#entries.get(name)?.facade,
      list: () => [...this.#entries.values()].map((entry) => entry.info()),
    } satisfies Programs);
  }

  residentOf(program: unknown) {
    const isObject = typeof program === "object" && program !== null;
    return isObject ? this.#residents.get(program) : undefined;
  }

  placeOf(program: unknown) {
    const resident = this.residentOf(program);
    if (!resident?.loaded || resident.builtin || resident.form !== "packet") return undefined;
    return resident.entry;
  }

  programAt(place: number) {
    for (const { linked, facade } of this.#entries.values()) {
      if (linked?.entry === place) return facade;
    }
    return undefined;
  }

  rewind() {
    for (const { linked } of this.#entries.values()) linked?.stack.rewind();
  }

  reasonOf(number: number) {
    return this.#reasons.textOf(number);
  }

  #load(request: Request): Promise<LoadedProgram> {
    const loaded = this.#turn.then(() => this.#link(request));
    this.#turn = loaded.catch(() => {});
    return loaded;
  }

  async #link(request: Request): Promise<LoadedProgram> {
    const { program, name } = request;
    if (this.#entries.has(name)) {
      throw new ProgramError(
        "name-taken",
        `there is a program ${name} already: unload it, or give this one a name`,
      );
    }
    const linked = await link(this.#premisesNow(), request);
    const { tag, form } = program;
    const { entry } = linked;
    return this.#enter({ name, tag, form, builtin: false, entry }, program, linked);
  }

  #premisesNow(): Premises {
    const { runtime, maps } = this.#options;
    this.#premises ??= {
      runtime: runtime(),
      places: createPlaces(runtime().table),
      maps,
      reasons: this.#reasons,
    };
    return this.#premises;
  }

  #enter(
    fields: Pick<Resident, "name" | "tag" | "form" | "builtin" | "entry">,
    program?: Program,
    linked?: Linked,
  ): LoadedProgram {
    this.#lastId += 1;
    const resident: Resident = { ...fields, id: this.#lastId, links: new Map(), loaded: true };
    const loadedAt = this.#options.latest();
    const info = () => infoOf(resident, loadedAt, this.#sizesOf(program, linked));
    const facade: LoadedProgram = Object.freeze({
      id: resident.id,
      name: resident.name,
      program,
      info,
      map: <Key, Value>(name: string) => mapOf(resident, linked, name) as UserMap<Key, Value>,
      unload: () => this.#unload(resident),
    });
    this.#residents.set(facade, resident);
    this.#entries.set(resident.name, { resident, facade, linked, info });
    return facade;
  }

  #sizesOf(program: Program | undefined, linked: Linked | undefined): Sizes {
    if (!program || !linked) {
      return { size: 0, memory: 0, functions: 0, maps: this.#options.serviceMaps };
    }
    const { size, count } = linked.ranges;
    const maps = [...new Set([...linked.maps.values()].map(({ name }) => name))];
    return { size: program.bytes.length, memory: size, functions: count, maps };
  }

  #unload(resident: Resident): void {
    if (!resident.loaded) return;
    const { linked } = this.#entries.get(resident.name) as Entry;
    this.#demandIdle(resident);
    resident.loaded = false;
    this.#entries.delete(resident.name);
    unlink(this.#premisesNow(), resident.name, linked as Linked);
  }

  #demandIdle({ name, builtin, entry, links }: Resident): void {
    if (builtin) throw inUse(`${name} is part of the dataplane: detach its link instead`);
    if (links.size > 0) {
      throw inUse(`${name} stands at ${[...links.values()].join(", ")}: detach it first`);
    }
    const holders = this.#options.maps.holders(entry);
    if (holders.length === 0) return;
    throw inUse(`${name} is in ${holders.join(", ")}: delete it there first`);
  }
}

type Sizes = Pick<ProgramInfo, "size" | "memory" | "functions" | "maps">;

function infoOf(resident: Resident, loadedAt: number, sizes: Sizes): ProgramInfo {
  const { id, name, tag, form, builtin, links } = resident;
  return { id, name, tag, form, builtin, ...sizes, loadedAt, links: [...links.values()] };
}

function mapOf(resident: Resident, linked: Linked | undefined, name: string): UserMap {
  if (!resident.loaded) {
    throw new ProgramError(
      "unloaded",
      `${resident.name} was unloaded: look for the map by its name`,
    );
  }
  const map = linked?.maps.get(name);
  if (map) return map;
  const names = [...(linked?.maps.keys() ?? [])].join(", ") || "none";
  throw new ProgramError(
    "bad-option",
    `${resident.name} has no map ${show(name)}: those it declares are ${names}`,
  );
}

function inUse(message: string): ProgramError {
  return new ProgramError("in-use", message);
}
