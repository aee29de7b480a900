// node examples/programs/canary/run.mjs (after npm run build): 5 % of the new connections to a Service
// go to its canary, and stay there.
import { createBothWays } from "waxdp";
import { ALL_ENDPOINTS, createNode, loadProgram, readCapture } from "../cluster.mjs";
import { bar, paint, print, table } from "../report.mjs";

const here = (name) => new URL(name, import.meta.url);
const dataplane = await createNode([...ALL_ENDPOINTS, "programs/canary/web-canary.yaml"]);
const canary = await loadProgram(dataplane, here("program.ts"), "canary");
dataplane.hooks.ingress.attach(canary, { before: "service-nat" });

/** Number of the backend with an address, and of the service port it belongs to. */
function findBackend(address) {
  for (const [number, backend] of dataplane.maps.backends.entries()) {
    if (backend.address === address) return { number, service: backend.service };
  }
  throw new Error(`no backend has ${address}`);
}

const CANARIES = [
  { stable: "10.244.1.33", address: "10.244.1.37" },
  { stable: "fd00:10:1::21", address: "fd00:10:1::25" },
];
for (const { stable, address } of CANARIES) {
  const { number: backend } = findBackend(address);
  canary.map("canaries").update(findBackend(stable).service, { backend, share: 500, flows: 0 });
}

/** Connections, by client and port -> the backends that their packets went to. */
const connections = new Map();
const bothWays = createBothWays(dataplane);
let [n, same] = [0, 0];
for (const captured of readCapture(here("visits.pcapng"))) {
  const { direction, result, replayed } = bothWays.take(captured, ++n);
  if (result === "same") same++;
  if (direction !== "request") continue;
  const { before, backend } = replayed.event;
  const client = `${before.saddr} ${before.sport}`;
  connections.set(client, (connections.get(client) ?? new Set()).add(backend));
}

const flows = new Map();
for (const [backend] of connections.values()) flows.set(backend, (flows.get(backend) ?? 0) + 1);
const isCanary = (backend) => CANARIES.some(({ address }) => backend.includes(address));
const torn = [...connections.values()].filter(({ size }) => size > 1).length;

print(
  table(
    ["BACKEND", "", "FLOWS", "SHARE", ""],
    [...flows]
      .sort()
      .map(([backend, count]) => [
        backend,
        isCanary(backend) ? paint("yellow", "canary") : "",
        count,
        `${((100 * count) / connections.size).toFixed(1)} %`,
        paint(isCanary(backend) ? "yellow" : "green", bar(count, connections.size, 60)),
      ]),
  ),
  "",
  `${connections.size} connections, ${torn} of them with packets to more than one backend`,
  `${same} of ${n} packets came back to the client as captured`,
);
