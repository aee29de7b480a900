/** Session affinity: a client that opened a connection lately goes to the same backend again. */
import * as affinity from "../maps/affinity";
import { Affinity } from "../maps/affinity";
import * as backends from "../maps/backends";
import * as swiss from "../maps/swiss";
import { earlier, now } from "./clock";
import { Opening } from "./opening";

/** The number of the backend to stay with, 0 for none. */
export function recall(opening: Opening): u32 {
  const timeout = opening.service.affinity;
  if (timeout == 0) return 0;
  const entry = affinity.lookup(opening.client);
  if (entry == null || now() - entry.used > timeout) return 0;
  const backend = backends.lookup(entry.backend);
  if (backend == null || backend.service != opening.number) return 0;
  return (backend.rings >>> opening.route.ring) & 1 ? entry.backend : 0;
}

/** A client for whom there is no room is not remembered. */
export function remember(opening: Opening): void {
  const timeout = opening.service.affinity;
  if (timeout == 0) return;
  const entry = affinity.remember(opening.client);
  if (entry == null) return;
  entry.backend = opening.backendNumber;
  entry.used = now();
  entry.timeout = timeout;
  entry.family = opening.family;
}

function entryAt(slot: i32): Affinity {
  return changetype<Affinity>(swiss.at<Affinity>(affinity.TABLE, slot));
}

function next(slot: i32): i32 {
  return swiss.next(affinity.TABLE, slot);
}

/** Removes the clients whose time is over. */
export function sweep(): void {
  for (let slot = next(-1); slot != -1; slot = next(slot)) {
    const entry = entryAt(slot);
    if (now() - entry.used > entry.timeout) affinity.remove(entry);
  }
}

export function flush(): void {
  for (let slot = next(-1); slot != -1; slot = next(slot)) affinity.remove(entryAt(slot));
}

/** Moves the origin of stored times. */
export function rebase(delta: u32): void {
  for (let slot = next(-1); slot != -1; slot = next(slot)) {
    const entry = entryAt(slot);
    entry.used = earlier(entry.used, delta);
  }
}
