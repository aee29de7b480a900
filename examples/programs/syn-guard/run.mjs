// node examples/programs/syn-guard/run.mjs (after npm run build): a SYN flood meets a node that also
// has visitors, first without the guard, then with it.
import { replay } from "waxdp";
import { createNode, loadProgram, ONE_ENDPOINT, readCapture } from "../cluster.mjs";
import { bar, paint, print, table } from "../report.mjs";

const here = (name) => new URL(name, import.meta.url);

/** Connections that nobody has finished opening. */
function countHalfOpen(dataplane) {
  const states = Array.from(dataplane.maps.conntrack.entries(), ([, { state }]) => state);
  return states.filter((state) => state === "SYN_SENT" || state === "SYN_RECV").length;
}

function play(dataplane) {
  let peak = 0;
  for (const _ of replay(dataplane, readCapture(here("flood.pcapng")))) {
    peak = Math.max(peak, countHalfOpen(dataplane));
  }
  return { peak, drops: dataplane.counters().reasons.program };
}

const open = await createNode(ONE_ENDPOINT);
const guarded = await createNode(ONE_ENDPOINT);
const guard = await loadProgram(guarded, here("program.ts"), "syn-guard");
guarded.hooks.ingress.attach(guard, { before: "service-nat" });
const [before, after] = [play(open), play(guarded)];

print(
  table(
    ["", "HALF OPEN", "SYNS DROPPED", ""],
    [
      ["without", before.peak, before.drops, paint("red", bar(before.peak, before.peak, 40))],
      ["guarded", after.peak, after.drops, paint("green", bar(after.peak, before.peak, 40))],
    ],
  ),
  "",
  table(
    ["SOURCE", "OPENED", "DROPPED", "STILL HALF OPEN"],
    Array.from(guard.map("sources").entries(), ([address, { opened, dropped, halfOpen }]) => {
      const style = dropped > 0 ? "red" : "green";
      return [paint(style, address), opened, dropped, halfOpen];
    }),
  ),
);
