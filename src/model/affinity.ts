/**
 * Session affinity, Kubernetes' ClientIP: a client stays with the backend it had last. kube-proxy
 * keeps a list of clients per backend (xt_recent), so a client can be on several; here it is
 * remembered for the last two.
 */
import type { RememberedBackend, Ring, RingName, Service } from "../dataplane/entries.ts";
import { isMember, type Places, type Store } from "./store.ts";

const FREE: Places["places"] = [null, null];

/**
 * The backend remembered for a client, if it still takes connections; undefined when none is. Of two
 * it is the one whose rule kube-proxy would come to first, which is the order of the ring.
 */
export function recall(
  store: Store,
  service: Service,
  name: RingName,
  ring: Ring,
  client: string,
): number | undefined {
  if (service.affinity === 0) return undefined;
  const entry = store.affinity.lookup({ service: service.service, address: client });
  const valid = (entry?.places ?? FREE)
    .filter((place) => place !== null)
    .filter(({ used }) => store.now - used <= service.affinity)
    .map(({ backend }) => backend)
    .filter((number) => takesConnections(store, service, name, number));
  return ring.slots.find((number) => valid.includes(number)) ?? valid[0];
}

function takesConnections(store: Store, service: Service, name: RingName, number: number) {
  const backend = store.control.backends.lookup(number);
  return backend !== undefined && isMember(backend, service.service, name);
}

/** Remembers a client from now on. When the map is full, those it knows keep their place. */
export function remember(store: Store, service: Service, client: string, backend: number): void {
  if (service.affinity === 0) return;
  const key = { service: service.service, address: client };
  const known = store.affinity.lookup(key);
  if (known === undefined && store.affinity.length >= store.capacity.affinity) return;
  const [first, second] = known?.places ?? FREE;
  const fresh: RememberedBackend = { backend, used: store.now };
  const takesFirst = choosePlace(store, service, [first, second], backend) === 0;
  const places: Places["places"] = takesFirst ? [fresh, second] : [first, fresh];
  store.affinity.update(key, { places, timeout: service.affinity });
}

/** The one the backend has, else a free one, else the one that was used longer ago. */
function choosePlace(
  store: Store,
  service: Service,
  places: Places["places"],
  backend: number,
): number {
  const own = places.findIndex((place) => place?.backend === backend);
  if (own >= 0) return own;
  const free = places.findIndex((place) => place === null || isStale(store, service, place));
  if (free >= 0) return free;
  const [first, second] = places as [RememberedBackend, RememberedBackend];
  return first.used <= second.used ? 0 : 1;
}

/** Remembered for too long, or for a backend that takes no connections of the service any more. */
function isStale(store: Store, service: Service, { backend, used }: RememberedBackend): boolean {
  const row = store.control.backends.lookup(backend);
  const takes = row?.service === service.service && row.rings.length > 0;
  return !takes || store.now - used > service.affinity;
}

/** Forgets the clients that have stayed away longer than their timeout. */
export function sweep(store: Store): void {
  for (const [key, { places, timeout }] of store.affinity.entries()) {
    const lives = places.some((place) => place !== null && store.now - place.used <= timeout);
    if (!lives) store.affinity.delete(key);
  }
}

/** Frees the places of these backends. */
export function retire(store: Store, backends: readonly number[]): void {
  for (const [key, { places, timeout }] of store.affinity.entries()) {
    const keep = (place: RememberedBackend | null) =>
      place !== null && backends.includes(place.backend) ? null : place;
    const kept: Places["places"] = [keep(places[0]), keep(places[1])];
    if (kept.every((place) => place === null)) store.affinity.delete(key);
    else store.affinity.update(key, { places: kept, timeout });
  }
}
