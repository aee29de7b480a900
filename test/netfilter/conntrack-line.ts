/** Lines of the kernel's connection table beside the connections of the dataplane. */
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import type { Config, Connection, Tuple } from "../../src/dataplane/entries.ts";
import { formatEndpoint } from "../../src/packet/address.ts";
import { type Ends, SCTP, TCP, UDP } from "./packet.ts";
import type { DrawnPorts } from "./ports.ts";
import type { KubernetesObject } from "./recording.ts";

const PROTOCOLS: { readonly [name: string]: number } = { tcp: TCP, udp: UDP, sctp: SCTP };
const LINE =
  /^(?<proto>\w+) (?<seconds>\d+) (?<state>\S+) (?<orig>src=\S+ dst=\S+ sport=\d+ dport=\d+) \/ (?<reply>src=\S+ dst=\S+ sport=\d+ dport=\d+)(?<flags>.*)$/;
/** The table is read a moment after the step, and its seconds are rounded down. */
const READING_SECONDS = 0.2;

/** One connection, as both sides can say it. */
interface Row {
  /** Protocol and both tuples. */
  readonly name: string;
  /** "-" for protocols that have none. */
  readonly state: string;
  readonly flags: string;
  readonly seconds: number;
}

/** Address, port and protocol of every endpoint: direct connections to them are tracked, others are not. */
export function endpointsOf(objects: readonly KubernetesObject[]): ReadonlySet<string> {
  const slices = objects.filter(({ kind }) => kind === "EndpointSlice");
  const names = slices.flatMap(({ endpoints = [], ports = [] }) =>
    endpoints.flatMap(({ addresses }) =>
      ports.map(({ port, protocol }) => endpointName(protocol, addresses[0]!, port)),
    ),
  );
  return new Set(names);
}

function endpointName(protocol: string, address: string, port: number): string {
  return `${protocol.toLowerCase()} ${formatEndpoint(address, port)}`;
}

/** How the tables differ, in words; nothing when they agree. */
export function compareTables(
  lines: readonly string[],
  { dataplane, now, ports, endpoints }: TableContext,
): string[] {
  const kernel = lines.flatMap((line) => kernelRow(line, ports, endpoints) ?? []);
  const own = ownRows(dataplane, now);
  const missing = kernel.filter(({ name }) => !own.some((row) => row.name === name));
  const extra = own.filter(({ name }) => !kernel.some((row) => row.name === name));
  return [
    ...missing.map((row) => `no connection ${show(row)}`),
    ...extra.map((row) => `a connection too many: ${show(row)}`),
    ...kernel.flatMap((row) => compareRows(row, own)),
  ];
}

export interface TableContext {
  readonly dataplane: Dataplane;
  readonly now: number;
  readonly ports: DrawnPorts;
  readonly endpoints: ReadonlySet<string>;
}

function compareRows(kernel: Row, own: readonly Row[]): string[] {
  const row = own.find(({ name }) => name === kernel.name);
  if (row === undefined) return [];
  const isSame = row.state === kernel.state && row.flags === kernel.flags;
  const isInTime =
    row.seconds >= kernel.seconds - READING_SECONDS &&
    row.seconds <= kernel.seconds + 1 + READING_SECONDS;
  return isSame && isInTime ? [] : [`connection ${show(row)} is ${show(kernel)} in the kernel`];
}

function show({ name, state, flags, seconds }: Row): string {
  return `${name} ${state}${flags} ${seconds} s`;
}

/** Undefined for a connection that the dataplane does not track: no service's, and to no endpoint. */
function kernelRow(
  line: string,
  ports: DrawnPorts,
  endpoints: ReadonlySet<string>,
): Row | undefined {
  const { proto, seconds, state, orig, reply, flags } = LINE.exec(line)?.groups ?? {};
  if (PROTOCOLS[proto ?? ""] === undefined) return undefined;
  const [from, answer] = [endsOf(orig!), endsOf(reply!)];
  const isDirect = isInverse(from, answer);
  if (isDirect && !endpoints.has(endpointName(proto!, from.daddr, from.dport))) return undefined;
  const dport = ports.answered(PROTOCOLS[proto!]!, answer);
  return {
    name: nameOf(proto!, from, { ...answer, dport }),
    state: state!,
    flags: flags!
      .trim()
      .replaceAll(/[[\]]/g, "")
      .replace(/^(?=.)/, " "),
    seconds: Number(seconds),
  };
}

function endsOf(text: string): Ends {
  const [saddr, daddr, sport, dport] = text.split(" ").map((part) => part.split("=")[1]!);
  return { saddr: saddr!, daddr: daddr!, sport: Number(sport), dport: Number(dport) };
}

function isInverse(from: Ends, answer: Ends): boolean {
  const isAddressed = from.saddr === answer.daddr && from.daddr === answer.saddr;
  return isAddressed && from.sport === answer.dport && from.dport === answer.sport;
}

function nameOf(proto: string, from: Ends, answer: Ends): string {
  return `${proto} ${showEnds(from)} / ${showEnds(answer)}`;
}

function showEnds({ saddr, sport, daddr, dport }: Ends): string {
  return `${formatEndpoint(saddr, sport)}>${formatEndpoint(daddr, dport)}`;
}

/** What has ended and has not been swept yet is no connection any more. */
function ownRows({ maps }: Dataplane, now: number): Row[] {
  const config = maps.config.lookup("config")!;
  const rows = Array.from(maps.conntrack.entries(), ([tuple, connection]) =>
    ownRow(tuple, connection, secondsLeft(connection, config, now)),
  );
  return rows.filter(({ seconds }) => seconds >= 0);
}

function secondsLeft({ timer, lastSeen }: Connection, { timeouts }: Config, now: number): number {
  return (timeouts[timer] - (now - lastSeen)) / 1000;
}

function ownRow(tuple: Tuple, connection: Connection, seconds: number): Row {
  const { state, reply, seenReply, assured } = connection;
  const isNamed = tuple.proto !== "udp";
  return {
    name: nameOf(tuple.proto, tuple, reply),
    state: isNamed ? state.replace(/^SCTP_/, "") : "-",
    flags: (seenReply ? "" : " UNREPLIED") + (assured ? " ASSURED" : ""),
    seconds,
  };
}
