/** config: one entry, which the packet path reads per new connection. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import { DataplaneError } from "../error.ts";
import type { Extents } from "../extents.ts";
import type { Access, MapOf } from "./access.ts";
import { demandRanges, loadRanges, POD_RANGES, storeRanges } from "./ranges.ts";

export interface ConfigMap extends MapOf<"config"> {
  /** As if nobody had ever written it. */
  clear(): void;
}

export function createConfig(access: Access, ranges: Extents<string>): ConfigMap {
  const { exports, memory } = access;
  const at = exports.config() >>> 0;
  let present = false;
  const read = () => {
    const { ipv4, ipv6 } = codec.readPodRanges(memory, at);
    return codec.readConfig(memory, at, {
      ipv4: loadRanges(access, "ipv4", ipv4),
      ipv6: loadRanges(access, "ipv6", ipv6),
    });
  };
  return {
    name: "config",
    capacity: 1,
    get length() {
      return present ? 1 : 0;
    },
    lookup: () => (present ? read() : undefined),
    update(_, value) {
      const { ipv4, ipv6 } = value.podRanges;
      demandRanges(ranges, Object.values(POD_RANGES), ipv4.length + ipv6.length);
      ranges.release(POD_RANGES.ipv6);
      storeRanges(access, ranges, POD_RANGES.ipv4, "ipv4", ipv4);
      storeRanges(access, ranges, POD_RANGES.ipv6, "ipv6", ipv6);
      const slice = (owner: string) => ranges.get(owner) ?? { base: 0, length: 0 };
      codec.writeConfig(memory, at, value, {
        ipv4: slice(POD_RANGES.ipv4),
        ipv6: slice(POD_RANGES.ipv6),
      });
      present = true;
    },
    delete() {
      throw new DataplaneError("read-only-map", "config: the entry can be updated, not deleted");
    },
    clear() {
      for (const owner of Object.values(POD_RANGES)) ranges.release(owner);
      memory.bytes.fill(0, at, at + layout.CONFIG_SIZE);
      present = false;
    },
    *entries() {
      if (present) yield ["config", read()];
    },
  };
}
