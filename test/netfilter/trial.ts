/** One packet of a scenario and what the dataplane made of it. */
import type { ProcessResult, Released } from "../../src/dataplane/dataplane.ts";
import type { PacketEvent } from "../../src/dataplane/event.ts";
import { read, rewrite, trim } from "./packet.ts";
import type { PacketStep } from "./recording.ts";

export interface Trial {
  readonly step: PacketStep;
  /** The IP packet that went in. */
  readonly sent: Uint8Array;
  /** Bytes of the link layer in front of it. */
  readonly link: number;
  readonly result: ProcessResult;
  /** Of a fragment that was held: as it left with a later packet of the scenario. */
  release: Released | undefined;
  /** What the kernel's table and the dataplane's, or the ports they drew, do not share. */
  readonly complaints: readonly string[];
  /** Of the error that the kernel sent about it: the same one, made by the node about what left here. */
  readonly error: Uint8Array | undefined;
  /** The kernel's packets with the dataplane's ports in them. */
  readonly outputs: readonly { readonly origin: string; readonly l3: Uint8Array }[];
}

/** What the dataplane did, in a word that says what the bytes are as well. */
export type Deed =
  | "let through as it is"
  | "translated"
  | "translated, and so is the node's error about it"
  | "related"
  | "rejected"
  | "held"
  | "garbled"
  | `dropped: ${string}`;

/** The IP packet that left, now or later. */
export function departureOf({ result, release, link }: Trial): Uint8Array | undefined {
  const departure = release ?? (result.verdict === "DROP" ? undefined : result);
  return departure && trim(departure.packet.subarray(link));
}

export function deedOf(trial: Trial): Deed {
  const { result, release } = trial;
  const { verdict, action, reason } = result.event;
  if (release === undefined && action === "hold") return "held";
  if (verdict === "DROP") return release ? passed(trial, release.event) : `dropped: ${reason}`;
  return verdict === "TX" ? "rejected" : passed(trial, result.event);
}

/** "translated" only when the bytes are those of the packet that came, with the ends the event names. */
function passed(trial: Trial, { action, after }: PacketEvent): Deed {
  const [sent, left] = [trim(trial.sent), departureOf(trial)!];
  if (action === "pass") return isSame(left, sent) ? "let through as it is" : "garbled";
  if (action === "related") return read(left)?.daddr === after?.daddr ? "related" : "garbled";
  if (!after || !isSame(left, rewrite(sent, after))) return "garbled";
  return isAnswered(trial) ? "translated, and so is the node's error about it" : "translated";
}

/** The node's error about what left comes out as the kernel sent it. */
function isAnswered({ error, outputs }: Trial): boolean {
  return error !== undefined && outputs.some(({ l3 }) => isSame(l3, error));
}

export function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
