import { describe, expect, test } from "vitest";
import { parseObjects } from "../../src/control/kubernetes.ts";
import { createReconciler } from "../../src/control/reconcile.ts";
import type { Plan } from "../../src/dataplane/controller.ts";
import { config, endpoint, NODE, node, service, slice } from "./objects.ts";

const UDP = { ports: [{ name: "dns", port: 53, protocol: "UDP" }] };
const TCP = { ports: [{ name: "dns", port: 53, protocol: "TCP" }] };
const NOT_READY = { conditions: { ready: false, serving: true, terminating: false } };
const GONE = { conditions: { ready: false, serving: false, terminating: true } };

/** Objects of one Service with these endpoints, all of whose backends have connections. */
function cluster(endpoints: object[], ports: object = UDP) {
  const slices = endpoints.length === 0 ? [] : [slice(endpoints as never, ports as never)];
  return parseObjects([node(), config(), service(ports as never), ...slices]);
}

function planned(...clusters: ReturnType<typeof cluster>[]): { plan: Plan; stale: unknown[] } {
  const reconciler = createReconciler({ node: NODE });
  let plan: Plan | undefined;
  for (const objects of clusters) {
    plan = reconciler.plan(objects, { connections: () => 1 });
    plan.commit();
  }
  const last = plan as Plan;
  return { plan: last, stale: last.retired.udp.map(reconciler.backendName) };
}

const OLD = endpoint("10.244.1.5");
const NEW = endpoint("10.244.2.5");

describe("UDP flows", () => {
  test("of an endpoint that was replaced are stale", () => {
    expect(planned(cluster([OLD]), cluster([NEW])).stale).toEqual(["10.244.1.5:53"]);
  });

  test("of an endpoint that is not ready but serves go on", () => {
    const drained = { ...OLD, ...NOT_READY };
    expect(planned(cluster([OLD, NEW]), cluster([drained, NEW])).stale).toEqual([]);
  });

  test("of an endpoint that does not serve any more are stale", () => {
    const gone = { ...OLD, ...GONE };
    expect(planned(cluster([OLD, NEW]), cluster([gone, NEW])).stale).toEqual(["10.244.1.5:53"]);
  });

  test("of a service port that nobody serves any more go on, until somebody does", () => {
    expect(planned(cluster([OLD]), cluster([])).stale).toEqual([]);
    expect(planned(cluster([OLD]), cluster([]), cluster([NEW])).stale).toEqual(["10.244.1.5:53"]);
  });

  test("of an endpoint whose port number changed go on: addresses alone count", () => {
    const renumbered = { ports: [{ name: "dns", port: 5353, protocol: "UDP" }] };
    const moved = parseObjects([node(), config(), service(UDP), slice([OLD], renumbered as never)]);
    expect(planned(cluster([OLD]), moved).stale).toEqual([]);
  });

  test("are left alone when nothing about UDP has changed", () => {
    expect(planned(cluster([OLD]), cluster([NEW]), cluster([NEW])).plan.retired.udp).toEqual([]);
    expect(planned(cluster([OLD], TCP), cluster([NEW], TCP)).plan.retired.udp).toEqual([]);
  });
});

describe("remembered clients", () => {
  test("are forgotten for an endpoint that leaves its rings, once", () => {
    const { plan } = planned(cluster([OLD], TCP), cluster([NEW], TCP));
    expect(plan.retired.clients).toHaveLength(1);
    expect(
      planned(cluster([OLD], TCP), cluster([NEW], TCP), cluster([NEW], TCP)).plan.retired,
    ).toEqual({ udp: [], clients: [] });
  });
});
