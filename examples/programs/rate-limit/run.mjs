// node examples/programs/rate-limit/run.mjs (after npm run build): every client of the cluster's name
// server may ask 20 times a second, and 10 times at once.
import { replay } from "waxdp";
import { createNode, loadProgram, ONE_ENDPOINT, readCapture } from "../cluster.mjs";
import { paint, print, sparkline, table } from "../report.mjs";

const RATE = 20;
const BURST = 10;
/** Milliseconds of a column of the chart. */
const COLUMN = 100;

const here = (name) => new URL(name, import.meta.url);
const dataplane = await createNode(ONE_ENDPOINT);
const rateLimit = await loadProgram(dataplane, here("program.ts"), "rate-limit");
rateLimit.map("limit").update(0, { interval: 1_000_000_000n / BigInt(RATE), burst: BigInt(BURST) });
dataplane.hooks.ingress.attach(rateLimit, { before: "service-nat" });

const clients = new Map();
let start;
for (const { captured, event } of replay(dataplane, readCapture(here("bursts.pcapng")))) {
  start ??= captured.time;
  if (event.before.dport !== 53) continue;
  const column = Math.floor(Number(captured.time - start) / 1e6 / COLUMN);
  const client = clients.get(event.before.saddr) ?? { passed: [], dropped: [] };
  clients.set(event.before.saddr, client);
  const columns = event.programReason === "over-limit" ? client.dropped : client.passed;
  columns[column] = (columns[column] ?? 0) + 1;
}

const line = (columns) =>
  sparkline(
    Array.from(columns, (value) => value ?? 0),
    BURST,
  );
print(
  `${RATE} packets a second, bursts of ${BURST}; a column is ${COLUMN} ms`,
  "",
  table(
    ["CLIENT", "", "PACKETS", "BY TIME"],
    Array.from(rateLimit.map("buckets").entries()).flatMap(([client, { passed, dropped }]) => [
      [client, paint("green", "passed"), passed, paint("green", line(clients.get(client).passed))],
      ["", paint("red", "dropped"), dropped, paint("red", line(clients.get(client).dropped))],
    ]),
  ),
);
