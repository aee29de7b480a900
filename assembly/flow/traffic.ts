/** What goes to a backend and comes back, and what a service port turns away. */
import { VERDICT_TX } from "../../abi/verdict";
import * as traffic from "../maps/traffic";

/**
 * Counts a packet that leaves translated; `bytes` are those it came with, as captured. Direct
 * connections have no backend, and nothing is counted for them.
 */
export function count(backend: u32, isReply: bool, bytes: u32): void {
  if (backend != 0) add(backend, u32(isReply), bytes);
}

// @ts-ignore: decorator
@inline
export function add(backend: u32, direction: u32, bytes: u32): void {
  const volume = traffic.ofBackend(backend).volumeOf(direction);
  volume.packets++;
  volume.bytes += bytes;
}

/** Reads a row, for who only wants to touch it. */
// @ts-ignore: decorator
@inline
export function peek(backend: u32): u32 {
  return <u32>traffic.ofBackend(backend).connections;
}

/** Counts a connection that was made through a service port. */
export function open(backend: u32): void {
  traffic.ofBackend(backend).connections++;
}

/** Counts a connection that was turned away. */
export function refuse(service: u32, verdict: u32): void {
  const row = traffic.ofService(service);
  if (verdict == VERDICT_TX) row.rejected++;
  else row.dropped++;
}
