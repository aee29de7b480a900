/** Micro-benchmarks of single functions, by tinybench: `npm run bench:micro`. */
import { Bench, type Task } from "tinybench";
import { table } from "../src/cli/table.ts";
import { compile } from "../src/control/compile.ts";
import { buildTable } from "../src/control/maglev.ts";
import { createDataplane, createModel, parseManifests, parseObjects } from "../src/index.ts";
import { verify } from "../src/packet/checksum.ts";
import { tupleOf } from "../src/packet/parse.ts";
import { flow, objects, request } from "./rows/workload.ts";

const ETHERNET = 1;
const frame = request(flow("ipv4", 1), "S");
const values = objects("ipv4");
const text = JSON.stringify({ apiVersion: "v1", kind: "List", items: values });
const set = parseObjects(values);
const names = Array.from({ length: 100 }, (_, index) => `10.244.0.${index}:8080`);
const wasm = await createDataplane();
const model = await createModel();
for (const dataplane of [wasm, model]) dataplane.apply(set);

const bench = new Bench({ time: 300, warmupTime: 100 })
  .add("tupleOf: a 64-byte TCP frame", () => void tupleOf(frame, ETHERNET))
  .add("verify: its checksums", () => void verify(frame, ETHERNET))
  .add("process: one packet, Wasm", () => void wasm.process(frame, { now: 0 }))
  .add("process: one packet, model", () => void model.process(frame, { now: 0 }))
  .add("parseManifests: 1,000 Services as JSON", () => void parseManifests(text))
  .add("compile: 1,000 Services", () => void compile(set, {}))
  .add("apply: 1,000 Services, nothing changed", () => void wasm.apply(set))
  .add("buildTable: Maglev, 100 backends", () => void buildTable(names));
await bench.run();
const columns = [
  { title: "FUNCTION" },
  { title: "MEDIAN", right: true },
  { title: "P99", right: true },
];
console.log(table(columns, bench.tasks.map(cells)).join("\n"));

function cells({ name, result }: Task): string[] {
  if (!("latency" in result)) throw new Error(`${name}: ${result.state}`);
  return [name, time(result.latency.p50), time(result.latency.p99)];
}

function time(milliseconds: number): string {
  const units: readonly [string, number][] = [
    ["ms", 1],
    ["us", 1e-3],
  ];
  const [unit, size] = units.find(([, size]) => milliseconds >= size) ?? ["ns", 1e-6];
  return `${(milliseconds / size).toPrecision(3)} ${unit}`;
}
