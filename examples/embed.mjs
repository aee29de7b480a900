// node examples/embed.mjs (after npm run build): what a node does to each new connection of a
// capture.
import { readFileSync } from "node:fs";
import { createDataplane, parseManifests, replay } from "waxdp";
import { readBytes } from "waxdp/pcap";

const read = (path) => readFileSync(new URL(path, import.meta.url));
const files = ["nodes", "kube-proxy", "services"].map((name) => `manifests/${name}.yaml`);
files.push("node-manifests/endpointslices.yaml");

const network = JSON.parse(read("node-network.json"));
const dataplane = await createDataplane({ node: "worker-1", seed: 1, network });
dataplane.apply(parseManifests(files.map((file) => ({ file, text: read(file).toString() }))));
for (const { n, verdict, event } of replay(dataplane, readBytes(read("captures/node.pcapng")))) {
  if (event.conntrack === "new")
    console.log(n, verdict, event.service, event.backend ?? event.reason);
}
console.log(dataplane.counters().actions);
