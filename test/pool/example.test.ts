/** The example prints what one engine comes to. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { createDataplane, parseManifests } from "../../src/index.ts";
import { readBytes } from "../../src/pcap/index.ts";

const MANIFESTS = [
  "manifests/nodes.yaml",
  "manifests/kube-proxy.yaml",
  "manifests/services.yaml",
  "node-manifests/endpointslices.yaml",
];

test("examples/pool.mjs", async () => {
  const network = JSON.parse(readFileSync("examples/node-network.json", "utf8"));
  const dataplane = await createDataplane({ node: "worker-1", seed: 1, network });
  const files = MANIFESTS.map((name) => `examples/${name}`);
  dataplane.apply(parseManifests(files.map((file) => ({ file, text: `${readFileSync(file)}` }))));
  for (const packet of readBytes(readFileSync("examples/captures/node.pcapng"))) {
    const { data, wireLength, linkType, time } = packet;
    dataplane.process(data, { wireLength, linkType, now: Number(time / 1_000_000n) });
  }
  const { stdout, stderr } = spawnSync("node", ["examples/pool.mjs"], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(stdout).toBe(`${inspect(dataplane.counters().actions)}\n`);
});
