/**
 * Says which worker a frame belongs to. It asks an instance of the packet path of its own, which knows the
 * frontends, endpoints and addresses that the workers know, and for some time those they knew: the connections
 * of what is deleted live on, and have to be steered as before.
 */
import * as layout from "../../abi/layout.ts";
import { FRAME_MAX } from "../../abi/limits.ts";
import type { Capacity, Maps } from "../dataplane/dataplane.ts";
import { writeDescriptor } from "../dataplane/descriptor.ts";
import type { FrameInput, Partition } from "../dataplane/engine.ts";
import type { Config, Service } from "../dataplane/entries.ts";
import type { Instance } from "../dataplane/module.ts";
import { createTables } from "../dataplane/tables.ts";
import { type Operation, printVip } from "../dataplane/transaction.ts";
import { loadShared } from "./module.ts";

/** Entries that outlive their deletion, the first deleted the first to go. */
const REMEMBERED_MAX = 4096;

export interface Steerer {
  /** 0 .. workers - 1, SHARD_UNKNOWN for a fragment without ports; with SHARD_FIRST for one that has them. */
  steer(frame: Uint8Array, input: FrameInput): number;
  /** Follows a transaction that the workers have taken. */
  follow(operations: readonly Operation[]): void;
}

/** Of a pool of one worker, which sees everything as it comes. */
export const SOLE: Steerer = { steer: () => 0, follow: () => {} };

export async function createSteerer(
  module: WebAssembly.Module,
  capacity: Capacity,
  seed: number,
  partition: Partition,
): Promise<Steerer> {
  const enough = capacityOf(capacity);
  const instance = await loadShared(module, enough, seed, partition);
  const { maps } = createTables(instance, enough, () => 0);
  const follow = createFollower(maps);
  return { steer: createSteer(instance), follow: (operations) => operations.forEach(follow) };
}

function createFollower(maps: Maps): (operation: Operation) => void {
  const remembered = new Map<string, () => void>();

  function follow(operation: Operation): void {
    const key = keyOf(operation);
    if (key === undefined) return;
    remembered.delete(key);
    const map = maps[operation.map] as unknown as {
      update(key: unknown, value: unknown): void;
      delete(key: unknown): boolean;
    };
    if (operation.op === "update") map.update(operation.key, reduced(operation));
    else if (isOfNode(operation)) map.delete(operation.key);
    else remember(key, () => map.delete(operation.key));
  }

  /** What listened at an address of the node's own: the port may be given to a masqueraded connection again. */
  function isOfNode({ map, key }: Operation): boolean {
    return map === "endpoints" && maps.addresses.lookup(key) !== undefined;
  }

  function remember(key: string, forget: () => void): void {
    remembered.set(key, forget);
    if (remembered.size <= REMEMBERED_MAX) return;
    const [[oldest, drop]] = remembered as unknown as [[string, () => void]];
    remembered.delete(oldest);
    drop();
  }

  return follow;
}

/** Room for what is looked up here, and next to none for the rest. */
function capacityOf(capacity: Capacity): Capacity {
  return {
    ...capacity,
    frontends: capacity.frontends + REMEMBERED_MAX,
    backends: capacity.backends + REMEMBERED_MAX,
    addresses: capacity.addresses + REMEMBERED_MAX,
    services: 1,
    slots: 1,
    ranges: 1,
    interfaces: 1,
    connections: 1,
    connections6: 1,
    affinity: 1,
    datagrams: 1,
    fragments: 1,
    batch: 1,
  };
}

/** Undefined for what steering does not ask for. */
function keyOf(operation: Operation): string | undefined {
  switch (operation.map) {
    case "services":
    case "endpoints":
      return `${operation.map} ${printVip(operation.key)}`;
    case "addresses":
      return `addresses ${operation.key.address}`;
    case "config":
      return "config";
    default:
      return undefined;
  }
}

/** Without ranges, for which there is no room, and which say nothing here. */
function reduced(operation: Extract<Operation, { op: "update" }>): unknown {
  if (operation.map === "services") {
    return { ...operation.value, sourceRanges: null } satisfies Service;
  }
  if (operation.map !== "config") return operation.value;
  return { ...operation.value, podRanges: { ipv4: [], ipv6: [] } } satisfies Config;
}

/** Bytes that hold every header of a TCP, UDP or SCTP packet without options, VLAN tags included. */
const HEADERS_MAX = 96;

function createSteer({ exports, memory }: Instance) {
  const bytes = new Uint8Array(memory.buffer);
  const words = new Uint32Array(memory.buffer);
  const at = exports.jumbo() >>> 0;
  const descriptor = exports.scratch() >>> 0;
  return (frame: Uint8Array, input: FrameInput): number => {
    const length = isPlain(frame, input.link) ? HEADERS_MAX : Math.min(frame.length, FRAME_MAX);
    bytes.set(frame.length <= length ? frame : frame.subarray(0, length), at);
    writeDescriptor(words, descriptor >>> 2, at, Math.min(frame.length, length), input);
    exports.steer(descriptor, 1);
    return words[(descriptor + layout.DESC_OUT) >>> 2] as number;
  };
}

/** IP protocols that a port is read of: TCP, UDP, SCTP. */
const PROTOCOLS = [6, 17, 132];

/** Whether all that says where a frame goes stands in its first bytes; no fragment is plain. */
function isPlain(frame: Uint8Array, link: number): boolean {
  const ip = link === layout.LINK_SLOT_ETHERNET ? 14 : 0;
  if (ip === 14 ? frame[12] !== 0x08 && frame[12] !== 0x86 : link !== layout.LINK_SLOT_RAW) {
    return false;
  }
  if (frame[ip] === 0x45) {
    const fragment = ((frame[ip + 6] as number) & 0x3f) | (frame[ip + 7] as number);
    return fragment === 0 && PROTOCOLS.includes(frame[ip + 9] as number);
  }
  return (frame[ip] as number) >>> 4 === 6 && PROTOCOLS.includes(frame[ip + 6] as number);
}
