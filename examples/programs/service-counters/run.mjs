// node examples/programs/service-counters/run.mjs (after npm run build): who serves how much, as bars
// and over time.
import { createBothWays } from "waxdp";
import { ALL_ENDPOINTS, createNode, loadProgram, readCapture } from "../cluster.mjs";
import { bar, paint, print, sparkline, table } from "../report.mjs";

const COLUMNS = 24;

const here = (name) => new URL(name, import.meta.url);
const dataplane = await createNode(ALL_ENDPOINTS);
const program = await loadProgram(dataplane, here("program.ts"), "service-counters");
dataplane.hooks.ingress.attach(program, { after: "service-nat" });
const counters = program.map("by-backend");

/** Bytes of a backend, both ways, on all CPUs. */
function bytesOf(perCpu) {
  return perCpu.reduce((bytes, { inBytes, outBytes }) => bytes + inBytes + outBytes, 0n);
}

// The clients' view: answers come from Services there, and go back to who has sent them first.
const packets = [...readCapture(new URL("../../captures/cluster.pcapng", import.meta.url))];
const bothWays = createBothWays(dataplane);
const samples = packets.map((captured, at) => {
  bothWays.take(captured, at + 1);
  return (at + 1) % Math.ceil(packets.length / COLUMNS) === 0 ? new Map(counters.entries()) : null;
});
samples.push(new Map(counters.entries()));

/** Bytes that a backend has got from one sample to the next. */
function growthOf(backend) {
  const totals = samples
    .filter((sample) => sample !== null)
    .map((sample) => {
      return Number(bytesOf(sample.get(backend) ?? []));
    });
  return totals.map((total, at) => total - (totals[at - 1] ?? 0));
}

/** "ns/name:port" and "ip:port" of a backend's number. */
function nameOf(number) {
  const { address, port, proto, family } = dataplane.maps.backends.lookup(number);
  const backend = family === "ipv6" ? `[${address}]:${port}` : `${address}:${port}`;
  const { service } = dataplane
    .statistics()
    .find((each) => each.proto === proto && each.backends.some((one) => one.backend === backend));
  return { service, backend };
}

const rows = Array.from(counters.entries(), ([number, perCpu]) => {
  const packets = perCpu.reduce((sum, each) => sum + each.inPackets + each.outPackets, 0n);
  return { ...nameOf(number), packets, bytes: bytesOf(perCpu), growth: growthOf(number) };
});
rows.sort((a, b) => a.service.localeCompare(b.service) || Number(b.bytes - a.bytes));
const most = Math.max(...rows.map(({ bytes }) => Number(bytes)));

print(
  table(
    ["SERVICE", "BACKEND", "PACKETS", "BYTES", "", "AS THEY CAME"],
    rows.map(({ service, backend, packets, bytes, growth }, at) => [
      rows[at - 1]?.service === service ? "" : service,
      backend,
      packets,
      bytes,
      paint("cyan", bar(Number(bytes), most, 24)),
      paint("green", sparkline(growth)),
    ]),
  ),
);
