/**
 * Session affinity: a client that opened a connection lately goes to the same backend again. A
 * route may not have that backend in its ring, so a client is remembered by two.
 */
import { RETIRED_CLIENTS } from "../../abi/layout";
import * as affinity from "../maps/affinity";
import { Affinity, PLACES, Place } from "../maps/affinity";
import { Backend } from "../maps/backends";
import * as backends from "../maps/backends";
import { Ring } from "../maps/rings";
import * as rings from "../maps/rings";
import * as swiss from "../maps/swiss";
import { earlier, now } from "./clock";
import { Opening } from "./opening";

/** What is remembered of the client, which is noted for `remember`. */
export function find(opening: Opening): Affinity | null {
  if (opening.service.affinity == 0) return null;
  opening.clientHash = affinity.hashOf(opening.client);
  const entry = affinity.lookup(opening.client, opening.clientHash);
  opening.remembered = changetype<usize>(entry);
  return entry;
}

/** The number of the backend to stay with, 0 for none. */
export function recall(opening: Opening, ring: Ring): u32 {
  const entry = find(opening);
  if (entry == null) return 0;
  const first = serving(entry.place(0), opening);
  const second = serving(entry.place(1), opening);
  if (first == 0 || second == 0) return first | second;
  return rings.firstOf(ring, first, second);
}

/** The backend of a place when the client may go there, 0 otherwise. */
function serving(place: Place, opening: Opening): u32 {
  if (now() - place.used > opening.service.affinity) return 0;
  const backend = backendOf(place, opening);
  if (backend == null) return 0;
  return (backend.rings >>> opening.route.ring) & 1 ? place.backend : 0;
}

/** The backend of a place while it belongs to the service port. */
function backendOf(place: Place, opening: Opening): Backend | null {
  const backend = backends.lookup(place.backend);
  return backend != null && backend.service == opening.number ? backend : null;
}

/** After `find`: a client for whom there is no room is not remembered. */
export function remember(opening: Opening): void {
  const timeout = opening.service.affinity;
  if (timeout == 0) return;
  let entry = changetype<Affinity | null>(opening.remembered);
  if (entry == null) entry = affinity.insert(opening.client, opening.clientHash);
  if (entry == null) return;
  entry.timeout = timeout;
  entry.family = opening.family;
  const place = placeFor(entry, opening);
  place.backend = opening.backendNumber;
  place.used = now();
}

/** The place that has the backend, else one that is free, else the one used longer ago. */
function placeFor(entry: Affinity, opening: Opening): Place {
  const first = entry.place(0);
  const second = entry.place(1);
  if (first.backend == opening.backendNumber) return first;
  if (second.backend == opening.backendNumber) return second;
  if (isFree(first, opening)) return first;
  return isFree(second, opening) || second.used < first.used ? second : first;
}

function isFree(place: Place, opening: Opening): bool {
  if (place.backend == 0 || now() - place.used > opening.service.affinity) return true;
  const backend = backendOf(place, opening);
  return backend == null || backend.rings == 0;
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
    const isOver = isPlaceOver(entry, 0) && isPlaceOver(entry, 1);
    if (isOver) affinity.remove(entry);
  }
}

function isPlaceOver(entry: Affinity, index: u32): bool {
  const place = entry.place(index);
  return place.backend == 0 || now() - place.used > entry.timeout;
}

export function flush(): void {
  for (let slot = next(-1); slot != -1; slot = next(slot)) affinity.remove(entryAt(slot));
}

/** Forgets the backends that give up their clients. */
export function retire(): void {
  for (let slot = next(-1); slot != -1; slot = next(slot)) {
    const entry = entryAt(slot);
    let kept: u32 = 0;
    for (let i: u32 = 0; i < PLACES; i++) kept |= retirePlace(entry.place(i));
    if (kept == 0) affinity.remove(entry);
  }
}

/** Returns the backend that stays, 0 for none. */
function retirePlace(place: Place): u32 {
  const backend = backends.lookup(place.backend);
  if (backend != null && backend.retired & RETIRED_CLIENTS) {
    place.backend = 0;
    place.used = 0;
  }
  return place.backend;
}

/** Moves the origin of stored times. */
export function rebase(delta: u32): void {
  for (let slot = next(-1); slot != -1; slot = next(slot)) {
    for (let i: u32 = 0; i < PLACES; i++) {
      const place = entryAt(slot).place(i);
      place.used = earlier(place.used, delta);
    }
  }
}
