/** The overlay of worker-1: pods of worker-2 are behind the VXLAN device of that node. */
import { loadProgram } from "../cluster.mjs";

const here = (name) => new URL(name, import.meta.url);

const WORKER_1 = {
  network: 4096,
  address: "192.168.0.2",
  inner: "66:00:00:00:00:01",
  outer: "02:00:00:00:00:02",
};
const WORKER_2 = {
  address: "192.168.0.3",
  inner: "66:00:00:00:00:02",
  outer: "02:00:00:00:00:03",
};

/** Attaches both programs to a dataplane, and says where pods are. */
export async function attachTunnel(dataplane) {
  const decapsulate = await loadProgram(dataplane, here("decapsulate.ts"), "decapsulate");
  const encapsulate = await loadProgram(dataplane, here("program.ts"), "encapsulate");
  encapsulate.map("self").update(0, WORKER_1);
  encapsulate.map("nodes4").update("10.244.2.0/24", WORKER_2);
  encapsulate.map("nodes6").update("fd00:10:2::/64", WORKER_2);
  dataplane.hooks.ingress.attach(decapsulate, { first: true });
  dataplane.hooks.egress.attach(encapsulate, { last: true });
}
