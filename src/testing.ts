/**
 * waxdp/testing: packets from words, captures in memory, and matchers for vitest.
 *
 *     import { matchers, packet, type PacketMatchers } from "waxdp/testing";
 *     expect.extend(matchers);
 *     declare module "vitest" { interface Matchers<T = any> extends PacketMatchers<void> {} }
 */
import type { ProcessResult } from "./dataplane/dataplane.ts";
import type { Tuple } from "./dataplane/entries.ts";
import type { Reason, Verdict } from "./dataplane/event.ts";
import { type PacketSpec, packet } from "./packet/build.ts";
import { type Check, verify } from "./packet/checksum.ts";
import { compare, formatDifferences } from "./packet/compare.ts";
import { LINK_TYPES } from "./packet/link.ts";
import { tupleOf } from "./packet/parse.ts";
import { formatFrame } from "./packet/print.ts";

export type { LinkType } from "./dataplane/dataplane.ts";
export type {
  ChunkSpec,
  ExtensionSpec,
  FragmentSpec,
  IcmpSpec,
  TcpOptionsSpec,
  VlanTag,
} from "./packet/build.ts";
export { fragments, type PacketSpec, packet } from "./packet/build.ts";
export { compare, type Difference, formatDifferences } from "./packet/compare.ts";
export { LINK_TYPES } from "./packet/link.ts";
export { type Field, fieldsOf, formatBytes, formatFields, formatFrame } from "./packet/print.ts";
export { CaptureError, type Packet, readBytes, writeBytes } from "./pcap/index.ts";

/** A frame, or what `process` returned, whose packet is then meant. */
export type Framed = Uint8Array | Pick<ProcessResult, "packet">;

/** What `process` returned, or its event alone. */
export type Judged = Pick<ProcessResult, "event"> | ProcessResult["event"];

/** The matchers as `expect` has them once it was extended. */
export interface PacketMatchers<Result = void> {
  /**
   * The same bytes. Says otherwise where they differ, field by field. `link` is a LINKTYPE_ number.
   */
  toBePacket(expected: Uint8Array | PacketSpec, link?: number): Result;
  /** The verdict, and the reason when one is given; null for none. */
  toHaveVerdict(verdict: Verdict, reason?: Reason | null): Result;
  /** Those parts of the five-tuple that are given. */
  toHaveTuple(tuple: Partial<Tuple>, link?: number): Result;
  /** No checksum is wrong; none at all, or one that cannot be told, passes. */
  toHaveValidChecksums(link?: number): Result;
}

interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
  readonly expected?: unknown;
  readonly actual?: unknown;
}

/** For `expect.extend`, of vitest and of whatever else has its shape. */
export const matchers = { toBePacket, toHaveVerdict, toHaveTuple, toHaveValidChecksums };

function toBePacket(
  received: Framed,
  expected: Uint8Array | PacketSpec,
  link?: number,
): MatcherResult {
  const actual = frameOf(received);
  const wanted = expected instanceof Uint8Array ? expected : packet(expected);
  const linkType = link ?? linkOf(expected);
  const differences = compare(wanted, actual, linkType);
  if (differences.length === 0)
    return passed(`not to be ${formatFrame(wanted, { link: linkType })}`);
  const message = () =>
    [
      `expected ${formatFrame(wanted, { link: linkType })}`,
      `received ${formatFrame(actual, { link: linkType })}`,
      formatDifferences(differences),
    ].join("\n");
  return { pass: false, message };
}

function toHaveVerdict(received: Judged, verdict: Verdict, reason?: Reason | null): MatcherResult {
  const event = "event" in received ? received.event : received;
  const wanted = formatVerdict(verdict, reason);
  if (event.verdict === verdict && (reason === undefined || event.reason === reason)) {
    return passed(`not to have verdict ${wanted}`);
  }
  const actual = formatVerdict(event.verdict, event.reason);
  const message = () =>
    `expected verdict ${wanted}, received ${actual}\n${JSON.stringify(event, null, 2)}`;
  return { pass: false, message, expected: wanted, actual };
}

function toHaveTuple(received: Framed, expected: Partial<Tuple>, link?: number): MatcherResult {
  const actual = tupleOf(frameOf(received), link ?? LINK_TYPES.ethernet);
  const names = Object.keys(expected) as (keyof Tuple)[];
  const wrong = names.filter((name) => actual?.[name] !== expected[name]);
  if (wrong.length === 0) return passed(`not to have tuple ${JSON.stringify(expected)}`);
  const lines = wrong.map(
    (name) => `${name}  expected ${expected[name]}, actual ${actual?.[name] ?? "(absent)"}`,
  );
  return { pass: false, message: () => lines.join("\n"), expected, actual };
}

function toHaveValidChecksums(received: Framed, link?: number): MatcherResult {
  const frame = frameOf(received);
  const checks = verify(frame, link ?? LINK_TYPES.ethernet);
  const wrong = (Object.entries(checks) as [string, Check][]).filter(
    ([, check]) => check === "bad",
  );
  if (wrong.length === 0) return passed("not to have valid checksums");
  const layers = wrong.map(([layer]) => layer).join(" and ");
  const message = () =>
    `the ${layers} checksum is wrong: ${formatFrame(frame, { link: link ?? LINK_TYPES.ethernet })}`;
  return { pass: false, message };
}

/** Its message is read when `.not` stands in front. */
function passed(negation: string): MatcherResult {
  return { pass: true, message: () => `expected the packet ${negation}` };
}

function frameOf(received: Framed): Uint8Array {
  return received instanceof Uint8Array ? received : received.packet;
}

function linkOf(expected: Uint8Array | PacketSpec): number {
  return expected instanceof Uint8Array
    ? LINK_TYPES.ethernet
    : LINK_TYPES[expected.link ?? "ethernet"];
}

function formatVerdict(verdict: Verdict, reason: Reason | null | undefined): string {
  return reason === undefined || reason === null ? verdict : `${verdict} (${reason})`;
}
