/**
 * Who stands behind an address, port and protocol: what the map `endpoints` is made of. Several service ports may
 * have one endpoint, each with a backend of its own.
 */
import type { Backend, Proto, Vip } from "../dataplane/entries.ts";
import type { Operation } from "../dataplane/transaction.ts";

/** By protocol and "ip:port": numbers of the backends there, ascending. The first is the one in the map. */
export type EndpointMap = Readonly<Record<Proto, Map<string, readonly number[]>>>;

export function createEndpointMap(): EndpointMap {
  return { tcp: new Map(), udp: new Map(), sctp: new Map() };
}

/** An endpoint that a plan changes. */
interface Place {
  readonly name: string;
  readonly vip: Vip;
  readonly before: readonly number[];
  after: readonly number[];
}

const NONE: readonly number[] = [];

/** Changes of a plan; the map stays as it is until they are taken over. */
export class EndpointDraft {
  readonly #before: EndpointMap;
  readonly #found: Record<Proto, Map<string, Place>> = {
    tcp: new Map(),
    udp: new Map(),
    sctp: new Map(),
  };
  /** In the order in which they were first changed. */
  readonly #places: Place[] = [];

  constructor(before: EndpointMap) {
    this.#before = before;
  }

  /** `name` is the backend's "ip:port". */
  add(name: string, backend: Backend, number: number): void {
    const place = this.#placeOf(name, backend);
    const others = place.after;
    place.after = others.length === 0 ? [number] : [...others, number].sort((a, b) => a - b);
  }

  remove(name: string, backend: Backend, number: number): void {
    const place = this.#placeOf(name, backend);
    place.after = place.after.filter((each) => each !== number);
  }

  #placeOf(name: string, { family, address, port, proto }: Backend): Place {
    const known = this.#found[proto].get(name);
    if (known) return known;
    const before = this.#before[proto].get(name) ?? NONE;
    const place = { name, vip: { family, address, port, proto }, before, after: before };
    this.#found[proto].set(name, place);
    this.#places.push(place);
    return place;
  }

  /** What is written, then what is deleted. */
  operations(): Operation[] {
    const [updates, deletes]: [Operation[], Operation[]] = [[], []];
    for (const { vip: key, before, after } of this.#places) {
      const backend = after[0];
      if (backend === before[0]) continue;
      if (backend === undefined) deletes.push({ op: "delete", map: "endpoints", key, label: "" });
      else updates.push(updateOf(key, backend, before.length === 0));
    }
    return updates.concat(deletes);
  }

  /** Takes the changes over. */
  commit(): void {
    for (const { name, vip, after } of this.#places) {
      if (after.length > 0) this.#before[vip.proto].set(name, after);
      else this.#before[vip.proto].delete(name);
    }
  }
}

function updateOf(key: Vip, backend: number, create: boolean): Operation {
  return { op: "update", map: "endpoints", key, value: { backend }, create, label: "" };
}
