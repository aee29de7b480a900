/**
 * What a worker runs: an instance of the packet path over memory that the pool shares with it, and commands
 * from a ring, one after another. It sleeps between them and is ended from outside. The build makes one script
 * of this file, so that a worker needs no address to be loaded from.
 */
import * as layout from "../../abi/layout.ts";
import { createTicks } from "../dataplane/clock.ts";
import type { Partition } from "../dataplane/engine.ts";
import type { PacketPath } from "../dataplane/module.ts";
import * as released from "./released.ts";
import * as ring from "./ring.ts";

/** The one message a worker is sent. */
export interface Start {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly ring: SharedArrayBuffer;
  readonly released: SharedArrayBuffer;
  readonly room: released.Room;
  /** What `configure` was called with by the pool, which wants the same layout. */
  readonly sizes: Parameters<PacketPath["configure"]>;
  readonly seed: number;
  readonly partition: Partition;
  /** The pool cannot wait in shared memory and wants a message for each command that is done. */
  readonly tells: boolean;
}

/** What a worker says: that it has started, that a command is done, or what it died of. */
export type Notice = "started" | "done" | { readonly error: string };

/** Node's parentPort, or the global scope of a worker of a browser. */
interface Port {
  postMessage(message: Notice): void;
  addEventListener?(type: "message", listener: (event: { data: Start }) => void): void;
  once?(type: "message", listener: (start: Start) => void): void;
}

const port = portOf(globalThis as never);
const begin = (start: Start) => {
  run(start).catch((error) => port.postMessage({ error: String(error?.message ?? error) }));
};
if (port.once) port.once("message", begin);
else port.addEventListener?.("message", ({ data }) => begin(data));

function portOf(scope: Port & { process?: { getBuiltinModule?(name: string): unknown } }): Port {
  const threads = scope.process?.getBuiltinModule?.("node:worker_threads");
  return (threads as { parentPort: Port } | undefined)?.parentPort ?? scope;
}

async function run(start: Start): Promise<never> {
  const { module, memory } = start;
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  const path = exports as unknown as PacketPath;
  prepare(path, start);
  port.postMessage("started");
  return obey(path, start);
}

/** What a module keeps outside its memory; what is in it, the pool has prepared. */
function prepare(path: PacketPath, { sizes, seed, partition }: Start): void {
  const { shard, shards, steering } = partition;
  path.configure(...sizes);
  path.partition(shard, shards, steering === "address" ? 1 : 0, seed | 0);
  // Every worker draws numbers of its own; the first those of a dataplane without workers.
  path.setRandomState(path.randomState() ^ Math.imul(shard, SPREAD));
}

/** The 32-bit golden ratio: no two shards have one product. */
const SPREAD = 0x9e3779b1;

function obey(path: PacketPath, start: Start): never {
  const commands = ring.createRing(start.ring);
  const execute = createExecutor(path, start, commands);
  let taken = 0;
  for (;;) {
    const last = ring.waitForCommand(commands, taken);
    while (taken !== last) {
      taken = (taken + 1) | 0;
      execute(ring.read(commands, taken));
      ring.finish(commands, taken);
      if (start.tells) port.postMessage("done");
    }
  }
}

function createExecutor(
  path: PacketPath,
  { memory, released: buffer, room }: Start,
  commands: ring.Ring,
) {
  const { tick } = createTicks(path);
  const copyReleased = released.createCopier(path, memory, buffer, room);
  const descriptors = path.descriptors() >>> 0;
  const report = () =>
    ring.writeReport(commands, {
      connections: path.length(layout.MAP_CONNTRACK4),
      connections6: path.length(layout.MAP_CONNTRACK6),
    });
  return ({ kind, first, length, batch, now }: ring.Command) => {
    if (kind === ring.COMMAND_PROCESS) {
      path.process(descriptors + first * layout.DESC_SIZE, length, tick(now));
      ring.writeReleased(commands, batch, copyReleased(batch));
    } else if (kind === ring.COMMAND_RETIRE) path.retire();
    else path.flush();
    report();
  };
}
