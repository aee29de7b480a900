/** services: vip -> service port. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Capacity } from "../dataplane.ts";
import type { Family, Service, Vip } from "../entries.ts";
import { mapFull } from "../error.ts";
import type { Extents } from "../extents.ts";
import { type Access, type MapOf, occupied } from "./access.ts";
import { demandRanges, loadRanges, rangesOwner, storeRanges } from "./ranges.ts";

export class Services implements MapOf<"services"> {
  readonly name = "services";
  readonly capacity: number;
  readonly #access: Access;
  readonly #ranges: Extents<string>;

  constructor(access: Access, capacity: Capacity, ranges: Extents<string>) {
    this.capacity = capacity.frontends;
    this.#access = access;
    this.#ranges = ranges;
  }

  get length(): number {
    return this.#access.exports.length(layout.MAP_SERVICES);
  }

  lookup(vip: Vip): Service | undefined {
    const at = this.#find(vip);
    return at === 0 ? undefined : this.#read(at, vip.family);
  }

  update(vip: Vip, value: Service): void {
    const { exports, memory, scratch } = this.#access;
    if (this.#find(vip) === 0 && this.length >= this.capacity)
      throw mapFull("frontends", this.capacity);
    const base = this.#store(vip, value.sourceRanges);
    codec.writeVip(memory, scratch, vip);
    codec.writeService(memory, scratch, value, base);
    exports.update(layout.MAP_SERVICES, scratch);
  }

  delete(vip: Vip): boolean {
    const { exports, memory, scratch } = this.#access;
    this.#ranges.release(rangesOwner(vip));
    codec.writeVip(memory, scratch, vip);
    return exports.remove(layout.MAP_SERVICES, scratch) === 1;
  }

  *entries(): IterableIterator<[Vip, Service]> {
    for (const at of occupied(this.#access, layout.MAP_SERVICES)) {
      const vip = codec.readVip(this.#access.memory, at);
      yield [vip, this.#read(at, vip.family)];
    }
  }

  #find(vip: Vip): number {
    const { exports, memory, scratch } = this.#access;
    codec.writeVip(memory, scratch, vip);
    return exports.lookup(layout.MAP_SERVICES, scratch) >>> 0;
  }

  #read(at: number, family: Family): Service {
    const { memory } = this.#access;
    const slice = codec.readServiceRanges(memory, at);
    return codec.readService(memory, at, slice && loadRanges(this.#access, family, slice));
  }

  /** In place of the ranges that the vip has had; returns where they begin. */
  #store(vip: Vip, list: Service["sourceRanges"]): number {
    const owner = rangesOwner(vip);
    demandRanges(this.#ranges, [owner], list?.length ?? 0);
    this.#ranges.release(owner);
    return list ? storeRanges(this.#access, this.#ranges, owner, vip.family, list).base : 0;
  }
}
