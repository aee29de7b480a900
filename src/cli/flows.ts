/** Flows in words: --from and --to, and the lines of a --flows file. */
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { PROTOS, type Proto } from "../dataplane/entries.ts";
import type { FlowSpec } from "../explain.ts";
import * as address from "../packet/address.ts";
import { fileError, InputError } from "./failure.ts";
import { nameOf } from "./files.ts";

/** A flow with the name its line gives it. */
export interface NamedFlow {
  /** Whatever JSON value the line has; null without one. */
  readonly id: unknown;
  readonly flow: FlowSpec;
}

const PORT_MAX = 65535;
/** A flow takes some 150 characters; a file without line ends is no flows file. */
const LINE_MAX = 1 << 20;

/** "10.0.0.1", "10.0.0.1:80", "2001:db8::1", "[2001:db8::1]:80"; the port may be absent. */
export function parseFrom(text: string): { saddr: string; sport?: number } {
  const bare = address.canonical(text.replace(/^\[(.*)\]$/, "$1"));
  if (bare !== null) return { saddr: bare };
  const endpoint = address.parseEndpoint(text);
  if (endpoint) return { saddr: endpoint.address, sport: endpoint.port };
  throw new InputError(
    `--from ${text}: not an address; write 10.0.0.1, 10.0.0.1:40000, 2001:db8::1 or [2001:db8::1]:40000`,
  );
}

export function parseTo(text: string): { daddr: string; dport: number } {
  const endpoint = address.parseEndpoint(text);
  if (endpoint) return { daddr: endpoint.address, dport: endpoint.port };
  const mend = address.canonical(text) === null ? "write" : "the port is missing; write";
  throw new InputError(
    `--to ${text}: not an address with a port; ${mend} 10.96.0.1:80 or [2001:db8::1]:80`,
  );
}

/** Throws InputError when the two ends are not of one family. */
export function checkFamilies(place: string, { saddr, daddr }: FlowSpec): void {
  if (address.family(saddr) === address.family(daddr)) return;
  throw new InputError(
    `${place}: ${saddr} and ${daddr} are not of one family; a packet has two IPv4 or two IPv6 addresses`,
  );
}

/** The flows of a JSON lines file, one by one; "-" is the standard input. Empty lines are passed over. */
export async function* readFlows(path: string): AsyncGenerator<NamedFlow> {
  const name = nameOf(path);
  let number = 0;
  for await (const line of readLines(name, path === "-" ? process.stdin : createReadStream(path))) {
    number++;
    if (line.trim() !== "") yield parseFlowLine(`${name}:${number}`, line);
  }
}

async function* readLines(name: string, stream: Readable): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of stream.setEncoding("utf8")) {
      const lines = (chunk as string).split("\n");
      lines[0] = rest + lines[0];
      rest = lines.pop() ?? "";
      if (rest.length > LINE_MAX)
        throw new InputError(`${name}: a line of more than ${LINE_MAX} characters`);
      yield* lines;
    }
  } catch (error) {
    throw error instanceof InputError ? error : fileError("read", name, error);
  }
  if (rest !== "") yield rest;
}

/** Throws InputError that begins with `place`. */
export function parseFlowLine(place: string, line: string): NamedFlow {
  const record = parseRecord(place, line);
  const sport =
    record.sport === undefined || record.sport === null
      ? {}
      : { sport: portOf(place, record, "sport") };
  const flow: FlowSpec = {
    saddr: addressOf(place, record, "saddr"),
    ...sport,
    daddr: addressOf(place, record, "daddr"),
    dport: portOf(place, record, "dport"),
    proto: protoOf(place, record.proto),
    ...deviceOf(place, record),
  };
  checkFamilies(place, flow);
  return { id: record.id ?? null, flow };
}

function parseRecord(place: string, line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new InputError(`${place}: not JSON: ${(error as Error).message}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new InputError(
    `${place}: not an object; write {"id", "saddr", "sport", "daddr", "dport", "proto"}`,
  );
}

function addressOf(place: string, record: Record<string, unknown>, key: string): string {
  const value = record[key];
  const canonical = typeof value === "string" ? address.canonical(value) : null;
  if (canonical !== null) return canonical;
  throw new InputError(
    `${place}: "${key}" is ${show(value)}; write an IPv4 or IPv6 address in quotes`,
  );
}

function portOf(place: string, record: Record<string, unknown>, key: string): number {
  const value = record[key];
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= PORT_MAX)
    return value;
  throw new InputError(
    `${place}: "${key}" is ${show(value)}; write a number from 0 to ${PORT_MAX}`,
  );
}

function protoOf(place: string, value: unknown): Proto {
  const proto = typeof value === "string" ? value.toLowerCase() : value === undefined ? "tcp" : "";
  if (PROTOS.includes(proto as Proto)) return proto as Proto;
  throw new InputError(`${place}: "proto" is ${show(value)}; write "tcp", "udp" or "sctp"`);
}

function deviceOf(
  place: string,
  record: Record<string, unknown>,
): Pick<FlowSpec, "interface" | "local"> {
  const { interface: device, local } = record;
  if (device !== undefined && typeof device !== "string") {
    throw new InputError(`${place}: "interface" is ${show(device)}; write a device's name`);
  }
  if (local !== undefined && typeof local !== "boolean") {
    throw new InputError(`${place}: "local" is ${show(local)}; write true or false`);
  }
  return { interface: device, local };
}

const SHOWN_MAX = 60;

function show(value: unknown): string {
  const text = value === undefined ? "missing" : JSON.stringify(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text;
}
