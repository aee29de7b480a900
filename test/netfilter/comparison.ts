/** What the dataplane did with a packet beside what the kernel did. */
import { comparePiece, datagramName, datagramsOf } from "./fragments.ts";
import { deedOf, departureOf, isSame, type Trial } from "./trial.ts";

/** In what a step differs: the packet, its connections, or the number of entries an action removed. */
export type Aspect = "packet" | "connections" | "count";

export interface Judgement {
  readonly n: number;
  readonly name: string;
  readonly differs: readonly Aspect[];
  /** What differs, in words. */
  readonly complaints: readonly string[];
  /** What was done, by a packet's step or an action's. */
  readonly deed: string;
}

export function judge(trials: readonly Trial[]): Judgement[] {
  const datagrams = datagramsOf(trials);
  return trials.map((trial) => {
    const datagram = datagrams.get(datagramName(trial.sent) ?? "");
    const isCut = datagram?.some(({ outputs }) => isPieceOutput(outputs)) ?? false;
    const packet =
      datagram && (isCut || isSilent(datagram))
        ? comparePiece(trial, datagram)
        : compareOutput(trial);
    return judgement(trial, packet);
  });
}

function isPieceOutput(outputs: Trial["outputs"]): boolean {
  return outputs.some(({ l3 }) => datagramName(l3) !== undefined);
}

function isSilent(datagram: readonly Trial[]): boolean {
  return datagram.every(({ outputs }) => outputs.length === 0);
}

function judgement(trial: Trial, packet: readonly string[]): Judgement {
  const { step, complaints } = trial;
  const differs: Aspect[] = [];
  if (packet.length > 0) differs.push("packet");
  if (complaints.length > 0) differs.push("connections");
  const all = [...packet, ...complaints];
  return { n: step.n, name: step.name, differs, complaints: all, deed: deedOf(trial) };
}

/** The kernel may have sent more than one packet: the one that came, and an error of its own. */
function compareOutput(trial: Trial): string[] {
  const [left, { outputs, result }] = [departureOf(trial), trial];
  if (left === undefined) return outputs.length === 0 ? [] : ["nothing leaves"];
  if (outputs.length === 0) return ["a packet leaves that the kernel kept back"];
  const same = outputs.find(({ l3 }) => isSame(l3, left));
  if (same === undefined) return ["a packet leaves with other bytes"];
  const verdict = isRefusal(trial, same) ? "TX" : "PASS";
  if (result.verdict !== verdict) return [`the verdict is ${result.verdict}, not ${verdict}`];
  return outputs.slice(1).map(() => "the kernel sends one packet more");
}

/** Made by the node about a packet, not the packet itself. */
function isRefusal({ step }: Trial, { origin }: Trial["outputs"][number]): boolean {
  return step.send_error !== undefined || (origin === "node" && step.frame !== undefined);
}
