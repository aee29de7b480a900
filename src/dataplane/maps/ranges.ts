/** Rows of `ranges`: the source ranges of services and the pod CIDRs, a slice each. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Capacity } from "../dataplane.ts";
import type { AddressRange, Family, Vip } from "../entries.ts";
import { mapFull } from "../error.ts";
import { createExtents, type Extent, type Extents } from "../extents.ts";
import { type Access, rowAt } from "./access.ts";

/** Owner of ranges: the text of a vip, or one of these. */
export const POD_RANGES: Readonly<Record<Family, string>> = {
  ipv4: "pods/ipv4",
  ipv6: "pods/ipv6",
};

export function rangesOwner(vip: Vip): string {
  return `${vip.family}|${vip.address}|${vip.port}|${vip.proto}`;
}

export function createRanges(access: Access, capacity: Capacity): Extents<string> {
  const { memory, exports } = access;
  return createExtents<string>(capacity.ranges, (owner, from, to, length) => {
    const [source, target] = [
      rowAt(access, layout.MAP_RANGES, from),
      rowAt(access, layout.MAP_RANGES, to),
    ];
    memory.bytes.copyWithin(target, source, source + length * layout.RANGE_SIZE);
    memory.view.setUint32(rangeBaseAt(owner), to, true);
  });

  function rangeBaseAt(owner: string): number {
    if (owner === POD_RANGES.ipv4) return exports.config() + layout.CONFIG_POD_RANGE4_BASE;
    if (owner === POD_RANGES.ipv6) return exports.config() + layout.CONFIG_POD_RANGE6_BASE;
    const [family, address, port, proto] = owner.split("|") as [
      Family,
      string,
      string,
      Vip["proto"],
    ];
    codec.writeVip(memory, access.scratch, { family, address, port: Number(port), proto });
    return (exports.lookup(layout.MAP_SERVICES, access.scratch) >>> 0) + layout.SERVICE_RANGE_BASE;
  }
}

/** Throws DataplaneError "capacity" when `length` rows do not fit in place of those that `owners` hold. */
export function demandRanges(
  ranges: Extents<string>,
  owners: readonly string[],
  length: number,
): void {
  const held = owners.reduce((sum, owner) => sum + (ranges.get(owner)?.length ?? 0), 0);
  if (ranges.used - held + length > ranges.capacity) throw mapFull("ranges", ranges.capacity);
}

export function storeRanges(
  access: Access,
  ranges: Extents<string>,
  owner: string,
  family: Family,
  list: readonly AddressRange[],
): Extent {
  ranges.release(owner);
  const extent = ranges.allocate(owner, list.length);
  list.forEach((range, index) => {
    const at = rowAt(access, layout.MAP_RANGES, extent.base + index);
    codec.writeRange(access.memory, at, family, range);
  });
  return extent;
}

export function loadRanges(
  access: Access,
  family: Family,
  { base, length }: { base: number; length: number },
): AddressRange[] {
  return Array.from({ length }, (_, index) =>
    codec.readRange(access.memory, rowAt(access, layout.MAP_RANGES, base + index), family),
  );
}
