/** The record TUPLE_ of abi/program, which programs hand in and out. */
import {
  TUPLE_DADDR,
  TUPLE_DPORT,
  TUPLE_FAMILY,
  TUPLE_FRAGMENT,
  TUPLE_PROTO,
  TUPLE_SADDR,
  TUPLE_SPORT,
} from "../../../abi/program.ts";
import type { Family, Tuple } from "../../dataplane/entries.ts";
import * as address from "../../packet/address.ts";
import { concat, viewOf } from "../../packet/bytes.ts";
import { type Ip, protocolName } from "../../packet/parse.ts";

const ADDRESS_SIZE = 16;
/** ::ffff:0:0/96, RFC 4291 section 2.5.5.2. */
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);
const FAMILY_NUMBERS: Readonly<Record<Family, number>> = { ipv4: 4, ipv6: 6 };

/** What a packet shows of itself. */
export interface Seen {
  readonly ip: Ip;
  readonly tuple: Tuple;
}

export function write(record: Uint8Array, { ip, tuple }: Seen): void {
  record.fill(0);
  record.set(bytesOf(tuple.saddr), TUPLE_SADDR);
  record.set(bytesOf(tuple.daddr), TUPLE_DADDR);
  viewOf(record).setUint16(TUPLE_SPORT, tuple.sport);
  viewOf(record).setUint16(TUPLE_DPORT, tuple.dport);
  record[TUPLE_PROTO] = ip.protocol;
  record[TUPLE_FAMILY] = FAMILY_NUMBERS[ip.family];
  record[TUPLE_FRAGMENT] = ip.fragment === null ? 0 : 1;
}

function bytesOf(text: string): Uint8Array {
  const bytes = address.parse(text);
  return bytes.length === ADDRESS_SIZE ? bytes : concat([MAPPED, bytes]);
}

/** Undefined for a family that is none. */
export function read(record: Uint8Array): { family: Family; tuple: Tuple } | undefined {
  const family = familyOf(record[TUPLE_FAMILY] as number);
  if (family === undefined) return undefined;
  const tuple = {
    saddr: addressAt(record, TUPLE_SADDR, family),
    daddr: addressAt(record, TUPLE_DADDR, family),
    sport: viewOf(record).getUint16(TUPLE_SPORT),
    dport: viewOf(record).getUint16(TUPLE_DPORT),
    proto: protocolName(record[TUPLE_PROTO] as number),
  };
  return { family, tuple };
}

function familyOf(number: number): Family | undefined {
  if (number === FAMILY_NUMBERS.ipv4) return "ipv4";
  return number === FAMILY_NUMBERS.ipv6 ? "ipv6" : undefined;
}

function addressAt(record: Uint8Array, at: number, family: Family): string {
  const skipped = family === "ipv4" ? MAPPED.length : 0;
  return address.format(record.subarray(at + skipped, at + ADDRESS_SIZE));
}
