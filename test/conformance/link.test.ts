/** What stands in front of the IP packet: looked through, kept, or left alone. */
import { describe } from "vitest";
import { build, type Frame, type Link } from "./frame.ts";
import {
  DELIVERED,
  DELIVERED_IPV6,
  passes,
  REQUEST,
  REQUEST_IPV6,
  roundTrip,
  WEB,
  WEB_IPV6,
} from "./scene.ts";
import { type Case, type Step, walk } from "./walk.ts";

const LINKS: Link[] = ["ethernet", "raw", "null", "loop", "linux-sll", "linux-sll2"];

function onLink(link: Link, steps: readonly Step[]): Step[] {
  return steps.map((step) => ({ ...step, options: { linkType: link } }));
}

describe("link layers", () => {
  const families = [
    { name: "IPv4", original: REQUEST, delivered: DELIVERED },
    { name: "IPv6", original: REQUEST_IPV6, delivered: DELIVERED_IPV6 },
  ];
  walk(
    LINKS.flatMap((link) =>
      families.map(
        ({ name, original, delivered }): Case => ({
          name: `${name} on ${link}`,
          steps: onLink(link, roundTrip({ ...original, link }, { ...delivered, link })),
        }),
      ),
    ),
  );
  walk([
    {
      name: "raw IP by its other numbers: 12, 14, 228, 229",
      steps: [12, 14, 228, 229].map((linkType, i) => ({
        ...(i === 0 ? WEB.open({ link: "raw" }) : WEB.request({ link: "raw", flags: "S" })),
        options: { linkType },
      })),
    },
    {
      name: "a link type nobody knows passes",
      steps: [
        { ...passes(build(REQUEST), { before: null, after: null }), options: { linkType: 147 } },
      ],
    },
    {
      name: "a third VLAN tag passes",
      steps: [
        passes(
          build({
            ...REQUEST,
            tags: [
              [0x8100, 1],
              [0x8100, 2],
              [0x8100, 3],
            ],
          }),
        ),
      ],
    },
    { name: "ARP passes", steps: [passes(withEthertype(0x0806), { before: null })] },
    ...[10, 24, 28, 30].flatMap((family): Case[] => [
      {
        name: `null with family ${family} little-endian is IPv6`,
        steps: [nullFamily("null", family, true)],
      },
      {
        name: `null with family ${family} big-endian is IPv6`,
        steps: [nullFamily("null", family, false)],
      },
      { name: `loop with family ${family} is IPv6`, steps: [nullFamily("loop", family, false)] },
    ]),
    {
      name: "loop with a little-endian family passes",
      steps: [{ ...passes(withFamily(30, true, REQUEST_IPV6)), options: { linkType: "loop" } }],
    },
  ]);
});

function withEthertype(ethertype: number): Uint8Array {
  const frame = build(REQUEST);
  new DataView(frame.buffer).setUint16(12, ethertype);
  return frame;
}

function withFamily(family: number, littleEndian: boolean, packet: Frame): Uint8Array {
  const frame = build({ ...packet, link: "null" });
  new DataView(frame.buffer).setUint32(0, family, littleEndian);
  return frame;
}

function nullFamily(linkType: "null" | "loop", family: number, littleEndian: boolean): Step {
  return {
    ...WEB_IPV6.open(),
    send: withFamily(family, littleEndian, REQUEST_IPV6),
    out: withFamily(family, littleEndian, DELIVERED_IPV6),
    options: { linkType },
  };
}
