/**
 * Who claims a vip. Of service ports that claim one vip the first by key has it, whichever came first; the others
 * go without, and that is told.
 */
import type { DesiredFrontend, DesiredServicePort } from "./desired.ts";
import { Overlay } from "./overlay.ts";

/** By key of the frontend: who claims it, in the order of their keys. A vip that nobody claims is not there. */
export type Claims = Map<string, readonly DesiredServicePort[]>;

/** What a service port gets. */
export interface Share {
  readonly port: DesiredServicePort;
  readonly warnings: readonly string[];
}

const NO_WARNINGS: readonly string[] = [];

/** Claims of a plan; those there are stay as they are until it is committed. */
export class ClaimDraft {
  readonly #before: Claims;
  readonly #touched = new Map<string, Set<DesiredServicePort>>();
  readonly #after: Overlay<string, readonly DesiredServicePort[]>;

  constructor(before: Claims) {
    this.#before = before;
    this.#after = new Overlay(before);
  }

  leave(port: DesiredServicePort): void {
    for (const { key } of port.frontends) this.#touch(key).delete(port);
  }

  enter(port: DesiredServicePort): void {
    for (const { key } of port.frontends) this.#touch(key).add(port);
  }

  #touch(key: string): Set<DesiredServicePort> {
    const known = this.#touched.get(key);
    if (known) return known;
    const claimants = new Set(this.#before.get(key));
    this.#touched.set(key, claimants);
    return claimants;
  }

  /** Once everybody has left and entered. Returns whose shares may be others now: all who claim what was touched. */
  settle(): Set<DesiredServicePort> {
    const concerned = new Set<DesiredServicePort>();
    for (const [key, claimants] of this.#touched) {
      const sorted = [...claimants].sort((a, b) => (a.key < b.key ? -1 : 1));
      if (sorted.length > 0) this.#after.update(key, sorted);
      else this.#after.delete(key);
      for (const port of sorted) concerned.add(port);
    }
    return concerned;
  }

  share(port: DesiredServicePort): Share {
    const seen = new Set<string>();
    const own = port.frontends.filter((frontend) => {
      const isFirst = !seen.has(frontend.key);
      seen.add(frontend.key);
      return isFirst && this.#owner(frontend) === port;
    });
    if (own.length === port.frontends.length) return { port, warnings: NO_WARNINGS };
    const lost = port.frontends.filter((frontend) => this.#owner(frontend) !== port);
    return {
      port: { ...port, frontends: own },
      warnings: lost.map((frontend) => this.#warning(port, frontend)),
    };
  }

  #owner({ key }: DesiredFrontend): DesiredServicePort {
    return this.#after.lookup(key)?.[0] as DesiredServicePort;
  }

  #warning(port: DesiredServicePort, lost: DesiredFrontend): string {
    const { vip, frontend } = lost;
    const address = vip.address === "" ? "nodePort " : `${vip.address} port `;
    const owner = this.#owner(lost).name;
    return `${port.name}: ${address}${vip.port}/${vip.proto} (${frontend}) belongs to ${owner} already`;
  }

  commit(): void {
    this.#after.commit();
  }
}
