/** config: one entry, which the packet path reads per new connection. */
import * as layout from "../../../abi/layout.ts";
import * as codec from "../codec.ts";
import type { Config } from "../entries.ts";
import { DataplaneError } from "../error.ts";
import type { Extents } from "../extents.ts";
import type { Access, MapOf } from "./access.ts";
import { demandRanges, loadRanges, POD_RANGES, storeRanges } from "./ranges.ts";

export class Configuration implements MapOf<"config"> {
  readonly name = "config";
  readonly capacity = 1;
  readonly #access: Access;
  readonly #ranges: Extents<string>;
  readonly #at: number;
  #present = false;

  constructor(access: Access, ranges: Extents<string>) {
    this.#access = access;
    this.#ranges = ranges;
    this.#at = access.exports.config() >>> 0;
  }

  get length(): number {
    return this.#present ? 1 : 0;
  }

  lookup(): Config | undefined {
    return this.#present ? this.#read() : undefined;
  }

  update(_: "config", value: Config): void {
    const ranges = this.#ranges;
    const { ipv4, ipv6 } = value.podRanges;
    demandRanges(ranges, Object.values(POD_RANGES), ipv4.length + ipv6.length);
    ranges.release(POD_RANGES.ipv6);
    storeRanges(this.#access, ranges, POD_RANGES.ipv4, "ipv4", ipv4);
    storeRanges(this.#access, ranges, POD_RANGES.ipv6, "ipv6", ipv6);
    const slice = (owner: string) => ranges.get(owner) ?? { base: 0, length: 0 };
    codec.writeConfig(this.#access.memory, this.#at, value, {
      ipv4: slice(POD_RANGES.ipv4),
      ipv6: slice(POD_RANGES.ipv6),
    });
    this.#present = true;
  }

  delete(): boolean {
    throw new DataplaneError("read-only-map", "config: the entry can be updated, not deleted");
  }

  *entries(): IterableIterator<["config", Config]> {
    if (this.#present) yield ["config", this.#read()];
  }

  /** As if nobody had ever written it. */
  clear(): void {
    for (const owner of Object.values(POD_RANGES)) this.#ranges.release(owner);
    this.#access.memory.bytes.fill(0, this.#at, this.#at + layout.CONFIG_SIZE);
    this.#present = false;
  }

  #read(): Config {
    const { memory } = this.#access;
    const { ipv4, ipv6 } = codec.readPodRanges(memory, this.#at);
    return codec.readConfig(memory, this.#at, {
      ipv4: loadRanges(this.#access, "ipv4", ipv4),
      ipv6: loadRanges(this.#access, "ipv6", ipv6),
    });
  }
}
