import { pack } from "msgpackr";
import { describe, expect, it } from "vitest";
import { createDataplane, createModel, dump, parseManifests, readDump } from "../../src/index.ts";
import { packet } from "../../src/packet/build.ts";

const MANIFESTS = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: default }
spec: { clusterIP: 10.96.0.1, ports: [{ port: 80 }], sessionAffinity: ClientIP }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: default, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
endpoints: [{ addresses: [10.244.0.5] }, { addresses: [10.244.0.6] }]
ports: [{ port: 8080 }]
`;

async function dumps(): Promise<ReturnType<typeof readDump>[]> {
  const frame = packet({
    saddr: "10.1.1.1",
    sport: 4000,
    daddr: "10.96.0.1",
    dport: 80,
    proto: "tcp",
    flags: "S",
  });
  const all = await Promise.all([createDataplane({ seed: 7 }), createModel({ seed: 7 })]);
  return all.map((dataplane) => {
    dataplane.apply(parseManifests(MANIFESTS));
    dataplane.process(frame, { now: 1_700_000_000_000 });
    return readDump(dump(dataplane));
  });
}

describe("a dump", () => {
  it("is the same from both engines after the same packets", async () => {
    const [wasm, model] = await dumps();
    expect(wasm).toEqual({ ...model, engine: "wasm" });
    expect(wasm?.maps.conntrack).toHaveLength(1);
    expect(wasm?.maps.affinity).toHaveLength(1);
    expect(wasm?.counters.connections.created).toBe(1);
  });

  it.each([
    { name: "nothing", bytes: new Uint8Array(), message: /damaged|no dump/ },
    { name: "random bytes", bytes: new Uint8Array([0xc1, 0xff, 0x00]), message: /damaged|no dump/ },
    { name: "other MessagePack", bytes: pack({ format: "else" }), message: /no dump/ },
    { name: "null", bytes: pack(null), message: /no dump/ },
    {
      name: "a later version",
      bytes: pack({ format: "waxdp-dump", version: 9 }),
      message: /version 9/,
    },
  ])("is refused when it is $name", ({ bytes, message }) => {
    expect(() => readDump(bytes)).toThrow(message);
  });
});
