/**
 * Who stands behind an address, port and protocol: what the map `endpoints` is made of. Several service ports may
 * have one endpoint, each with a backend of its own.
 */
import type { Backend, Vip } from "../dataplane/entries.ts";
import type { Operation } from "../dataplane/transaction.ts";
import { formatEndpoint } from "../packet/address.ts";

interface Place {
  readonly vip: Vip;
  /** Numbers of the backends there, ascending. */
  readonly backends: readonly number[];
}

/** By key; what is in the map. */
export type EndpointMap = Map<string, Place>;

/** Changes of a plan; the map stays as it is until they are taken over. */
export class EndpointDraft {
  readonly #before: EndpointMap;
  readonly #after = new Map<string, Place>();

  constructor(before: EndpointMap) {
    this.#before = before;
  }

  add(backend: Backend, number: number): void {
    this.#change(backend, (backends) => [...backends, number].sort((a, b) => a - b));
  }

  remove(backend: Backend, number: number): void {
    this.#change(backend, (backends) => backends.filter((each) => each !== number));
  }

  #change(backend: Backend, next: (backends: readonly number[]) => readonly number[]): void {
    const vip = vipOf(backend);
    const key = keyOf(vip);
    const { backends } = this.#after.get(key) ?? this.#before.get(key) ?? { backends: [] };
    this.#after.set(key, { vip, backends: next(backends) });
  }

  /** What is written, then what is deleted. */
  operations(): Operation[] {
    const changes = [...this.#after];
    return [
      ...changes.flatMap(([key, place]) => this.#update(key, place)),
      ...changes.flatMap(([key, place]) => this.#delete(key, place)),
    ];
  }

  #update(key: string, { vip, backends: [backend] }: Place): Operation[] {
    const before = this.#before.get(key)?.backends[0];
    if (backend === undefined || backend === before) return [];
    const create = before === undefined;
    return [{ op: "update", map: "endpoints", key: vip, value: { backend }, create, label: "" }];
  }

  #delete(key: string, { vip, backends }: Place): Operation[] {
    const stood = this.#before.has(key);
    if (backends.length > 0 || !stood) return [];
    return [{ op: "delete", map: "endpoints", key: vip, label: "" }];
  }

  /** Takes the changes over. */
  commit(): void {
    for (const [key, place] of this.#after) {
      if (place.backends.length > 0) this.#before.set(key, place);
      else this.#before.delete(key);
    }
  }
}

function vipOf({ family, address, port, proto }: Backend): Vip {
  return { family, address, port, proto };
}

function keyOf({ address, port, proto }: Vip): string {
  return `${formatEndpoint(address, port)}/${proto}`;
}
