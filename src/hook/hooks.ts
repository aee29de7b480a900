/** The hooks of one dataplane: two chains that its engine is handed, and what becomes of links that trap. */
import type { Chains, Runtime } from "../dataplane/runtime.ts";
import type { Resident, Residents } from "../program/resident.ts";
import { Chain, type ChainHost, type NewLink, type Post } from "./chain.ts";
import type { Hook, HookName, Hooks, Link } from "./hook.ts";
import { createInstallation, type Installation } from "./installation.ts";
import { createLinkNames } from "./names.ts";
import { infoOf, messageOf, type Standing, stepOf } from "./standing.ts";

export interface HookOptions {
  readonly residents: Residents;
  /** Asked for at the first change; until then service NAT stands alone, as every engine begins. */
  readonly runtime: () => Pick<Runtime, "install" | "tally">;
  /** The latest time seen, in milliseconds of the dataplane's clock. */
  readonly latest: () => number;
  /** Nanoseconds, when run times are to be noted. */
  readonly clock: Chains["clock"];
}

/** The hooks, and what the dataplane around them needs. */
export interface HookDesk {
  readonly hooks: Hooks;
  /** To be called when packets have been through: takes out the links that trapped too often. */
  settle(): void;
  /** Name of a link, of one that was detached as well; undefined for 0 and for one that is long gone. */
  nameOf(link: number): string | undefined;
}

export function createHooks(options: HookOptions): HookDesk {
  const desk = new Desk(options);
  return { hooks: desk.hooks, settle: () => desk.settle(), nameOf: (link) => desk.nameOf(link) };
}

class Desk implements ChainHost {
  readonly hooks: Hooks;
  readonly #options: HookOptions;
  readonly #installation: Installation;
  readonly #chains: Readonly<Record<HookName, Chain>>;
  readonly #standings = new WeakMap<object, Standing>();
  readonly #names = createLinkNames();
  /** Trapped too often, but the packets that go through now are not done. */
  readonly #leaving = new Set<Standing>();
  #lastId = 0;

  constructor(options: HookOptions) {
    this.#options = options;
    const { residents, runtime, clock } = options;
    const serviceNat = this.create({
      hook: "ingress",
      name: residents.serviceNat.name,
      maxTraps: Number.POSITIVE_INFINITY,
      resident: residents.residentOf(residents.serviceNat) as Resident,
    });
    const trapped = (link: number, error: unknown) => this.#trapped(link, error);
    const first = { ingress: [stepOf(serviceNat)], egress: [] };
    this.#installation = createInstallation(runtime, { trapped, clock }, first);
    this.#chains = {
      ingress: new Chain("ingress", this, [serviceNat]),
      egress: new Chain("egress", this, []),
    };
    this.hooks = hooksOf(this.#chains, this.#installation);
  }

  residentOf(program: unknown) {
    return this.#options.residents.residentOf(program);
  }

  standingOf(link: unknown) {
    return typeof link === "object" && link !== null ? this.#standings.get(link) : undefined;
  }

  create(fields: NewLink): Standing {
    this.#lastId += 1;
    const attachedAt = this.#options.latest();
    const fresh = { traps: 0, trapsOfProgram: 0, lastTrap: null, past: undefined };
    const numbered = { ...fields, ...fresh, id: this.#lastId, attachedAt };
    const standing: Standing = { ...numbered, link: this.#linkOf(numbered, () => standing) };
    this.#standings.set(standing.link, standing);
    this.#names.note(standing);
    return standing;
  }

  #linkOf({ id, hook, name }: Omit<Standing, "link">, standing: () => Standing): Link {
    return Object.freeze({
      id,
      hook,
      name,
      info: () => infoOf(standing(), this.tallyOf(standing())),
      update: (program) => this.#chains[hook].update(standing(), program),
      detach: () => this.#chains[hook].detach([standing()]),
    } satisfies Link);
  }

  install(hook: HookName, posts: readonly Post[]) {
    this.#installation.install({ [hook]: posts.map(stepOf) });
  }

  tallyOf({ past, id }: Standing) {
    return past ?? this.#installation.tallyOf(id);
  }

  retire({ id }: Standing) {
    this.#names.retire(id);
  }

  nameOf(link: number) {
    return this.#names.of(link);
  }

  #trapped(link: number, error: unknown): boolean {
    this.#options.residents.rewind();
    const { ingress, egress } = this.#chains;
    const standing = [...ingress.standings, ...egress.standings].find(({ id }) => id === link);
    if (standing === undefined) return false;
    standing.traps += 1;
    standing.trapsOfProgram += 1;
    standing.lastTrap = messageOf(error);
    if (standing.trapsOfProgram < standing.maxTraps) return true;
    this.#leaving.add(standing);
    return false;
  }

  settle() {
    if (this.#leaving.size === 0) return;
    const leaving = [...this.#leaving];
    this.#leaving.clear();
    this.#chains.ingress.detach(leaving);
    this.#chains.egress.detach(leaving);
  }
}

function hooksOf({ ingress, egress }: Record<HookName, Chain>, installation: Installation): Hooks {
  return Object.freeze({
    get active() {
      return installation.active;
    },
    ingress: hookOf(ingress),
    egress: hookOf(egress),
  });
}

function hookOf(chain: Chain): Hook {
  return Object.freeze({
    name: chain.name,
    get revision() {
      return chain.revision;
    },
    links: () => chain.standings.map(({ link }) => link),
    list: () => chain.list(),
    attach: (program, options = {}) => chain.attach(program, options),
  } satisfies Hook);
}
