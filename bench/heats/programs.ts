/** Programs in the way of packets: what each adds, and where. */
import type { Row } from "./contestant.ts";
import type { Heat } from "./heat.ts";

export const LOAD_NAMES = [
  "one no-op",
  "one no-op, batch form",
  "ten no-ops",
  "ten no-ops, batch form",
  "counter by port, array",
  "counter by network, LPM",
] as const;
export type LoadName = (typeof LOAD_NAMES)[number];

export const PLACE_NAMES = ["before service NAT", "after service NAT", "on egress"] as const;
export type PlaceName = (typeof PLACE_NAMES)[number];

/** The contestant, and the lane, that the others are compared with. */
export const NO_PROGRAM = "no program";
/** Packets to a call. */
const BATCHES = [4096, 256];

const COUNT = new Intl.NumberFormat("en-US");

/** Name of a contestant. */
export function laneName(load: LoadName, place: PlaceName): string {
  return `${load} ${place}`;
}

/** A heat for each place and size of a call. */
export function programHeats(row: Omit<Row, "name">): readonly Heat[] {
  return BATCHES.flatMap((batch) =>
    PLACE_NAMES.map((place) => programHeat({ ...row, batch }, place)),
  );
}

function programHeat(row: Omit<Row, "name">, place: PlaceName): Heat {
  const topic = `Programs ${place}, ${COUNT.format(row.flows)} flows`;
  const name = `${COUNT.format(row.batch)} to a call`;
  const named = { ...row, name: `${topic}, ${name}` };
  return {
    topic,
    name,
    lanes: [
      { name: NO_PROGRAM, contestant: NO_PROGRAM, row: named },
      ...LOAD_NAMES.map((load) => ({
        name: load,
        contestant: laneName(load, place),
        row: named,
      })),
    ],
  };
}
