// node examples/pool.mjs (after npm run build): a capture through two workers, one batch filled
// while the other is with them.
import { readFileSync } from "node:fs";
import { createDataplanePool, parseManifests } from "waxdp";
import { readBytes } from "waxdp/pcap";

const read = (path) => readFileSync(new URL(path, import.meta.url));
const names = ["nodes", "kube-proxy", "services"].map((name) => `manifests/${name}.yaml`);
names.push("node-manifests/endpointslices.yaml");
const files = names.map((file) => ({ file, text: read(file).toString() }));
const packets = [...readBytes(read("captures/node.pcapng"))];

const network = JSON.parse(read("node-network.json"));
const pool = await createDataplanePool({ workers: 2, node: "worker-1", seed: 1, network });
await pool.apply(parseManifests(files));
let done = Promise.resolve();
for (let first = 0; first < packets.length; first += 200) {
  const batch = pool.batches[(first / 200) % 2];
  const part = packets.slice(first, first + 200);
  batch.clear();
  for (const { data, wireLength, linkType } of part) batch.push(data, { wireLength, linkType });
  const next = batch.process(Number(part[0].time / 1_000_000n));
  await done; // of the other batch: here its verdicts and packets would be read
  done = next;
}
await done;
console.log(pool.counters().actions);
await pool.close();
