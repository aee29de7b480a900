/** A dataplane and the runtime underneath it, so that a test sees what programs leave behind. */
import { expect } from "vitest";
import { createReconciler } from "../../src/control/reconcile.ts";
import type { Dataplane, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import type { Engine } from "../../src/dataplane/engine.ts";
import { capacityOf } from "../../src/dataplane/options.ts";
import { createPlane } from "../../src/dataplane/plane.ts";
import type { Runtime } from "../../src/dataplane/runtime.ts";
import * as wasm from "../../src/dataplane/wasm.ts";
import { type Link, parseObjects } from "../../src/index.ts";
import * as model from "../../src/model/model.ts";
import { createProgramming } from "../../src/programming.ts";
import { packet } from "../../src/testing.ts";
import { type ModuleText, moduleOf } from "./module.ts";

export const failure = (code: string, message?: RegExp) =>
  expect.objectContaining({ code, ...(message && { message: expect.stringMatching(message) }) });

export interface Scene {
  readonly dataplane: Dataplane;
  readonly runtime: Runtime;
  /** All that a load may leave behind. */
  traces(): unknown;
}

export type Create = (options?: DataplaneOptions) => Promise<Scene>;

type Made = { readonly capacity: ReturnType<typeof capacityOf>; readonly seed: number };

const MAKERS: Readonly<Record<string, (made: Made) => Promise<Engine> | Engine>> = {
  wasm: wasm.createEngine,
  model: model.createEngine,
};

const CAPACITY = { arena: 1 << 20, connections: 64, connections6: 64, affinity: 64 };

export const SCENES = Object.entries(MAKERS).map(([engine, make]) => ({
  engine,
  create: async (options: DataplaneOptions = {}): Promise<Scene> => {
    const given = { ...options, capacity: { ...CAPACITY, ...options.capacity } };
    return sceneOf(await make({ capacity: capacityOf(given), seed: 1 }), given);
  },
}));

function sceneOf(engine: Engine, options: DataplaneOptions): Scene {
  const programming = createProgramming(engine, options);
  const dataplane = createPlane(engine, createReconciler(options), options, programming);
  const { runtime } = engine;
  return { dataplane, runtime, traces: () => tracesOf(dataplane, runtime, programming.names) };
}

function tracesOf({ maps, programs, hooks }: Dataplane, { arena, table }: Runtime, names: Names) {
  const places = Array.from({ length: table.length }, (_, place) => table.get(place));
  return {
    used: arena.used,
    functions: places.flatMap((each, place) => (each === null ? [] : [place])),
    maps: maps.list(),
    programs: programs.list(),
    links: [...hooks.ingress.list(), ...hooks.egress.list()],
    reasons: [1, 2, 3].map((number) => names.reason(number)),
  };
}

type Names = ReturnType<typeof createProgramming>["names"];

export async function attach({ dataplane }: Scene, text: ModuleText, name = "p"): Promise<Link> {
  const program = await dataplane.programs.load(moduleOf(text), { name });
  return dataplane.hooks.ingress.attach(program, { first: true });
}

export const FRAME = packet({
  saddr: "10.0.0.9",
  sport: 4000,
  daddr: "10.96.0.1",
  dport: 80,
  flags: "S",
});

/** One Service with one endpoint, at the address that FRAME dials. */
export function serviceObjects() {
  return parseObjects([
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace: "default" },
      spec: { clusterIP: "10.96.0.1", ports: [{ port: 80, protocol: "TCP", targetPort: 8080 }] },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: "web-1",
        namespace: "default",
        labels: { "kubernetes.io/service-name": "web" },
      },
      addressType: "IPv4",
      ports: [{ port: 8080, protocol: "TCP" }],
      endpoints: [{ addresses: ["10.1.0.1"], conditions: { ready: true } }],
    },
  ]);
}
