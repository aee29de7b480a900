/**
 * The links of one hook in their order, and what changes it. A change is worked out first, then handed to the engine
 * whole, and only then true here: what throws has changed nothing.
 */
import { show } from "../dataplane/field.ts";
import type { LinkTally } from "../dataplane/runtime.ts";
import type { Resident } from "../program/resident.ts";
import { HookError } from "./error.ts";
import type { AttachOptions, HookName, Link } from "./hook.ts";
import { checkAttach } from "./options.ts";
import { spotOf } from "./place.ts";
import { infoOf, type Standing } from "./standing.ts";

/** BPF_MPROG_MAX of include/linux/bpf_mprog.h, whose array ends with an empty place: 63 programs, and service NAT. */
export const LINKS_MAX = 64;

/** What stands at a place: all that the engine has to know of a link. */
export type Post = Pick<Standing, "id" | "resident">;

/** What is known of a link before it has a number. */
export type NewLink = Pick<Standing, "hook" | "name" | "maxTraps" | "resident">;

/** What both chains of a dataplane share. */
export interface ChainHost {
  /** Undefined for what is no program of this dataplane. */
  residentOf(program: unknown): Resident | undefined;
  /** Undefined for what is no link of this dataplane. */
  standingOf(link: unknown): Standing | undefined;
  /** A new link, which nobody meets yet. */
  create(fields: NewLink): Standing;
  install(hook: HookName, posts: readonly Post[]): void;
  tallyOf(standing: Standing): LinkTally;
  /** It is detached: nobody meets it again. */
  retire(standing: Standing): void;
}

export class Chain {
  readonly name: HookName;
  readonly #host: ChainHost;
  #standings: readonly Standing[] = [];
  /** bpf_mprog_bundle_init begins with 1, too. */
  #revision = 1;

  /** `first` stands there from the beginning. */
  constructor(name: HookName, host: ChainHost, first: readonly Standing[]) {
    this.name = name;
    this.#host = host;
    this.#standings = first;
    for (const each of first) each.resident.links.set(each.id, each.name);
  }

  get revision() {
    return this.#revision;
  }

  get standings() {
    return this.#standings;
  }

  list() {
    return this.#standings.map((each) => infoOf(each, this.#host.tallyOf(each)));
  }

  /** Refuses in the order of bpf_mprog_attach: the program, the revision, one that stands here, the room, the place. */
  attach(program: unknown, given: AttachOptions): Link {
    const options = checkAttach(given);
    const resident = this.#residentOf(program);
    this.#demandRevision(options.revision);
    const name = options.name ?? resident.name;
    this.#demandNew(resident, name, options.replace);
    if (options.replace === undefined) this.#demandRoom();
    const before = this.#standings;
    const { index, length } = spotOf(options, before.length, (link) => this.#indexOf(link));
    const [ahead, behind] = [before.slice(0, index), before.slice(index + length)];
    const { maxTraps } = options;
    const standing = this.#host.create({ hook: this.name, name, maxTraps, resident });
    this.#commit([...ahead, standing, ...behind], before.slice(index, index + length));
    resident.links.set(standing.id, name);
    return standing.link;
  }

  /** BPF_LINK_UPDATE: the same program again is no change, as in tcx_link_update. */
  update(standing: Standing, program: unknown): void {
    const resident = this.#residentOf(program);
    if (standing.past !== undefined) throw detached(standing);
    if (resident === standing.resident) return;
    this.#demandService(
      resident,
      this.#standings.filter((each) => each !== standing),
    );
    const posts = this.#standings.map((each) =>
      each === standing ? { id: each.id, resident } : each,
    );
    this.#host.install(this.name, posts);
    this.#revision += 1;
    standing.resident.links.delete(standing.id);
    resident.links.set(standing.id, standing.name);
    standing.resident = resident;
    standing.trapsOfProgram = 0;
  }

  /** Those that are there no more are left out. */
  detach(standings: readonly Standing[]): void {
    const leaving = standings.filter((each) => this.#standings.includes(each));
    if (leaving.length === 0) return;
    this.#commit(
      this.#standings.filter((each) => !leaving.includes(each)),
      leaving,
    );
  }

  #commit(standings: readonly Standing[], leaving: readonly Standing[]): void {
    const pasts = leaving.map((each) => this.#host.tallyOf(each));
    this.#host.install(this.name, standings);
    this.#standings = standings;
    this.#revision += 1;
    leaving.forEach((each, i) => {
      each.past = pasts[i];
      each.resident.links.delete(each.id);
      this.#host.retire(each);
    });
  }

  #residentOf(program: unknown): Resident {
    const resident = this.#host.residentOf(program);
    if (resident?.loaded) return resident;
    throw new HookError(
      "unloaded",
      resident
        ? `program ${resident.name} was unloaded: load it again`
        : `${show(program)} is no program of this dataplane: attach what its programs.load has returned`,
    );
  }

  #demandRevision(revision: number | undefined): void {
    if (revision === undefined || revision === this.#revision) return;
    throw new HookError(
      "stale-revision",
      `${this.name} has revision ${this.#revision}, not ${revision}: look at its links again`,
    );
  }

  /** What it replaces, if that is there, need not differ from it. */
  #demandNew(resident: Resident, name: string, replaced: Link | string | undefined): void {
    const leaving = this.#find(replaced);
    const others = this.#standings.filter((each) => each !== leaving);
    if (others.some((each) => each.name === name)) {
      throw new HookError(
        "name-taken",
        `${this.name} has a link ${name} already: give a name, or replace it`,
      );
    }
    this.#demandService(resident, others);
  }

  #demandRoom(): void {
    if (this.#standings.length < LINKS_MAX) return;
    throw new HookError("too-many-links", `${this.name} has ${LINKS_MAX} links: detach one`);
  }

  /** Service NAT translates what comes in, once. */
  #demandService({ builtin, name }: Resident, others: readonly Standing[]): void {
    if (!builtin) return;
    if (this.name !== "ingress") {
      throw new HookError("wrong-hook", `${name} works on ingress: attach it there`);
    }
    const standing = others.find((each) => each.resident.builtin);
    if (!standing) return;
    throw new HookError(
      "name-taken",
      `${name} stands in ingress already, as ${standing.name}: a packet is translated once`,
    );
  }

  #indexOf(link: Link | string): number {
    const standing = this.#find(link);
    if (standing === undefined) throw this.#unknown(link);
    if (standing.past !== undefined) throw detached(standing);
    if (standing.hook === this.name) return this.#standings.indexOf(standing);
    throw new HookError(
      "wrong-hook",
      `link ${standing.name} stands in ${standing.hook}, not in ${this.name}`,
    );
  }

  /** A link of any hook, detached ones too; by name only those that stand here. */
  #find(link: Link | string | undefined): Standing | undefined {
    if (typeof link !== "string") return this.#host.standingOf(link);
    return this.#standings.find(({ name }) => name === link);
  }

  #unknown(link: unknown): HookError {
    const names = this.#standings.map(({ name }) => name);
    const there = names.length === 0 ? "it is empty" : `it has ${names.join(", ")}`;
    return new HookError("unknown-link", `${this.name} has no link ${show(link)}: ${there}`);
  }
}

function detached({ name, hook }: Standing): HookError {
  return new HookError("unknown-link", `link ${name} was detached from ${hook}: attach anew`);
}
