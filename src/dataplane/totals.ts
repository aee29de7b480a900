/** The counters of the Wasm packet path, read out of its memory. */
import * as layout from "../../abi/layout.ts";
import type { Counters } from "./counters.ts";
import { ACTIONS, CONNTRACKS, REASONS, VERDICTS } from "./event.ts";
import type { Instance } from "./module.ts";

export function readCounters({ exports, memory }: Instance): Counters {
  const view = new DataView(memory.buffer, exports.counters() >>> 0, layout.COUNTERS_SIZE);
  const total = (offset: number) => Number(view.getBigUint64(offset, true));
  const row = <Name extends string>(base: number, names: readonly (Name | null)[]) =>
    Object.fromEntries(
      names.flatMap((name, index) => (name === null ? [] : [[name, total(base + index * 8)]])),
    ) as Record<Name, number>;
  const verdicts = row(layout.COUNTER_VERDICTS, VERDICTS);
  return {
    packets: Object.values(verdicts).reduce((sum, each) => sum + each, 0),
    bytes: total(layout.COUNTER_BYTES),
    verdicts,
    actions: row(layout.COUNTER_ACTIONS, ACTIONS),
    reasons: row(layout.COUNTER_REASONS, REASONS),
    conntrack: row(layout.COUNTER_CONNTRACK, CONNTRACKS),
    connections: {
      created: total(layout.COUNTER_CREATED),
      expired: total(layout.COUNTER_EXPIRED),
      closed: total(layout.COUNTER_CLOSED),
      evicted: total(layout.COUNTER_EVICTED),
      ipv4: exports.length(layout.MAP_CONNTRACK4),
      ipv6: exports.length(layout.MAP_CONNTRACK6),
    },
    fragments: {
      held: total(layout.COUNTER_FRAGMENTS_HELD),
      released: total(layout.COUNTER_FRAGMENTS_RELEASED),
      discarded: total(layout.COUNTER_FRAGMENTS_DISCARDED),
    },
  };
}
