/** Maps of one's own, as a snapshot tells of them. */
import type { Layout, MapFlag, MapType } from "./map.ts";

/** What is known of a map in a snapshot. */
export interface KeptMap {
  readonly name: string;
  readonly type: MapType;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: readonly MapFlag[];
  /** Entries that are kept; of a ring buffer records. */
  readonly length: number;
  /** Undefined when nobody has said. */
  readonly key: Layout | undefined;
  readonly value: Layout | undefined;
}
