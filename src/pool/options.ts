/** The options of a pool, checked, and what each worker gets of its capacities. */
import { SHARDS_MAX } from "../../abi/limits.ts";
import type { Capacity, DataplaneOptions } from "../dataplane/dataplane.ts";
import { badOption } from "../dataplane/error.ts";
import { show } from "../dataplane/field.ts";
import type { PoolOptions } from "./pool.ts";

/** Throws DataplaneError "bad-option"; returns the options that a dataplane has too. */
export function checkPoolOptions(options: PoolOptions): DataplaneOptions {
  if (typeof options !== "object" || options === null) {
    throw badOption("the options must be an object with the number of workers");
  }
  const { workers, steering = "port", worker, ...others } = options;
  if (!Number.isInteger(workers) || workers < 1 || workers > SHARDS_MAX) {
    throw badOption(`workers is ${show(workers)}: it must be an integer from 1 to ${SHARDS_MAX}`);
  }
  if (steering !== "port" && steering !== "address") {
    throw badOption(`steering is ${show(steering)}: it must be "port" or "address"`);
  }
  if (worker !== undefined && typeof worker !== "string" && !(worker instanceof URL)) {
    throw badOption(`worker is ${show(worker)}: it must be the address of waxdp/worker.js`);
  }
  return others;
}

/**
 * What each of several workers gets. Datagrams in fragments are few at a time, and chance may bring them all to one
 * worker, so each has room for all.
 */
export function shareOf(capacity: Capacity, workers: number): Capacity {
  const part = (whole: number) => Math.ceil(whole / workers);
  return {
    ...capacity,
    connections: part(capacity.connections),
    connections6: part(capacity.connections6),
    affinity: part(capacity.affinity),
  };
}
