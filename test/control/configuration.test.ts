import { describe, expect, test } from "vitest";
import { isPodInterface } from "../../src/control/pod-interfaces.ts";
import { config, desired, frontend, node, REMOTE, service, slice } from "./objects.ts";

const dnat = (name: string, masquerade: boolean) => ({ action: "dnat", ring: name, masquerade });

describe("local-traffic detectors", () => {
  test("ClusterCIDR: both families, merged", () => {
    expect(desired([config()]).config.podRanges).toEqual({
      ipv4: [{ first: "10.244.0.0", last: "10.244.255.255" }],
      ipv6: [{ first: "fd00:10::", last: "fd00:10:ffff:ffff:ffff:ffff:ffff:ffff" }],
    });
  });

  test("NodeCIDR: the Node's pod CIDRs, and a warning when it has none", () => {
    const mode = config({ detectLocalMode: "NodeCIDR" });
    const ranges = desired([mode, node({ spec: { podCIDRs: ["10.244.1.0/24"] } })]).config
      .podRanges;
    expect(ranges).toEqual({ ipv4: [{ first: "10.244.1.0", last: "10.244.1.255" }], ipv6: [] });
    expect(desired([mode, node()]).warnings).toContain(
      "NodeCIDR is asked for, but the Node has no podCIDRs",
    );
  });

  test.each([
    { name: "BridgeInterface", detectLocal: { bridgeInterface: "cni0" }, yes: "cni0", no: "cni01" },
    {
      name: "InterfaceNamePrefix",
      detectLocal: { interfaceNamePrefix: "cali" },
      yes: "cali1234",
      no: "eth0",
    },
  ])(
    "$name: by the interface's name, and cluster IPs of others are masqueraded",
    ({ name, detectLocal, yes, no }) => {
      const result = desired([
        config({ detectLocalMode: name, detectLocal }),
        service(),
        slice([REMOTE]),
      ]);
      const isPod = (interfaceName: string) => isPodInterface(result.podInterfaces, interfaceName);
      expect([yes, no, ""].map(isPod)).toEqual([true, false, false]);
      expect(frontend(result, "cluster-ip").routes).toMatchObject({
        pod: dnat("cluster", false),
        other: dnat("cluster", true),
      });
    },
  );
});

describe("configuration", () => {
  test("its defaults are kube-proxy's, and the kernel's where that sets nothing", () => {
    const { timeouts, tcpBeLiberal, tcpLoose } = desired([]).config;
    expect([timeouts.ESTABLISHED, timeouts.CLOSE_WAIT, timeouts.UDP, timeouts.UDP_STREAM]).toEqual([
      86_400_000, 3_600_000, 30_000, 120_000,
    ]);
    expect([tcpBeLiberal, tcpLoose]).toEqual([false, true]);
  });

  test("a zero timeout leaves the kernel's, others are taken", () => {
    const conntrack = {
      tcpEstablishedTimeout: "0s",
      tcpCloseWaitTimeout: "0",
      udpTimeout: "1m30s",
      udpStreamTimeout: "1.5s",
    };
    expect(desired([config({ conntrack })]).config.timeouts).toMatchObject({
      ESTABLISHED: 432_000_000,
      CLOSE_WAIT: 60_000,
      UDP: 90_000,
      UDP_STREAM: 1500,
    });
  });

  test("modes other than iptables are told to behave like it; mh becomes Maglev", () => {
    const result = desired([config({ mode: "ipvs", ipvs: { scheduler: "mh" } }), service()]);
    expect(result.warnings).toContain(
      "mode ipvs: the rules of kube-proxy's iptables mode are used instead",
    );
    expect(result.servicePorts[0]?.scheduler).toBe("maglev");
  });

  test("skipped kinds are told with their number", () => {
    expect(desired([{ apiVersion: "v1", kind: "Pod" }]).warnings).toContain("Pod: 1 skipped");
  });
});
