/**
 * affinity: client and service port -> the backends it is remembered by. Written by the packet path
 * with every new connection.
 */
import {
  AFFINITY_ADDRESS,
  AFFINITY_BACKEND0,
  AFFINITY_BACKEND1,
  AFFINITY_FAMILY,
  AFFINITY_KEY_SIZE,
  AFFINITY_SERVICE,
  AFFINITY_SIZE,
  AFFINITY_TIMEOUT,
  AFFINITY_USED0,
  AFFINITY_USED1,
} from "../../abi/layout";
import { hash } from "./hash";
import * as swiss from "./swiss";

@unmanaged
export class Client {
  address0: u64;
  address1: u64;
  service: u32;
}
if (offsetof<Client>() != AFFINITY_KEY_SIZE) ERROR("Client drifted from abi/layout");
if (offsetof<Client>("address0") != AFFINITY_ADDRESS) ERROR("Client.address drifted");
if (offsetof<Client>("service") != AFFINITY_SERVICE) ERROR("Client.service drifted");

/** One of the backends of a client. */
@unmanaged
export class Place {
  /** 0 for none. */
  backend: u32;
  /** Milliseconds: when the client last opened a connection to it. */
  used: u32;
}

/** Backends a client is remembered by. */
export const PLACES: u32 = 2;

@unmanaged
export class Affinity extends Client {
  timeout: u32;
  private backend0: u32;
  private used0: u32;
  private backend1: u32;
  private used1: u32;
  /** Of the client: its address alone does not tell a mapped one from an IPv4 one. */
  family: u8;
  private spare0: u8;
  private spare1: u16;
  private spare2: u32;

  place(index: u32): Place {
    const first = changetype<usize>(this) + offsetof<Affinity>("backend0");
    return changetype<Place>(first + index * offsetof<Place>());
  }
}
if (offsetof<Affinity>() != AFFINITY_SIZE) ERROR("Affinity drifted from abi/layout");
if (offsetof<Affinity>("timeout") != AFFINITY_TIMEOUT) ERROR("Affinity.timeout drifted");
if (offsetof<Affinity>("backend0") != AFFINITY_BACKEND0) ERROR("Affinity.backend0 drifted");
if (offsetof<Affinity>("used0") != AFFINITY_USED0) ERROR("Affinity.used0 drifted");
if (offsetof<Affinity>("backend1") != AFFINITY_BACKEND1) ERROR("Affinity.backend1 drifted");
if (offsetof<Affinity>("used1") != AFFINITY_USED1) ERROR("Affinity.used1 drifted");
if (offsetof<Affinity>("family") != AFFINITY_FAMILY) ERROR("Affinity.family drifted");

export const TABLE = changetype<swiss.Table>(memory.data(offsetof<swiss.Table>(), 16));

export function hashOf(client: usize): u32 {
  return hash<Client>(client);
}

export function lookup(client: usize, hash: u32): Affinity | null {
  return changetype<Affinity | null>(swiss.lookup<Client, Affinity>(TABLE, client, hash));
}

/** A new entry of a client that has none; null when the map is full. */
export function insert(client: usize, hash: u32): Affinity | null {
  return changetype<Affinity | null>(swiss.insert<Client, Affinity>(TABLE, client, hash));
}

export function remove(entry: Affinity): void {
  swiss.remove<Client, Affinity>(TABLE, changetype<usize>(entry));
}
