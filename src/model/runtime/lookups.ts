/** What programs may ask of packets, connections and services. None of it changes anything. */
import {
  CONNECTION_AGE,
  CONNECTION_BACKEND,
  CONNECTION_DIRECTION,
  CONNECTION_IDLE,
  CONNECTION_STATE,
  SERVICE_INFO_CLUSTER,
  SERVICE_INFO_LOCAL,
  SERVICE_INFO_NUMBER,
} from "../../../abi/program.ts";
import { type Proto, type RingName, STATES } from "../../dataplane/entries.ts";
import { viewOf } from "../../packet/bytes.ts";
import { parse } from "../../packet/parse.ts";
import * as conntrack from "../conntrack.ts";
import { linkType } from "../link.ts";
import * as service from "../service.ts";
import type { Store } from "../store.ts";
import type { Context } from "./context.ts";
import * as tuple from "./tuple.ts";

/** Answers of helpers: nothing was written, or it was. */
const NONE = 0;
const FOUND = 1;

/** The tuple of a packet, as far as its headers are whole. */
export function tupleOf(context: Context, record: Uint8Array): number {
  const { link, wireLength } = context.input;
  const seen = parse(context.frame, linkType(link), wireLength);
  if (!("tuple" in seen)) return NONE;
  tuple.write(record, seen);
  return FOUND;
}

/** The connection that packets with a tuple belong to. */
export function connectionOf(store: Store, asked: Uint8Array, record: Uint8Array): number {
  const read = tuple.read(asked);
  const known = read && conntrack.peek(store, read.tuple);
  if (known === undefined) return NONE;
  const { state, backend, created, lastSeen } = known.connection;
  const view = viewOf(record);
  record.fill(0);
  // States are numbered from 1.
  record[CONNECTION_STATE] = STATES.indexOf(state) + 1;
  record[CONNECTION_DIRECTION] = known.direction === "orig" ? 0 : 1;
  view.setUint32(CONNECTION_BACKEND, backend, true);
  view.setUint32(CONNECTION_AGE, store.now - created, true);
  view.setUint32(CONNECTION_IDLE, store.now - lastSeen, true);
  return FOUND;
}

/** The service port that a tuple's destination dials. */
export function serviceOf(store: Store, asked: Uint8Array, record: Uint8Array): number {
  const read = tuple.read(asked);
  if (read === undefined) return NONE;
  const { daddr: address, dport: port, proto } = read.tuple;
  const dialled = service.owner(store, read.family, { address, port, proto: proto as Proto });
  if (dialled === undefined) return NONE;
  const view = viewOf(record);
  view.setUint32(SERVICE_INFO_NUMBER, dialled.service, true);
  view.setUint32(SERVICE_INFO_CLUSTER, backendsOf(store, dialled.service, "cluster"), true);
  view.setUint32(SERVICE_INFO_LOCAL, backendsOf(store, dialled.service, "local"), true);
  return FOUND;
}

/** A ring may have a backend in many slots. */
function backendsOf(store: Store, number: number, ring: RingName): number {
  const slots = store.control.rings.lookup({ service: number, ring })?.slots ?? [];
  return new Set(slots).size;
}
