/**
 * The kernel's contestant: an XDP program of our own (bench/kernel/nat.bpf.c), run by BPF_PROG_TEST_RUN over
 * packets in memory. What it takes to lay the next packet in place is measured apart, and taken off.
 */
import {
  type Absent,
  type Contestant,
  type Family,
  opens,
  type Run,
  type Work,
} from "../heats/contestant.ts";
import { judgeSamples, judgeTally, split } from "../kernel/judgement.ts";
import { encodeRow, type KernelRow, kernelRow } from "../kernel/row.ts";
import { findProgram, openWorkshop, reasonOf, type Workshop } from "../kernel/workshop.ts";
import { createSession, type Session } from "../native/session.ts";

const PROGRAM = ["nat.bpf.c"];
const RUNNER = ["runner.c", "object.c", "table.c", "work.c"];
/** A packet takes it 50 to 500 ns. */
const BATCHES = 32;

/** A packet that is none: enough to see whether the kernel takes the program. */
const BLANK = { size: 128, bytes: new Uint8Array(128) };
const PROBE: KernelRow = {
  family: "ipv4",
  finite: false,
  flows: 0,
  capacity: 1,
  forward: BLANK,
  reply: { size: BLANK.size, bytes: new Uint8Array(0) },
  visits: Uint32Array.of(0),
  services: [],
  samples: BLANK.bytes,
};

/** Columns, and what their program is compiled with. */
const TABLES = { xdp: [], "xdp array": ["-DARRAY"] } as const satisfies Record<
  string,
  readonly string[]
>;
export type XdpName = keyof typeof TABLES;
export const XDP_NAMES = Object.keys(TABLES) as readonly XdpName[];

/** One contestant for each name; what they compile goes when the last of them is closed. */
export async function createXdp(
  names: readonly XdpName[] = XDP_NAMES,
): Promise<readonly (Contestant | Absent)[]> {
  if (names.length === 0) return [];
  const lack = lackOf();
  if (lack !== undefined) return names.map((name) => ({ name, reason: lack }));
  const workshop = openWorkshop();
  try {
    const foundry = await openFoundry(workshop);
    for (const name of names) await probe(foundry, name);
    return contestants(foundry, names);
  } catch (error) {
    workshop.close();
    const reason = reasonOf(error);
    return names.map((name) => ({ name, reason }));
  }
}

function lackOf(): string | undefined {
  if (process.platform !== "linux") return "only Linux has XDP";
  if (process.getuid?.() !== 0) return "only root may load BPF programs";
  return undefined;
}

/** Starts runners, and compiles what they need when the first of their kind is asked for. */
interface Foundry {
  start(name: XdpName, row: KernelRow): Promise<Session>;
  close(): void;
}

interface Tools {
  readonly runner: string;
  readonly object: string;
}

async function openFoundry(workshop: Workshop): Promise<Foundry> {
  const clang = await findProgram(["clang"]);
  if (clang === undefined) throw new Error("there is no clang");
  const compilers = { bpf: clang, c: (await findProgram(["cc", "gcc"])) ?? clang };
  const made = new Map<string, Promise<Tools>>();
  return {
    async start(name, row) {
      const kind = `${name} ${row.family}`;
      const tools = made.get(kind) ?? make(workshop, compilers, name, row.family);
      made.set(kind, tools);
      const { runner, object } = await tools;
      return createSession(runner, [object], encodeRow(row));
    },
    close: () => workshop.close(),
  };
}

async function make(
  workshop: Workshop,
  compilers: { readonly bpf: string; readonly c: string },
  name: XdpName,
  family: Family,
): Promise<Tools> {
  const options = ["-O2", `-DFAMILY=${family === "ipv4" ? 4 : 6}`, ...TABLES[name]];
  const forKernel = ["-target", "bpf", "-mcpu=v3", "-c", ...options];
  const runner = await workshop.compile(compilers.c, options, RUNNER);
  const object = await workshop.compile(compilers.bpf, forKernel, PROGRAM);
  return { runner, object };
}

async function probe(foundry: Foundry, name: XdpName): Promise<void> {
  const session = await foundry.start(name, PROBE);
  try {
    await session.ask("time 1");
  } finally {
    await session.close();
  }
}

function contestants(foundry: Foundry, names: readonly XdpName[]): Contestant[] {
  const open = new Set(names);
  return names.map((name) => ({
    name,
    batches: BATCHES,
    async prepare(work) {
      // It lends no node address: of masqueraded connections it takes those that are open.
      if (work.row.masquerade && opens(work.row)) return undefined;
      const row = kernelRow(work);
      return runOf(work, row, await foundry.start(name, row));
    },
    async close() {
      open.delete(name);
      if (open.size === 0) foundry.close();
    },
  }));
}

function runOf(work: Work, row: KernelRow, session: Session): Run {
  return {
    async time(batches) {
      return netOf(await session.ask(`time ${batches * work.row.batch}`));
    },
    async check() {
      judgeTally(work, await session.ask("tally"));
      const [count = 0, size = 0] = (await session.ask("check")).split(" ").map(Number);
      const sent = split(await session.bytes(count * size), size);
      judgeSamples(row, sent);
      // Its backends for new connections are its own choice.
      return opens(work.row) ? null : sent;
    },
    close: () => session.close(),
  };
}

/** Nanoseconds with the program, less those without. */
function netOf(answer: string): number[] {
  const numbers = answer.trim().split(" ").map(Number);
  return numbers.flatMap((gross, index) =>
    index % 2 === 0 ? [gross - (numbers[index + 1] as number)] : [],
  );
}
