/** The programs that are measured, in AssemblyScript. */

export const NO_OP = `
import { Context, NEXT } from "waxdp/program";

export function program(ctx: Context): i32 {
  return NEXT;
}
`;

export const NO_OP_BATCH = `
import { Contexts } from "waxdp/program";

export function batch(contexts: Contexts, count: u32): void {}
`;

/** Packets by the port they go to. */
export const PORT_COUNTER = `
import { array, Context, NEXT, tcp } from "waxdp/program";

const packets = array<u64>("packets", 65536);

export function program(ctx: Context): i32 {
  const header = tcp(ctx);
  if (header != null) packets.add(header.dport, 1);
  return NEXT;
}
`;

/** Packets by the network they come from. The networks are put in from outside. */
export const NETWORK_COUNTER = `
import { Context, ipv4, lpmTrie, NEXT, Prefix4 } from "waxdp/program";

@unmanaged
class Network {
  packets: u64;
}

const networks = lpmTrie<Prefix4, Network>("networks", 1024);

export function program(ctx: Context): i32 {
  const header = ipv4(ctx);
  if (header == null) return NEXT;
  const network = networks.match(header.saddr);
  if (network != null) network.packets++;
  return NEXT;
}
`;

/** Entries of the maps whose operations are timed: a power of two. */
export const ENTRIES = 16384;
/** The 32-bit golden ratio: multiplying by it visits them all, in an order that no cache expects. */
export const STEP = 0x9e3779b1;

/** What is done to an entry, by the number in ctx.mark. */
export const OPERATIONS = ["lookup", "update", "delete", "insert"] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Statements about entry `index`; an operation that fails counts in `failed`, as do values other than 0. */
interface MapProgram {
  readonly declarations: string;
  readonly key: string;
  readonly lookup: string;
  readonly update: string;
  readonly remove: string;
}

const TRAFFIC = `
@unmanaged
class Traffic {
  packets: u64;
  bytes: u64;
}
const traffic = record<Traffic>();
`;

const MAP_PROGRAMS = {
  array: {
    declarations: `const map = array<u64>("array", ENTRIES);`,
    key: "",
    lookup: "failed += map.get(index, 1)",
    update: "if (map.update(index, 0) != 0) failed++",
    remove: "failed++",
  },
  hash: {
    declarations: `${TRAFFIC}
@unmanaged
class Flow {
  saddr: Ipv4;
  daddr: Ipv4;
  sport: Be16;
  dport: Be16;
  proto: u32;
}
const flow = record<Flow>();
const map = hash<Flow, Traffic>("hash", ENTRIES);`,
    key: "flow.saddr = networkOf(index); flow.sport = bswap<u16>(<u16>index)",
    lookup: "const found = map.lookup(flow); failed += found == null ? 1 : found.packets",
    update: "if (map.update(flow, traffic) != 0) failed++",
    remove: "if (map.remove(flow) != 0) failed++",
  },
  lpm_trie: {
    declarations: `${TRAFFIC}
const network = record<Prefix4>();
const map = lpmTrie<Prefix4, Traffic>("lpm_trie", ENTRIES);`,
    key: "network.length = 24; network.address = networkOf(index)",
    lookup:
      "const found = map.match(network.address | 0x01000000); failed += found == null ? 1 : found.packets",
    update: "if (map.update(network, traffic) != 0) failed++",
    remove: "if (map.remove(network) != 0) failed++",
  },
} as const satisfies Record<string, MapProgram>;

export type MapName = keyof typeof MAP_PROGRAMS;
export const MAP_NAMES = Object.keys(MAP_PROGRAMS) as readonly MapName[];

/** The mark of a packet on which a program does nothing. */
export const NOTHING = OPERATIONS.length;

/** One packet is one operation on every entry; afterwards ctx.priority is how many of them failed. */
export function mapProgram(name: MapName): string {
  const { declarations, key, lookup, update, remove }: MapProgram = MAP_PROGRAMS[name];
  return `
import {
  address4, array, Be16, Context, hash, Ipv4, lpmTrie, NEXT, Prefix4, record,
} from "waxdp/program";

const ENTRIES: u32 = ${ENTRIES};

function networkOf(index: u32): Ipv4 {
  return address4(10, index >> 8, index & 0xff, 0);
}
${declarations}

export function program(ctx: Context): i32 {
  const operation = ctx.mark;
  if (operation == ${NOTHING}) return NEXT;
  let failed: u64 = 0;
  for (let i: u32 = 0; i < ENTRIES; i++) {
    const index = (i * ${STEP}) & (ENTRIES - 1);
    ${key};
    if (operation == ${OPERATIONS.indexOf("lookup")}) { ${lookup}; }
    else if (operation == ${OPERATIONS.indexOf("delete")}) { ${remove}; }
    else { ${update}; }
  }
  ctx.priority = <u32>failed;
  return NEXT;
}
`;
}
