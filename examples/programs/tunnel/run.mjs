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

const flows = new Map();
const left = [];
const packets = readCapture(new URL("overlay.pcapng", import.meta.url));
for (const replayed of replay(dataplane, packets)) {
  for (const { packet, event, captured } of departures(replayed)) {
    left.push({ time: captured.time, data: packet.slice() });
    const { saddr, sport, daddr, dport } = event.after;
    const grown = packet.length - captured.data.length;
    const key = `${saddr} ${sport} ${daddr} ${dport}`;
    const flow = flows.get(key) ?? { saddr, sport, daddr, dport, grown, packets: 0, bytes: 0 };
    flows.set(key, flow);
    flow.packets++;
    flow.bytes += packet.length;
  }
}

const WAYS = { 50: paint("yellow", "into VXLAN"), [-50]: paint("green", "out of it") };
print(
  table(
    ["FROM", "PORT", "TO", "PORT", "", "PACKETS", "BYTES"],
    Array.from(flows.values(), ({ saddr, sport, daddr, dport, grown, packets, bytes }) => {
      return [saddr, `${sport}`, daddr, `${dport}`, WAYS[grown] ?? "as it is", packets, bytes];
    }),
  ),
);
if (output !== undefined) {
  writeFileSync(output, writeBytes(left));
  print("", `Wrote ${left.length} packets to ${output}. To look at them: tshark -r ${output}`);
}
