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
const counters = program.map("backends");

/** Bytes by backend, both ways and on all CPUs. */
function readBytes() {
  const sum = (perCpu) => perCpu.reduce((bytes, each) => bytes + each.inBytes + each.outBytes, 0n);
  return new Map(Array.from(counters.entries(), ([backend, perCpu]) => [backend, sum(perCpu)]));
}

// The clients' view: answers come from Services there, and go back to who has sent them first.
const packets = [...readCapture(new URL("../../captures/cluster.pcapng", import.meta.url))];
const [start, end] = [packets[0].time, packets.at(-1).time + 1n];
const bothWays = createBothWays(dataplane);
const samples = [];
packets.forEach((captured, index) => {
  bothWays.take(captured, index + 1);
  const column = Number(((captured.time - start) * BigInt(COLUMNS)) / (end - start));
  samples[column] = readBytes();
});

/** Bytes that a backend has got in each column of time. */
function growthOf(backend) {
  let last = 0n;
  return Array.from({ length: COLUMNS }, (_, column) => {
    const bytes = samples[column]?.get(backend) ?? last;
    const grown = Number(bytes - last);
    last = bytes;
    return grown;
  });
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

const rows = Array.from(readBytes(), ([number, bytes]) => {
  const perCpu = counters.lookup(number);
  const packets = perCpu.reduce((sum, each) => sum + each.inPackets + each.outPackets, 0n);
  return { ...nameOf(number), packets, bytes, growth: growthOf(number) };
});
rows.sort((a, b) => Number(b.bytes - a.bytes));
const most = Number(rows[0].bytes);
const steepest = Math.max(...rows.flatMap(({ growth }) => growth));

print(
  table(
    ["SERVICE", "BACKEND", "PACKETS", "BYTES", "", "BY TIME"],
    rows.map(({ service, backend, packets, bytes, growth }) => [
      service,
      backend,
      packets,
      bytes,
      paint("cyan", bar(Number(bytes), most, 24)),
      paint("green", sparkline(growth, steepest)),
    ]),
  ),
);
