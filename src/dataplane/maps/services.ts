/** services: vip -> service port. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Capacity } from "../dataplane.ts";
import type { Family, Vip } from "../entries.ts";
import { mapFull } from "../error.ts";
import type { Extents } from "../extents.ts";
import { type Access, type MapOf, occupied } from "./access.ts";
import { demandRanges, loadRanges, rangesOwner, storeRanges } from "./ranges.ts";

export function createServices(
  access: Access,
  capacity: Capacity,
  ranges: Extents<string>,
): MapOf<"services"> {
  const { exports, memory, scratch } = access;
  const find = (vip: Vip) => {
    codec.writeVip(memory, scratch, vip);
    return exports.lookup(layout.MAP_SERVICES, scratch) >>> 0;
  };
  const read = (at: number, family: Family) => {
    const slice = codec.readServiceRanges(memory, at);
    return codec.readService(memory, at, slice && loadRanges(access, family, slice));
  };
  return {
    name: "services",
    capacity: capacity.frontends,
    get length() {
      return exports.length(layout.MAP_SERVICES);
    },
    lookup(vip) {
      const at = find(vip);
      return at === 0 ? undefined : read(at, vip.family);
    },
    update(vip, value) {
      if (find(vip) === 0 && this.length >= capacity.frontends)
        throw mapFull("frontends", capacity.frontends);
      const owner = rangesOwner(vip);
      demandRanges(ranges, [owner], value.sourceRanges?.length ?? 0);
      ranges.release(owner);
      const extent = value.sourceRanges
        ? storeRanges(access, ranges, owner, vip.family, value.sourceRanges)
        : { base: 0 };
      codec.writeVip(memory, scratch, vip);
      codec.writeService(memory, scratch, value, extent.base);
      exports.update(layout.MAP_SERVICES, scratch);
    },
    delete(vip) {
      ranges.release(rangesOwner(vip));
      codec.writeVip(memory, scratch, vip);
      return exports.remove(layout.MAP_SERVICES, scratch) === 1;
    },
    *entries() {
      for (const at of occupied(access, layout.MAP_SERVICES)) {
        const vip = codec.readVip(memory, at);
        yield [vip, read(at, vip.family)];
      }
    },
  };
}
