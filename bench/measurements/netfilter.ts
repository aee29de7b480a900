/**
 * What the kernel's own Service dataplane takes: kube-proxy's iptables rules between network namespaces. CPU
 * time of the whole road, less that of the same road without rules; the last Service of all is dialled.
 */
import type { Absent } from "../heats/contestant.ts";
import { median } from "../heats/sample.ts";
import { openRoad, PLAIN, type Road } from "../kernel/road.ts";
import { rulesOf, vipOf } from "../kernel/rules.ts";
import { findProgram, openWorkshop, reasonOf, type Workshop } from "../kernel/workshop.ts";

export interface NetfilterRow {
  /** The kind of iptables. */
  readonly name: string;
  readonly services: number;
  /** Nanoseconds of CPU time per packet that is forwarded untranslated, sending and dropping included. */
  readonly plain: number;
  /** What a packet of one of 1,024 open flows takes on top of that. */
  readonly established: number;
  /** What the first packet of a flow takes on top of that. */
  readonly first: number;
}

/** With the programs that load their rules. */
const KINDS = {
  "iptables legacy": "iptables-legacy-restore",
  "iptables nft": "iptables-nft-restore",
};
const SERVICES: readonly number[] = [1, 100, 1000];
const FLOWS = 1024;
const ROUNDS = 3;
const PACKETS = 65536;
/** Of flows that are new: fewer where each is compared with many rules. */
const FIRST_PACKETS = 8192;
const FIRST_PACKETS_SLOW = 4096;
/** Numbers that no open flow has. */
const FIRST_FLOW = 65536;

/** A row for each kind of iptables and number of Services, and the kinds that are missing. */
export async function measureNetfilter(
  numbers: readonly number[] = SERVICES,
): Promise<readonly (NetfilterRow | Absent)[]> {
  const names = Object.keys(KINDS);
  const lack = lackOf();
  if (lack !== undefined) return names.map((name) => ({ name, reason: lack }));
  const workshop = openWorkshop();
  try {
    return await measureAll(await compileSender(workshop), numbers);
  } catch (error) {
    const reason = reasonOf(error);
    return names.map((name) => ({ name, reason }));
  } finally {
    workshop.close();
  }
}

function lackOf(): string | undefined {
  if (process.platform !== "linux") return "only Linux has netfilter";
  if (process.getuid?.() !== 0) return "only root makes network namespaces";
  return undefined;
}

async function compileSender(workshop: Workshop): Promise<string> {
  const compiler = await findProgram(["cc", "gcc", "clang"]);
  if (compiler === undefined) throw new Error("there is no C compiler");
  return workshop.compile(compiler, ["-O2"], ["sender.c"]);
}

async function measureAll(
  sender: string,
  numbers: readonly number[],
): Promise<readonly (NetfilterRow | Absent)[]> {
  const plain = await openRoad(sender);
  try {
    const results: (NetfilterRow | Absent)[] = [];
    for (const [name, program] of Object.entries(KINDS)) {
      results.push(...(await measureKind(sender, plain, { name, program }, numbers)));
    }
    return results;
  } finally {
    await plain.close();
  }
}

async function measureKind(
  sender: string,
  plain: Road,
  { name, program }: { readonly name: string; readonly program: string },
  numbers: readonly number[],
): Promise<readonly (NetfilterRow | Absent)[]> {
  if ((await findProgram([program])) === undefined) {
    return [{ name, reason: `there is no ${program}` }];
  }
  try {
    const rows: NetfilterRow[] = [];
    for (const services of numbers) {
      rows.push({ name, services, ...(await measureRules(sender, plain, program, services)) });
    }
    return rows;
  } catch (error) {
    return [{ name, reason: reasonOf(error) }];
  }
}

type Figures = Pick<NetfilterRow, "plain" | "established" | "first">;

/** A road of its own for each set of rules: connections of others are not in its tables. */
async function measureRules(
  sender: string,
  plain: Road,
  program: string,
  services: number,
): Promise<Figures> {
  const road = await openRoad(sender);
  try {
    road.restore(program, rulesOf(services));
    const rounds: Figures[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      rounds.push(await measureRound(plain, road, services, round));
    }
    // The first round warms up, and opens the flows that the others find open.
    return medians(rounds.slice(1));
  } finally {
    await road.close();
  }
}

async function measureRound(
  plain: Road,
  road: Road,
  services: number,
  round: number,
): Promise<Figures> {
  const open = { first: 0, flows: FLOWS, packets: PACKETS };
  const flows = services < 1000 ? FIRST_PACKETS : FIRST_PACKETS_SLOW;
  const fresh = { first: FIRST_FLOW + round * flows, flows, packets: flows };
  const address = vipOf(services - 1);
  const forwarded = await plain.send({ ...open, address: PLAIN });
  const established = await road.send({ ...open, address });
  const first = await road.send({ ...fresh, address });
  return { plain: forwarded, established: established - forwarded, first: first - forwarded };
}

function medians(rounds: readonly Figures[]): Figures {
  return {
    plain: median(rounds.map(({ plain }) => plain)),
    established: median(rounds.map(({ established }) => established)),
    first: median(rounds.map(({ first }) => first)),
  };
}
