/** The export list of the packet path. */
export { ABI_VERSION } from "../abi/version";
export { partition } from "./flow/shard";
export { randomState, setRandomState } from "./flow/random";
export { released, releasedLength } from "./maps/held";
export { at, capacity, length, lookup, next, update } from "./maps/registry";
export {
  configure,
  descriptors,
  frames,
  frameStride,
  jumbo,
  scratch,
  start,
} from "./program/arena";
export { process, processContexts } from "./program/ingress";
export { steer } from "./program/steering";
export { config, counters, flush, rebase, remove, retire, sweep } from "./program/maps";
export { init as seedBalance } from "./flow/balance";
export { now, resume, swept } from "./flow/clock";
export { owner } from "./flow/service";
export { adopt } from "./program/adoption";
export { readTuple } from "./program/tuples";
