/** Link layers: by name in the interface, as LINKTYPE_ numbers in capture files, as small numbers in descriptors. */
import * as layout from "../../abi/layout.ts";
import { LINK_TYPES, RAW_LINK_TYPES } from "../packet/link.ts";
import type { LinkType } from "./dataplane.ts";
import { DataplaneError } from "./error.ts";
import { show } from "./field.ts";

export interface Link {
  /** LINKTYPE_ value. */
  readonly type: number;
  /** LINK_SLOT_ number of abi/layout. */
  readonly slot: number;
}

const LINKS: Readonly<Record<LinkType, Link>> = {
  ethernet: { type: LINK_TYPES.ethernet, slot: layout.LINK_SLOT_ETHERNET },
  raw: { type: LINK_TYPES.raw, slot: layout.LINK_SLOT_RAW },
  null: { type: LINK_TYPES.null, slot: layout.LINK_SLOT_NULL },
  loop: { type: LINK_TYPES.loop, slot: layout.LINK_SLOT_LOOP },
  "linux-sll": { type: LINK_TYPES["linux-sll"], slot: layout.LINK_SLOT_SLL },
  "linux-sll2": { type: LINK_TYPES["linux-sll2"], slot: layout.LINK_SLOT_SLL2 },
};

const BY_TYPE = new Map<number, Link>([
  ...Object.values(LINKS).map((link): [number, Link] => [link.type, link]),
  ...RAW_LINK_TYPES.map((type): [number, Link] => [type, LINKS.raw]),
]);

/** The link of a LINK_SLOT_ number other than LINK_SLOT_OTHER, whose frames are not looked into. */
export function linkOfSlot(slot: number): Link {
  return Object.values(LINKS).find((link) => link.slot === slot) as Link;
}

/** A LINKTYPE_ number waxdp does not know is a link all of whose frames pass untouched. */
export function linkOf(linkType: LinkType | number): Link {
  if (typeof linkType === "number") {
    return BY_TYPE.get(linkType) ?? { type: linkType, slot: layout.LINK_SLOT_OTHER };
  }
  if (Object.hasOwn(LINKS, linkType)) return LINKS[linkType];
  throw new DataplaneError(
    "bad-option",
    `linkType ${show(linkType)} is none of ${Object.keys(LINKS).join(", ")}, nor a LINKTYPE_ number`,
  );
}
