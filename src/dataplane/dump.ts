/**
 * Everything a dataplane holds, as MessagePack: every map with its entries, the counters and the statistics.
 * Both engines write the same dump after the same packets, and any MessagePack reader can read it. It is to be looked
 * at; what another dataplane can go on from is a snapshot, snapshot/snapshot.ts.
 */
import { Packr, unpack } from "msgpackr";
import type { Counters, ServiceStatistics } from "./counters.ts";
import type { Dataplane, Maps } from "./dataplane.ts";
import type { Entries } from "./entries.ts";
import { DataplaneError } from "./error.ts";

const FORMAT = "waxdp-dump";
const VERSION = 2;

/** What `dump` wrote, read back. */
export interface Dump {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly engine: Dataplane["engine"];
  /** [key, value] pairs by map, sorted by the key's text. */
  readonly maps: {
    readonly [Name in keyof Entries]: readonly [Entries[Name]["key"], Entries[Name]["value"]][];
  };
  readonly counters: Counters;
  readonly statistics: readonly ServiceStatistics[];
}

/** Plain maps with text keys, no extension types: readable in every language. */
const packr = new Packr({ useRecords: false, variableMapSize: true });

/** The dump of a dataplane as it is now. */
export function dump(dataplane: Dataplane): Uint8Array {
  const maps = Object.fromEntries(
    Object.keys(dataplane.maps).map((name) => [name, sorted(dataplane.maps, name as keyof Maps)]),
  );
  return packr.pack({
    format: FORMAT,
    version: VERSION,
    engine: dataplane.engine,
    maps,
    counters: dataplane.counters(),
    statistics: dataplane.statistics(),
  });
}

/** Throws DataplaneError "bad-dump". */
export function readDump(bytes: Uint8Array): Dump {
  const value = decode(bytes) as Partial<Dump> | null;
  if (value?.format !== FORMAT)
    throw new DataplaneError("bad-dump", "the bytes are no dump of waxdp");
  if (value.version === VERSION) return value as Dump;
  throw new DataplaneError(
    "bad-dump",
    `the dump has version ${value.version}, this waxdp reads ${VERSION}`,
  );
}

function decode(bytes: Uint8Array): unknown {
  try {
    return unpack(bytes);
  } catch (error) {
    throw new DataplaneError("bad-dump", `the dump is damaged: ${(error as Error).message}`);
  }
}

/** Hash maps come in no order of their own. */
function sorted(maps: Maps, name: keyof Maps): [unknown, unknown][] {
  const entries = [...maps[name].entries()] as [unknown, unknown][];
  const keyed = entries.map((entry) => ({ text: JSON.stringify(entry[0]), entry }));
  return keyed.sort((a, b) => (a.text < b.text ? -1 : 1)).map(({ entry }) => entry);
}
