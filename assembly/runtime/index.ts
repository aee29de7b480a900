/** The export list of the runtime of programs: a module of its own, in the memory of the packet path. */
export { ABI_VERSION } from "../../abi/version";
export {
  configure as configureMaps,
  create as createMap,
  free as freeMap,
  lookup as lookupMap,
  next as nextInMap,
  position as positionInMap,
  remove as removeFromMap,
  size as sizeOfMap,
  update as updateMap,
  valueAt as valueInMap,
  writeKey as writeKeyOfMap,
} from "./maps/host";
export { lookup as map_lookup, remove as map_delete, update as map_update } from "./maps/helpers";
export {
  discard as ringbuf_discard,
  output as ringbuf_output,
  peek as peekRing,
  query as ringbuf_query,
  reserve as ringbuf_reserve,
  skip as skipRing,
  submit as ringbuf_submit,
} from "./maps/ringbuf";
export { readCpu as cpu, setCpu } from "./state";
export { randomState, setRandomState } from "../flow/random";
export { open } from "./call";
export { configure, contexts, notes, parked, scratch, tallies } from "./block";
export { difference as csum_diff } from "./checksum";
export { adjustHead as adjust_head, adjustTail as adjust_tail } from "./frame";
export { translate } from "./nat";
export { settle } from "./outcome";
export {
  finish,
  runAll,
  runEach,
  tailCall as tail_call,
  trapAll,
  trapOne,
} from "./program";
export {
  readConnection as conntrack,
  readService as service,
  readTuple as tuple,
  redirect,
  setBackend as set_backend,
} from "./queries";
export { draw as random, init as seedRandom } from "./random";
export { forget as forgetRings } from "./rings";
export { setTime, time } from "./time";
export { turn } from "./walk";
