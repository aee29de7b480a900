/**
 * Fragments. The kernel collects a datagram, verifies it, translates it and cuts it again where it was cut
 * before; the dataplane translates piece by piece and lets each go as soon as the ports are known. So a piece
 * is compared with the kernel's piece of the same place, whenever either of them left. What else may differ in a
 * piece is named here; a datagram the kernel kept back altogether is in differences.ts.
 */
import { internetChecksum } from "../conformance/sum.ts";
import { type Fragment, read } from "./packet.ts";
import { departureOf, isSame, type Trial } from "./trial.ts";

const DONT_FRAGMENT = 0x40;
const CONGESTION = 0x03;

/** Pieces of one datagram, in the order they came. */
export function datagramsOf(trials: readonly Trial[]): ReadonlyMap<string, Trial[]> {
  const datagrams = new Map<string, Trial[]>();
  for (const trial of trials) {
    const name = datagramName(trial.sent);
    if (name !== undefined) datagrams.set(name, [...(datagrams.get(name) ?? []), trial]);
  }
  return datagrams;
}

/** Undefined for what is no fragment. */
export function datagramName(l3: Uint8Array): string | undefined {
  const headers = read(l3);
  if (headers?.fragment === undefined) return undefined;
  return `${headers.saddr} ${headers.daddr} ${headers.fragment.id}`;
}

/** Notes for every held piece with what packet it left: by its place, which no translation changes. */
export function noteReleases(trials: readonly Trial[]): void {
  for (const { result, link } of trials) {
    for (const release of result.released) {
      const { id, offset } = pieceOf(release.packet.subarray(link))!;
      const held = trials.findLast(({ sent, result }) => {
        const piece = result.event.action === "hold" ? pieceOf(sent) : undefined;
        return piece?.id === id && piece.offset === offset;
      });
      held!.release = release;
    }
  }
}

function pieceOf(l3: Uint8Array): Fragment | undefined {
  return read(l3)?.fragment;
}

/** How one piece differs from the kernel's piece of the same place; nothing when they agree. */
export function comparePiece(trial: Trial, datagram: readonly Trial[]): string[] {
  const [left, wanted] = [departureOf(trial), wantedPiece(trial, datagram)];
  if (left === undefined && wanted === undefined) return [];
  if (wanted === undefined) return ["a piece leaves that the kernel kept back"];
  if (left === undefined) return ["a piece does not leave"];
  return isSame(left, wanted) ? [] : ["a piece leaves with other bytes"];
}

/** A duplicate is dropped: the kernel, too, lets one of them go. */
function wantedPiece(trial: Trial, datagram: readonly Trial[]): Uint8Array | undefined {
  const { offset } = pieceOf(trial.sent)!;
  const first = datagram.find(({ sent }) => pieceOf(sent)!.offset === offset);
  if (first !== trial) return undefined;
  const outputs = datagram.flatMap(({ outputs }) => outputs.map(({ l3 }) => l3));
  const output = outputs.find((l3) => pieceOf(l3)?.offset === offset);
  return output && asItCame(output, trial.sent);
}

/**
 * The kernel's piece with what it makes anew and the dataplane keeps from the piece that came: "don't fragment",
 * which it clears; time to live and congestion mark, which it takes from the first piece and from all of them; and the
 * identification of IPv6, which it draws.
 */
function asItCame(kernel: Uint8Array, came: Uint8Array): Uint8Array {
  const piece = kernel.slice();
  if (kernel[0]! >> 4 === 6) {
    piece[1] = (piece[1]! & ~(CONGESTION << 4)) | (came[1]! & (CONGESTION << 4));
    piece[7] = came[7]!;
    const [to, from] = [pieceOf(kernel)!.at + 2, pieceOf(came)!.at + 2];
    piece.set(came.subarray(from, from + 4), to);
    return piece;
  }
  piece[1] = (piece[1]! & ~CONGESTION) | (came[1]! & CONGESTION);
  piece[6] = (piece[6]! & ~DONT_FRAGMENT) | (came[6]! & DONT_FRAGMENT);
  piece[8] = came[8]!;
  return withHeaderChecksum(piece);
}

function withHeaderChecksum(piece: Uint8Array): Uint8Array {
  piece.fill(0, 10, 12);
  const sum = internetChecksum(piece.subarray(0, (piece[0]! & 15) * 4));
  piece.set([sum >> 8, sum & 0xff], 10);
  return piece;
}
