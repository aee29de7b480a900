/** What is measured besides rows, because it is no engine's packet path alone. */
import { availableParallelism } from "node:os";
import { packet } from "../../src/packet/build.ts";
import type { Absent } from "../heats/contestant.ts";
import type { Report } from "../report.ts";
import { applications } from "./apply.ts";
import { footprints } from "./footprint.ts";
import { measureMaps } from "./maps.ts";
import { measureNetfilter } from "./netfilter.ts";
import { measurePool, type PoolMeasurement } from "./pool.ts";
import { startup } from "./startup.ts";

type Extras = Pick<
  Report,
  "maps" | "workers" | "netfilter" | "startup" | "applications" | "footprints"
>;

/** Titles, to be chosen by as rows are. */
export const EXTRAS: Readonly<Record<keyof Extras, string>> = {
  maps: "Map operations, from TypeScript and in programs",
  workers: "Workers, 1,024 flows of each",
  netfilter: "iptables in the kernel",
  startup: "From import to first verdict",
  applications: "Applying objects",
  footprints: "Bytes of Wasm memory",
};

/** Connections of each worker. */
const FLOWS = 1024;

/** `show` is told the title of what begins. */
export async function measureExtras(
  chosen: (title: string) => boolean,
  rounds: number,
  show: (title: string) => void,
): Promise<Extras> {
  const measure = async <Result>(name: keyof Extras, run: () => Promise<Result>) => {
    if (!chosen(EXTRAS[name])) return undefined;
    show(EXTRAS[name]);
    return run();
  };
  return {
    maps: await measure("maps", () => measureMaps(rounds)),
    workers: await measure("workers", () => measureWorkers(rounds)),
    netfilter: await measure("netfilter", measureNetfilter),
    startup: await measure("startup", () => startup(firstPacket())),
    applications: await measure("applications", applications),
    footprints: await measure("footprints", footprints),
  };
}

async function measureWorkers(rounds: number): Promise<PoolMeasurement | Absent> {
  if (availableParallelism() < 2) return { name: "workers", reason: "there is one core" };
  return measurePool(FLOWS, rounds, () => new Promise(setImmediate));
}

function firstPacket(): Uint8Array {
  return packet({ saddr: "10.128.0.1", sport: 40000, daddr: "10.96.0.1", dport: 80, flags: "S" });
}
