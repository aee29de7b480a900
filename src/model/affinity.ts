/** Session affinity, Kubernetes' ClientIP: a client stays with the backend it had last. */
import type { RingName, Service } from "../dataplane/entries.ts";
import { isMember, type Store } from "./store.ts";

/** The backend remembered for a client, if it still takes connections; undefined when none is. */
export function lookup(
  store: Store,
  service: Service,
  ring: RingName,
  client: string,
): number | undefined {
  if (service.affinity === 0) return undefined;
  const entry = store.affinity.lookup({ service: service.service, address: client });
  if (entry === undefined || store.now - entry.used > service.affinity) return undefined;
  const backend = store.control.backends.lookup(entry.backend);
  const takes = backend !== undefined && isMember(backend, service.service, ring);
  return takes ? entry.backend : undefined;
}

/** Remembers a client from now on. When the map is full, those it knows keep their place. */
export function remember(store: Store, service: Service, client: string, backend: number): void {
  if (service.affinity === 0) return;
  const key = { service: service.service, address: client };
  const full = store.affinity.length >= store.capacity.affinity;
  if (full && store.affinity.lookup(key) === undefined) return;
  store.affinity.update(key, { backend, used: store.now, timeout: service.affinity });
}

/** Forgets the clients that have stayed away longer than their timeout. */
export function sweep(store: Store): void {
  for (const [key, entry] of store.affinity.entries()) {
    if (store.now - entry.used > entry.timeout) store.affinity.delete(key);
  }
}
