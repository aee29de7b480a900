/** Every row of the benchmark. */

import { ARENA } from "../rows/work.ts";
import type { Row } from "./contestant.ts";
import type { Heat, Lane } from "./heat.ts";
import { programHeats } from "./programs.ts";

/** The engines, in the order of their columns; all are compared with the first. */
export const ENGINES = [
  "wasm",
  "model",
  "typescript",
  "c",
  "c staged",
  "c prefetch",
  "xdp",
  "xdp array",
];

/** What a row is unless it says otherwise. */
const PLAIN: Omit<Row, "name"> = {
  family: "ipv4",
  flows: 65536,
  kind: "conversation",
  proto: "tcp",
  popularity: "uniform",
  services: 1000,
  dialled: 1000,
  endpoints: 4,
  batch: ARENA,
  payload: 10,
  masquerade: false,
  windows: true,
};

type Variant = readonly [name: string, changes: Partial<Row>];

const FLOWS = [1, 1024, 65536, 1048576];
/** For what only new connections see; one endpoint each, so that it is Services that are many. */
const NEW: Partial<Row> = { kind: "new", endpoints: 1 };
const COUNT = new Intl.NumberFormat("en-US");

export const ESTABLISHED = "Established, both directions";

const TRAFFIC: readonly Variant[] = [
  ["requests only", { kind: "forward" }],
  ["replies only", { kind: "reply" }],
  ["TCP and UDP", { proto: "mixed" }],
  ["IPv6", { family: "ipv6" }],
  ["Zipf popularity", { popularity: "zipf" }],
  ["masqueraded", { masquerade: true }],
  ["1 % new connections", { kind: "mixed" }],
  ["new connections only", { kind: "new" }],
];

/** Engine against engine. */
export const DUELS: readonly Heat[] = [
  ...FLOWS.map((flows) => duel(ESTABLISHED, flowsText(flows), { flows })),
  ...FLOWS.map((flows) =>
    duel("Established, window check off", flowsText(flows), { flows, windows: false }),
  ),
  ...TRAFFIC.map(([name, changes]) => duel("Other traffic, 65,536 flows", name, changes)),
];

/** Wasm against Wasm: what one thing costs more than another. */
export const COSTS: readonly Heat[] = [
  ...FLOWS.slice(0, 3).map((flows) =>
    costs(`Window check, ${flowsText(flows)}`, [
      ["off", { flows, windows: false }],
      ["on", { flows }],
    ]),
  ),
  ...[1024, 65536].map((flows) =>
    costs(`Family, ${flowsText(flows)}`, [
      ["IPv4", { flows }],
      ["IPv6", { flows, family: "ipv6" }],
    ]),
  ),
  costs("Services, new connections", [
    ["10", { ...NEW, services: 10, dialled: 10 }],
    ["1", { ...NEW, services: 1, dialled: 1 }],
    ["1,000", NEW],
    ["100,000", { ...NEW, services: 100_000, dialled: 100_000 }],
    ["100,000, 10 of them dialled", { ...NEW, services: 100_000, dialled: 10 }],
  ]),
  costs("Endpoints of each of 10 Services, new connections", [
    ["1", { ...NEW, services: 10, dialled: 10 }],
    ["1,000", { ...NEW, services: 10, dialled: 10, endpoints: 1000 }],
  ]),
  costs("Frames in a call, 1,024 flows", [
    ["4,096", { flows: 1024 }],
    ["256", { flows: 1024, batch: 256 }],
    ["32", { flows: 1024, batch: 32 }],
    ["1", { flows: 1024, batch: 1 }],
  ]),
  costs("Bytes of a frame, 1,024 flows", [
    ["64", { flows: 1024 }],
    ["576", { flows: 1024, payload: 522 }],
    ["1,500", { flows: 1024, payload: 1446 }],
  ]),
  ways("Handing frames over, 1,024 flows", [
    ["in the arena", "wasm"],
    ["in the arena, committed one by one", "wasm, committed"],
    ["copied in one by one", "wasm, pushed"],
  ]),
  ways("Events, 1,024 flows", [
    ["not asked for", "wasm"],
    ["asked for, read by nobody", "wasm, events noted"],
    ["read and decoded for every packet", "wasm, events read"],
  ]),
];

/** What `--quick` runs of them: every engine, hot and cold, what traffic differs in most, and programs. */
const QUICK = [
  ...["1 flow", "1,024 flows", "65,536 flows", "IPv6", "new connections only"].map(
    (name) => new RegExp(`^(${ESTABLISHED}|Other traffic, 65,536 flows), ${name}$`),
  ),
  /^Programs before .*, 4,096 to a call$/,
];

/** What programs add. */
export const PROGRAMS: readonly Heat[] = programHeats({ ...PLAIN, flows: 1024 });

export const HEATS: readonly Heat[] = [...DUELS, ...COSTS, ...PROGRAMS];

export function titleOf({ topic, name }: Heat): string {
  return name === "" ? topic : `${topic}, ${name}`;
}

export function isQuick(heat: Heat): boolean {
  return QUICK.some((pattern) => pattern.test(titleOf(heat)));
}

function flowsText(flows: number): string {
  return `${COUNT.format(flows)} ${flows === 1 ? "flow" : "flows"}`;
}

function duel(topic: string, name: string, changes: Partial<Row>): Heat {
  const row = { ...PLAIN, ...changes, name: `${topic}, ${name}` };
  return {
    topic,
    name,
    lanes: ENGINES.map((contestant) => ({ name: contestant, contestant, row })),
  };
}

/** Rows that differ in one thing, all of them the Wasm engine's. */
function costs(topic: string, rows: readonly Variant[]): Heat {
  const lanes = rows.map(
    ([name, changes]): Lane => ({
      name,
      contestant: "wasm",
      row: { ...PLAIN, ...changes, name: `${topic}, ${name}` },
    }),
  );
  return { topic, name: "", lanes };
}

/** One row, of which different things are timed. */
function ways(
  topic: string,
  contestants: readonly (readonly [name: string, contestant: string])[],
): Heat {
  const row = { ...PLAIN, flows: 1024, name: topic };
  return {
    topic,
    name: "",
    lanes: contestants.map(([name, contestant]) => ({ name, contestant, row })),
  };
}
