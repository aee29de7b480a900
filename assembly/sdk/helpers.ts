/** The import module "waxdp": what the dataplane does for programs. */

// @ts-ignore: decorator
@external("waxdp", "map_lookup")
export declare function mapLookup(map: usize, key: usize): usize;
// @ts-ignore: decorator
@external("waxdp", "map_update")
export declare function mapUpdate(map: usize, key: usize, value: usize, flags: u32): i32;
// @ts-ignore: decorator
@external("waxdp", "map_delete")
export declare function mapDelete(map: usize, key: usize): i32;
// @ts-ignore: decorator
@external("waxdp", "ringbuf_reserve")
export declare function ringbufReserve(map: usize, size: u32): usize;
// @ts-ignore: decorator
@external("waxdp", "ringbuf_submit")
export declare function ringbufSubmit(record: usize): void;
// @ts-ignore: decorator
@external("waxdp", "ringbuf_discard")
export declare function ringbufDiscard(record: usize): void;
// @ts-ignore: decorator
@external("waxdp", "ringbuf_output")
export declare function ringbufOutput(map: usize, data: usize, size: u32): i32;
// @ts-ignore: decorator
@external("waxdp", "ringbuf_query")
export declare function ringbufQuery(map: usize, what: u32): i64;
// @ts-ignore: decorator
@external("waxdp", "tail_call")
export declare function tailCall(context: usize, map: usize, index: u32): i32;
// @ts-ignore: decorator
@external("waxdp", "time")
export declare function time(): i64;
// @ts-ignore: decorator
@external("waxdp", "random")
export declare function random(): u32;
// @ts-ignore: decorator
@external("waxdp", "cpu")
export declare function cpu(): u32;
// @ts-ignore: decorator
@external("waxdp", "csum_diff")
export declare function csumDiff(from: usize, fromSize: u32, to: usize, toSize: u32, seed: u32): i32;
// @ts-ignore: decorator
@external("waxdp", "adjust_head")
export declare function adjustHead(context: usize, delta: i32): i32;
// @ts-ignore: decorator
@external("waxdp", "adjust_tail")
export declare function adjustTail(context: usize, delta: i32): i32;
// @ts-ignore: decorator
@external("waxdp", "redirect")
export declare function redirect(context: usize, row: u32): i32;
// @ts-ignore: decorator
@external("waxdp", "tuple")
export declare function tuple(context: usize, out: usize): i32;
// @ts-ignore: decorator
@external("waxdp", "conntrack")
export declare function conntrack(tuple: usize, out: usize): i32;
// @ts-ignore: decorator
@external("waxdp", "service")
export declare function service(tuple: usize, out: usize): i32;
// @ts-ignore: decorator
@external("waxdp", "set_backend")
export declare function setBackend(context: usize, backend: u32): i32;

/** Only while the program is loaded. */
// @ts-ignore: decorator
@external("waxdp", "map_create")
export declare function mapCreate(
  name: usize,
  nameLength: u32,
  type: u32,
  keySize: u32,
  valueSize: u32,
  maxEntries: u32,
  flags: u32,
  keyType: usize,
  keyTypeLength: u32,
  valueType: usize,
  valueTypeLength: u32,
): usize;
// @ts-ignore: decorator
@external("waxdp", "map_create_inner")
export declare function mapCreateInner(
  name: usize,
  nameLength: u32,
  type: u32,
  keySize: u32,
  maxEntries: u32,
  flags: u32,
  innerType: u32,
  innerKeySize: u32,
  innerValueSize: u32,
  innerMaxEntries: u32,
  innerFlags: u32,
): usize;
// @ts-ignore: decorator
@external("waxdp", "reason")
export declare function reason(name: usize, nameLength: u32): u32;
