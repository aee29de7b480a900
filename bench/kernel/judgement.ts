/** Whether the XDP program did the row's work, before it is timed. */
import type { Tuple } from "../../src/dataplane/entries.ts";
import { canonical } from "../../src/packet/address.ts";
import { verify } from "../../src/packet/checksum.ts";
import { tupleOf } from "../../src/packet/parse.ts";
import type { Work } from "../heats/contestant.ts";
import type { KernelRow } from "./row.ts";

const ETHERNET = 1;
/** Numbers of IANA. */
const PROTOS: Readonly<Record<string, number>> = { tcp: 6, udp: 17 };

/** Every packet of the row is sent, and only those open connections that are there for it. */
export function judgeTally({ row, order }: Work, tally: string): void {
  const [, , , sent, opened] = tally.split(" ").map(Number);
  const strangers = order.filter((flow) => row.kind === "new" || flow >= row.flows).length;
  if (sent === order.length && opened === strangers) return;
  throw new Error(
    `${row.name}: of ${order.length} packets, ${strangers} of them new, xdp sent ${sent} and opened ${opened}`,
  );
}

export function split(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: bytes.length / size }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

/** Checksums hold, requests reach an endpoint of their service, and replies come from who was dialled. */
export function judgeSamples(
  { samples, forward, services }: KernelRow,
  sent: readonly Uint8Array[],
): void {
  const endpoints = new Map(
    services.map((each) => [
      nameOf(each.address, each.port, each.proto),
      new Set(each.endpoints.map(({ address, port }) => nameOf(address, port, each.proto))),
    ]),
  );
  split(samples, forward.size).forEach((packet, index) => {
    const after = sent[index];
    if (after && isSound(after) && isRight(tuple(packet), tuple(after), endpoints)) return;
    throw new Error(`xdp translated sample ${index + 1} badly`);
  });
}

function isRight(
  before: Tuple,
  after: Tuple,
  endpoints: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  const own = endpoints.get(destination(before));
  return own ? own.has(destination(after)) : endpoints.has(source(after));
}

function isSound(packet: Uint8Array): boolean {
  const { ip, transport } = verify(packet, ETHERNET);
  return ip !== "bad" && transport === "good";
}

function tuple(packet: Uint8Array): Tuple {
  const found = tupleOf(packet, ETHERNET);
  if (!found) throw new Error("a sample is not a packet");
  return found;
}

function source({ saddr, sport, proto }: Tuple): string {
  return nameOf(saddr, sport, PROTOS[proto] ?? 0);
}

function destination({ daddr, dport, proto }: Tuple): string {
  return nameOf(daddr, dport, PROTOS[proto] ?? 0);
}

function nameOf(address: string, port: number, proto: number): string {
  return `${canonical(address)} ${port} ${proto}`;
}
