// node examples/programs/drop-list/run.mjs (after npm run build): a list of networks is not let in.
import { readFileSync } from "node:fs";
import { replay } from "waxdp";
import { createNode, loadProgram, ONE_ENDPOINT, readCapture } from "../cluster.mjs";
import { paint, print, table } from "../report.mjs";

const here = (name) => new URL(name, import.meta.url);
const dataplane = await createNode(ONE_ENDPOINT);
const dropList = await loadProgram(dataplane, here("program.ts"), "drop-list");
dataplane.hooks.ingress.attach(dropList, { before: "service-nat" });

const rulesOf = (prefix) => dropList.map(prefix.includes(":") ? "rules6" : "rules4");
const list = readFileSync(here("blocklist.txt"), "utf8").matchAll(/^(!?)([0-9a-f.:]+\/\d+)/gm);
const rules = Array.from(list, ([, exception, prefix]) => ({ prefix, drop: exception === "" }));
for (const { prefix, drop } of rules)
  rulesOf(prefix).update(prefix, { drop, packets: 0n, bytes: 0n });

const sources = new Map();
for (const { event } of replay(dataplane, readCapture(here("visitors.pcapng")))) {
  const { saddr } = event.before;
  const source = sources.get(saddr) ?? { passed: 0, dropped: 0, reasons: new Set() };
  sources.set(saddr, source);
  if (event.verdict === "DROP") source.reasons.add(event.programReason ?? event.reason);
  source[event.verdict === "DROP" ? "dropped" : "passed"]++;
}

print(
  table(
    ["PREFIX", "RULE", "PACKETS", "BYTES"],
    rules.map(({ prefix, drop }) => {
      const { packets, bytes } = rulesOf(prefix).lookup(prefix);
      return [prefix, drop ? paint("red", "drop") : paint("green", "let in"), packets, bytes];
    }),
  ),
  "",
  table(
    ["SOURCE", "PASSED", "DROPPED", "REASON"],
    [...sources].map(([saddr, { passed, dropped, reasons }]) => {
      return [saddr, passed, dropped, [...reasons].join(", ")];
    }),
  ),
);
