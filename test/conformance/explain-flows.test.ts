/** `explain` names exactly the endpoints that kube-proxy would use, and judges the flow as kube-proxy would. */
import { describe, expect, test } from "vitest";
import type { Proto } from "../../src/dataplane/entries.ts";
import { explain } from "../../src/explain.ts";
import { parseObjects } from "../../src/index.ts";
import { dataplanes } from "./dataplanes.ts";
import { expectationOf } from "./flow-differences.ts";
import { CASES, type Flow, objectsOf } from "./kube-proxy-flows.ts";

const CAPACITY = { connections: 64, connections6: 64, affinity: 64, batch: 1 };

/** An explanation is of a packet that opens a flow; INVALID ones are told apart in flows.test.ts. */
const opens = ({ ctState }: Flow): boolean => ctState !== "INVALID";

for (const { name, create } of dataplanes) {
  describe(name, () => {
    test.each(CASES.map((one) => [one.id, one] as const))("%s", async (_, one) => {
      const dataplane = await create({ node: one.node.name, seed: 1, capacity: CAPACITY });
      dataplane.apply(parseObjects(objectsOf(one)));
      for (const flow of one.flows.filter(opens)) {
        const { candidates, action } = explain(dataplane, specOf(flow));
        const { backends, verdict } = expectationOf(one, flow);
        expect({ flow: flow.name, candidates, action }).toEqual({
          flow: flow.name,
          candidates: [...backends].sort(),
          action: verdict,
        });
      }
    });
  });
}

function specOf({ srcIP, dstIP, dstPort, protocol }: Flow) {
  return { saddr: srcIP, daddr: dstIP, dport: dstPort, proto: protocol.toLowerCase() as Proto };
}
