/** What is known of an SCTP association <-> a row of columns. */
import type { Columns } from "../../dataplane/snapshot/columns.ts";
import {
  ASSOCIATION_INIT,
  ASSOCIATION_STRANGE,
  ASSOCIATION_STRANGE_REPLY,
  type ASSOCIATIONS,
} from "../../dataplane/snapshot/state.ts";
import type { Direction } from "../direction.ts";
import type { Association } from "../sctp.ts";

type Associations = Columns<typeof ASSOCIATIONS>;

export function saveAssociation(
  { tag, flags }: Associations,
  row: number,
  { tags, inits, strange }: Association,
): void {
  tag[2 * row] = tags.orig;
  tag[2 * row + 1] = tags.reply;
  flags[row] =
    (inits.orig ? ASSOCIATION_INIT[0] : 0) |
    (inits.reply ? ASSOCIATION_INIT[1] : 0) |
    (strange !== null ? ASSOCIATION_STRANGE : 0) |
    (strange === "reply" ? ASSOCIATION_STRANGE_REPLY : 0);
}

export function loadAssociation({ tag, flags }: Associations, row: number): Association {
  const bits = flags[row] as number;
  const has = (flag: number) => (bits & flag) !== 0;
  const from: Direction = has(ASSOCIATION_STRANGE_REPLY) ? "reply" : "orig";
  return {
    tags: { orig: tag[2 * row] as number, reply: tag[2 * row + 1] as number },
    inits: { orig: has(ASSOCIATION_INIT[0]), reply: has(ASSOCIATION_INIT[1]) },
    strange: has(ASSOCIATION_STRANGE) ? from : null,
  };
}
