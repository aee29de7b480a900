/** The options of a frame as its engine has them: link layers and devices by their numbers. */
import { type Link, linkOf } from "./link.ts";
import { checkObject, deviceOf, inputOf } from "./options.ts";
import type { BatchOwner } from "./owner.ts";

/** `rowOf` gives a device its row of `interfaces`. */
export function createResolver(
  defaultLink: Link,
  rowOf: (device: string) => number,
): BatchOwner["resolve"] {
  return (length, frame) => {
    checkObject(frame, "a frame");
    const link = frame.linkType === undefined ? defaultLink : linkOf(frame.linkType);
    const device = deviceOf(frame);
    const row = device === undefined ? 0 : rowOf(device);
    return { input: inputOf(frame, length, { interface: row, link: link.slot }), link };
  };
}
