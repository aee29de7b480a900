/** Link layers: by name in the interface, as LINKTYPE_ numbers in capture files, as small numbers in descriptors. */
import * as layout from "../../abi/layout.ts";
import * as limits from "../../abi/limits.ts";
import type { LinkType } from "./dataplane.ts";
import { DataplaneError } from "./error.ts";

export interface Link {
  /** LINKTYPE_ value. */
  readonly type: number;
  /** LINK_SLOT_ number of abi/layout. */
  readonly slot: number;
}

const LINKS: Readonly<Record<LinkType, Link>> = {
  ethernet: { type: limits.LINK_ETHERNET, slot: layout.LINK_SLOT_ETHERNET },
  raw: { type: limits.LINK_RAW, slot: layout.LINK_SLOT_RAW },
  null: { type: limits.LINK_NULL, slot: layout.LINK_SLOT_NULL },
  loop: { type: limits.LINK_LOOP, slot: layout.LINK_SLOT_LOOP },
  "linux-sll": { type: limits.LINK_LINUX_SLL, slot: layout.LINK_SLOT_SLL },
  "linux-sll2": { type: limits.LINK_LINUX_SLL2, slot: layout.LINK_SLOT_SLL2 },
};

/** Other numbers that raw IP has: DLT_RAW as some systems wrote it, LINKTYPE_IPV4, LINKTYPE_IPV6. */
const RAW_TYPES = [limits.LINK_RAW, limits.LINK_IPV4, limits.LINK_IPV6, 12, 14];

const BY_TYPE = new Map<number, Link>([
  ...Object.values(LINKS).map((link): [number, Link] => [link.type, link]),
  ...RAW_TYPES.map((type): [number, Link] => [type, LINKS.raw]),
]);

/** A LINKTYPE_ number waxdp does not know is a link all of whose frames pass untouched. */
export function linkOf(linkType: LinkType | number): Link {
  if (typeof linkType === "number") {
    return BY_TYPE.get(linkType) ?? { type: linkType, slot: layout.LINK_SLOT_OTHER };
  }
  const link = LINKS[linkType];
  if (link) return link;
  throw new DataplaneError(
    "bad-option",
    `linkType "${linkType}" is none of ${Object.keys(LINKS).join(", ")}, nor a LINKTYPE_ number`,
  );
}
