/** Who competes on this machine, and who is missing. */
import { DataplaneError } from "../../src/dataplane/error.ts";
import { createDataplane } from "../../src/index.ts";
import { model, typescript, wasm } from "../engines/engines.ts";
import { createNative, NATIVE_NAMES } from "../engines/native.ts";
import { createPrograms } from "../engines/programs.ts";
import { committed, noted, pushed, read } from "../engines/take.ts";
import { createXdp, XDP_NAMES } from "../engines/xdp.ts";
import type { Absent, Contestant } from "./contestant.ts";
import type { Heat } from "./heat.ts";

export interface Field {
  readonly contestants: ReadonlyMap<string, Contestant>;
  readonly absent: readonly Absent[];
  close(): Promise<void>;
}

/** Heats whose settings this build knows. */
export async function runnable(heats: readonly Heat[]): Promise<readonly Heat[]> {
  if (await knowsWindowSetting()) return heats;
  return heats.filter(({ lanes }) => lanes.every(({ row }) => row.windows));
}

async function knowsWindowSetting(): Promise<boolean> {
  try {
    await createDataplane({ sysctls: { nf_conntrack_tcp_no_window_check: 1 } });
    return true;
  } catch (error) {
    if (error instanceof DataplaneError && error.code === "bad-option") return false;
    throw error;
  }
}

/** `wanted` are the contestants of all lanes that are to run; nobody else is looked for. */
export async function createField(wanted: ReadonlySet<string>): Promise<Field> {
  const all = [...inProcess().filter(({ name }) => wanted.has(name)), ...(await outside(wanted))];
  const present = all.filter((each): each is Contestant => "prepare" in each);
  return {
    contestants: new Map(present.map((each) => [each.name, each])),
    absent: all.filter((each): each is Absent => "reason" in each),
    async close() {
      for (const contestant of present) await contestant.close();
    },
  };
}

function inProcess(): readonly Contestant[] {
  return [
    wasm(),
    wasm("wasm, committed", committed),
    wasm("wasm, pushed", pushed),
    wasm("wasm, events noted", noted),
    wasm("wasm, events read", read),
    model(),
    typescript(),
  ];
}

/** Those that have to be compiled first. */
async function outside(wanted: ReadonlySet<string>): Promise<readonly (Contestant | Absent)[]> {
  const native = NATIVE_NAMES.filter((name) => wanted.has(name));
  const xdp = XDP_NAMES.filter((name) => wanted.has(name));
  return [
    ...createNative(native),
    ...(xdp.length > 0 ? await createXdp(xdp) : []),
    ...(await createPrograms(wanted)),
  ];
}
