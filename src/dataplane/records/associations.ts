/** What is known of an SCTP association in the memory of the Wasm packet path <-> a row of columns. */
import * as layout from "../../../abi/layout.ts";
import type { Memory } from "../codec.ts";
import type { Columns } from "../snapshot/columns.ts";
import {
  ASSOCIATION_STRANGE,
  ASSOCIATION_STRANGE_REPLY,
  type ASSOCIATIONS,
} from "../snapshot/state.ts";

type Associations = Columns<typeof ASSOCIATIONS>;

export function readAssociation(
  { view }: Memory,
  at: number,
  { tag, flags }: Associations,
  row: number,
): void {
  tag[2 * row] = view.getUint32(at + layout.TAGS_OPENER);
  tag[2 * row + 1] = view.getUint32(at + layout.TAGS_ANSWERER);
  const all = view.getUint32(at + layout.TAGS_FLAGS, true);
  // From which side a heartbeat was strange stays noted when none is any more.
  flags[row] = all & ASSOCIATION_STRANGE ? all : all & ~ASSOCIATION_STRANGE_REPLY;
}

export function writeAssociation(
  { view }: Memory,
  at: number,
  { tag, flags }: Associations,
  row: number,
): void {
  view.setUint32(at + layout.TAGS_OPENER, tag[2 * row] as number);
  view.setUint32(at + layout.TAGS_ANSWERER, tag[2 * row + 1] as number);
  view.setUint32(at + layout.TAGS_FLAGS, flags[row] as number, true);
}
