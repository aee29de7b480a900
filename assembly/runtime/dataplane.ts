/** What the packet path lends to the runtime; both are at home in one memory. */

/** Runs packets through service NAT, in place; with none of them it only moves the clock and sweeps. */
// @ts-ignore: decorator
@external("dataplane", "processContexts")
export declare function process(contexts: usize, length: u32, now: u32): void;

/** Records of the fragments that the last `process` has let go. */
// @ts-ignore: decorator
@external("dataplane", "released")
export declare function released(): usize;

// @ts-ignore: decorator
@external("dataplane", "releasedLength")
export declare function releasedLength(): u32;

/** Milliseconds of the packet path's clock. */
// @ts-ignore: decorator
@external("dataplane", "now")
export declare function now(): u32;

/** Address of the counters. */
// @ts-ignore: decorator
@external("dataplane", "counters")
export declare function counters(): usize;

/** Address of the config record. */
// @ts-ignore: decorator
@external("dataplane", "config")
export declare function config(): usize;

/** Address of the record of a key, 0 for none; array maps take the address of a row's number. */
// @ts-ignore: decorator
@external("dataplane", "lookup")
export declare function lookup(map: u32, key: usize): usize;

/** Number of the service port that has an address and port, nodePorts included; 0 for none. */
// @ts-ignore: decorator
@external("dataplane", "owner")
export declare function owner(
  family: u32,
  address0: u64,
  address1: u64,
  port: u32,
  proto: u32,
): u32;

/** Writes the tuple of a frame to `out`; false when it has none. */
// @ts-ignore: decorator
@external("dataplane", "readTuple")
export declare function readTuple(descriptor: usize, out: usize): bool;
