/**
 * A dataplane that is another one after every packet: each goes on from the snapshot of the one before, in turns of
 * the engines. From the first fragment on it stays who it is, as a snapshot has no fragments that wait.
 */
import type { Batch, Dataplane, DataplaneOptions, Maps } from "../../src/dataplane/dataplane.ts";
import { linkOf } from "../../src/dataplane/link.ts";
import { createModel } from "../../src/index.ts";
import { createChecked } from "../conformance/dataplanes.ts";
import { isFragment } from "../fuzz/examination.ts";

export interface Relayed {
  readonly dataplane: Dataplane;
  /** How often it has become another one. */
  readonly turns: number;
}

export async function createRelayed(options: DataplaneOptions = {}): Promise<Relayed> {
  const seeds = [options.seed ?? 0, 1];
  const creators = [createChecked, createModel];
  const all = await Promise.all(
    creators.map((create, index) => create({ ...options, seed: seeds[index]! })),
  );
  return new Relay(all, options);
}

class Relay implements Relayed {
  turns = 0;
  readonly dataplane: Dataplane;
  readonly #all: readonly Dataplane[];
  #stays = false;

  constructor(all: readonly Dataplane[], { linkType = "ethernet" }: DataplaneOptions) {
    this.#all = all;
    const current = () => this.#current;
    const look = (frame: Uint8Array, link: DataplaneOptions["linkType"] | number = linkType) => {
      this.#stays ||= isFragment(frame, linkOf(link).type);
    };
    const handOver = () => this.#handOver();
    const batch = new Proxy({} as Batch, {
      get(_, name: keyof Batch) {
        const own = current().batch;
        if (name === "push")
          return (...[frame, given]: Parameters<Batch["push"]>) => {
            look(frame, given?.linkType);
            return own.push(frame, given);
          };
        if (name === "clear") return () => [own.clear(), handOver()];
        const value = own[name];
        return typeof value === "function" ? value.bind(own) : value;
      },
    });
    // Who keeps a map keeps that of whoever is at work.
    const maps = new Proxy({} as Dataplane["maps"], {
      get: (_, name: keyof Maps) =>
        new Proxy(current().maps[name], {
          get(__, property) {
            const own = current().maps[name];
            const value = own[property as keyof typeof own];
            return typeof value === "function" ? (value as () => unknown).bind(own) : value;
          },
        }),
    });
    this.dataplane = new Proxy({} as Dataplane, {
      get(_, name: keyof Dataplane) {
        if (name === "batch") return batch;
        if (name === "maps") return maps;
        if (name === "process")
          return (...[frame, given]: Parameters<Dataplane["process"]>) => {
            look(frame, given.linkType);
            const result = current().process(frame, given);
            handOver();
            return result;
          };
        if (name === "apply")
          return (...given: Parameters<Dataplane["apply"]>) => {
            const transaction = current().apply(...given);
            handOver();
            return transaction;
          };
        return current()[name];
      },
    });
  }

  get #current(): Dataplane {
    return this.#all[this.turns % this.#all.length]!;
  }

  #handOver(): void {
    if (this.#stays) return;
    const bytes = this.#current.snapshot();
    this.turns++;
    this.#current.restore(bytes);
  }
}
