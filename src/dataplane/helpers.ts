/** The functions of import module "waxdp" that programs call while packets run: those of either engine's runtime. */

export interface HelperType {
  /** How many there are, each an i32. */
  readonly parameters: number;
  readonly result: "i32" | "i64" | "none";
}

function takes(parameters: number, result: HelperType["result"] = "i32"): HelperType {
  return { parameters, result };
}

/** By their names. */
export const HELPERS = {
  map_lookup: takes(2),
  map_update: takes(4),
  map_delete: takes(2),
  ringbuf_reserve: takes(2),
  ringbuf_submit: takes(1, "none"),
  ringbuf_discard: takes(1, "none"),
  ringbuf_output: takes(3),
  ringbuf_query: takes(2, "i64"),
  tail_call: takes(3),
  time: takes(0, "i64"),
  random: takes(0),
  cpu: takes(0),
  csum_diff: takes(5),
  adjust_head: takes(2),
  adjust_tail: takes(2),
  redirect: takes(2),
  tuple: takes(2),
  conntrack: takes(2),
  service: takes(2),
  set_backend: takes(2),
} as const satisfies Readonly<Record<string, HelperType>>;
