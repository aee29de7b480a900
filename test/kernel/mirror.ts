/** Hooks of a dataplane, spoken to in the kernel's terms: programs, and numbers of links. */
import {
  type Dataplane,
  HookError,
  type HookErrorCode,
  type Link,
  type LoadedProgram,
  Program,
} from "../../src/index.ts";
import { moduleOf } from "../program/module.ts";
import { type Attachment, type Change, SERVICE_NAT } from "./changes.ts";
import type { Chains, HookName, Relative } from "./tcx.ts";

export class Mirror {
  readonly name: string;
  readonly dataplane: Dataplane;
  readonly #unloaded: LoadedProgram;
  /** Those that the kernel has links for, by their numbers there. */
  #links: Link[] = [];
  #names = 0;

  private constructor(name: string, dataplane: Dataplane, unloaded: LoadedProgram) {
    this.name = name;
    this.dataplane = dataplane;
    this.#unloaded = unloaded;
  }

  static async create(
    name: string,
    dataplane: Dataplane,
    programs: Readonly<Record<string, string>>,
  ) {
    for (const [each, body] of Object.entries(programs)) {
      await dataplane.programs.load(Program.load(moduleOf({ body })), { name: each });
    }
    const unloaded = await dataplane.programs.load(moduleOf(), { name: "unloaded" });
    unloaded.unload();
    return new Mirror(name, dataplane, unloaded);
  }

  /** Service NAT alone in its hook, as the link with number 0. */
  reset(): void {
    const { ingress, egress } = this.dataplane.hooks;
    for (const link of [...ingress.links(), ...egress.links()]) link.detach();
    this.#links = [ingress.attach(this.dataplane.programs.get(SERVICE_NAT) as LoadedProgram)];
  }

  /** As the kernel would say it; without the chain that is none of ours. */
  chains(): Omit<Chains, "bare"> {
    const { ingress, egress } = this.dataplane.hooks;
    const chainOf = ({ revision, list }: typeof ingress) => {
      const links = list().map(({ id, program }) => {
        const number = this.#links.findIndex((link) => link.id === id);
        return [program.name, number < 0 ? null : number] as const;
      });
      return { revision, links };
    };
    return { ingress: chainOf(ingress), egress: chainOf(egress) };
  }

  /** Code of the error when it is refused. */
  carryOut(change: Change): HookErrorCode | undefined {
    try {
      this.#carryOut(change);
      return undefined;
    } catch (error) {
      if (error instanceof HookError) return error.code;
      throw error;
    }
  }

  /** It is relative to a link that stands in the other hook. */
  isElsewhere({ hook, relative }: Attachment): boolean {
    if (relative === null || typeof relative[1] === "string") return false;
    const info = this.#links[relative[1]]!.info();
    return info.attached && info.hook !== hook;
  }

  link(number: number): Link {
    return this.#links[number]!;
  }

  #carryOut(change: Change): void {
    if (change.do === "attach") this.#attach(change);
    if (change.do === "detach") this.#standing(change).detach();
    if (change.do === "update") this.link(change.link).update(this.program(change.program));
    if (change.do === "release") this.link(change.link).detach();
  }

  #attach({ hook, program, linked, sides, relative, replace, revision }: Attachment): void {
    const { [hook]: chain } = this.dataplane.hooks;
    const name = this.#nameFor(hook, program);
    const places = sides.map((side) =>
      relative === null
        ? { [side === "before" ? "first" : "last"]: true }
        : { [side]: this.#relative(hook, relative) },
    );
    const link = chain.attach(this.program(program), {
      ...Object.assign({}, ...places),
      ...(name !== undefined && { name }),
      ...(replace !== null && { replace: this.#nameOf(hook, replace) }),
      ...(revision !== null && { revision: chain.revision + revision }),
    });
    if (linked) this.#links.push(link);
  }

  program(name: string): LoadedProgram {
    if (name === "other") return this.#unloaded;
    return this.dataplane.programs.get(name) ?? ({} as LoadedProgram);
  }

  #relative(hook: HookName, [, which]: Relative): Link | string {
    return typeof which === "number" ? this.link(which) : this.#nameOf(hook, which);
  }

  #standing(change: Extract<Change, { do: "detach" }>): Link {
    const { [change.hook]: chain } = this.dataplane.hooks;
    if ("end" in change) return chain.links().at(change.end === "before" ? 0 : -1)!;
    const name = this.#nameOf(change.hook, change.program);
    const found = chain.links().find((link) => link.name === name);
    if (found) return found;
    throw new HookError("unknown-link", `there is no ${name}`);
  }

  /** The name of the link that the program stands at: an update leaves a link its name. */
  #nameOf(hook: HookName, program: string): string {
    const infos = this.dataplane.hooks[hook].list();
    return infos.find((info) => info.program.name === program)?.name ?? "nobody";
  }

  /** Names are ours alone: one is given where a link still has the program's that stands there no more. */
  #nameFor(hook: HookName, program: string): string | undefined {
    const standing = this.#nameOf(hook, program);
    if (standing !== "nobody") return standing;
    const names = this.dataplane.hooks[hook].links().map(({ name }) => name);
    if (!names.includes(program)) return undefined;
    this.#names += 1;
    return `${program}-${this.#names}`;
  }
}
