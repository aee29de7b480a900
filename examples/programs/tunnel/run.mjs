// node examples/programs/tunnel/run.mjs [OUT.pcapng] (after npm run build): what goes to pods of the
// other node travels in VXLAN, and what they answer is taken out of it.
import { writeFileSync } from "node:fs";
import { departures, replay } from "waxdp";
import { writeBytes } from "waxdp/pcap";
import { createNode, ONE_ENDPOINT, readCapture } from "../cluster.mjs";
import { paint, print, table } from "../report.mjs";
import { attachTunnel } from "./tunnel.mjs";

const [output] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const dataplane = await createNode(ONE_ENDPOINT);
await attachTunnel(dataplane);

/** Connections by client: what went into VXLAN for each, and what came out of it. */
const flows = new Map();
const left = [];
const packets = readCapture(new URL("overlay.pcapng", import.meta.url));
for (const replayed of replay(dataplane, packets)) {
  for (const { packet, event, captured } of departures(replayed)) {
    left.push({ time: captured.time, data: packet.slice() });
    const isInto = packet.length > captured.data.length;
    const [client, port] = isInto
      ? [event.before.saddr, event.before.sport]
      : [event.after.daddr, event.after.dport];
    const key = `${client} ${port}`;
    const flow = flows.get(key) ?? { client, port, into: 0, outOf: 0 };
    flows.set(key, flow);
    flow[isInto ? "into" : "outOf"]++;
    if (isInto) Object.assign(flow, { backend: event.backend, outer: event.after });
  }
}

print(
  table(
    ["CLIENT", "PORT", "BACKEND", "TUNNEL", "SOURCE PORT", "INTO IT", "OUT OF IT"],
    Array.from(flows.values(), ({ client, port, backend, outer, into, outOf }) => {
      const tunnel = paint("yellow", `${outer.saddr} > ${outer.daddr}`);
      return [client, `${port}`, backend, tunnel, `${outer.sport}`, into, outOf];
    }),
  ),
);
if (output !== undefined) {
  writeFileSync(output, writeBytes(left, { format: "pcapng", resolution: "ns" }));
  print("", `Wrote ${left.length} packets to ${output}. To look at them: tshark -r ${output}`);
}
