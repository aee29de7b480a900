/** A thread for a worker, in Node or in a browser: started, listened to, ended. */
import { WORKER_SCRIPT } from "../../generated/worker.ts";
import { badOption, DataplaneError } from "../dataplane/error.ts";
import { show } from "../dataplane/field.ts";
import type { Notice, Start } from "./worker.ts";

export interface Listener {
  notice(notice: Notice): void;
  /** The thread is gone, or will never do anything. To be called at most once. */
  died(why: string): void;
}

export interface Thread {
  start(message: Start): void;
  /** Whether the process has to live on for the thread; it does not when it is created. */
  hold(on: boolean): void;
  /** Resolves when the thread is gone. */
  end(): Promise<void>;
}

/** Makes a thread that runs what worker.ts says. */
export type Spawn = (name: string, listener: Listener) => Thread;

/** `address` is that of waxdp/worker.js; without it the worker is started from the script in this package. */
export function spawner(address: string | URL | undefined): Spawn {
  const threads = nodeThreads();
  if (threads) return (name, listener) => spawnNode(threads, address, name, listener);
  demandSharedMemory();
  return (name, listener) => spawnWeb(address, name, listener);
}

/** The part of node:worker_threads that is used: it is not imported, for bundles that run in pages. */
interface NodeThreads {
  readonly Worker: new (
    script: string | URL,
    options: { eval: boolean; name: string; execArgv: readonly string[] },
  ) => NodeWorker;
}

interface NodeWorker {
  postMessage(message: Start): void;
  on(event: "message", listener: (notice: Notice) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  on(event: "exit", listener: (code: number) => void): void;
  ref(): void;
  unref(): void;
  terminate(): Promise<number>;
}

function nodeThreads(): NodeThreads | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  return process?.getBuiltinModule?.("node:worker_threads") as NodeThreads | undefined;
}

function spawnNode(
  { Worker }: NodeThreads,
  address: string | URL | undefined,
  name: string,
  { notice, died }: Listener,
): Thread {
  // Arguments of the process, such as loaders, are none of the worker's business.
  const options = { eval: address === undefined, name, execArgv: [] };
  const worker = make(address, () => new Worker(address ?? WORKER_SCRIPT, options));
  worker.on("message", notice);
  worker.on("error", ({ message }) => died(message));
  worker.on("exit", (code) => died(`it has ended with code ${code}`));
  worker.unref();
  return {
    start: (message) => worker.postMessage(message),
    hold: (on) => (on ? worker.ref() : worker.unref()),
    async end() {
      await worker.terminate();
    },
  };
}

/** An address that no worker can be started from is refused before there is a thread. */
function make<Made>(address: string | URL | undefined, worker: () => Made): Made {
  try {
    return worker();
  } catch (error) {
    if (address === undefined) throw error;
    throw badOption(`worker is ${show(String(address))}: ${(error as Error).message}`);
  }
}

/** https://html.spec.whatwg.org/multipage/webappapis.html#dom-crossoriginisolated */
function demandSharedMemory(): void {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  if (typeof SharedArrayBuffer === "function" && crossOriginIsolated !== false) return;
  throw new DataplaneError(
    "no-shared-memory",
    "workers need SharedArrayBuffer: serve the page with Cross-Origin-Opener-Policy: same-origin and " +
      "Cross-Origin-Embedder-Policy: require-corp",
  );
}

function spawnWeb(
  address: string | URL | undefined,
  name: string,
  { notice, died }: Listener,
): Thread {
  const url =
    address ?? URL.createObjectURL(new Blob([WORKER_SCRIPT], { type: "text/javascript" }));
  const worker = make(address, () => new Worker(url, { name }));
  worker.onmessage = ({ data }: MessageEvent<Notice>) => notice(data);
  worker.onmessageerror = () => died("it cannot be sent the module: the page must be isolated");
  // A script that was not let in says nothing.
  worker.onerror = ({ message }) => died(message || `its script was not loaded from ${url}`);
  return {
    start: (message) => worker.postMessage(message),
    hold: () => {},
    async end() {
      worker.terminate();
      if (address === undefined) URL.revokeObjectURL(String(url));
    },
  };
}
