import { describe, expect, test } from "vitest";
import { config, desired, LOCAL, NODE, node, REMOTE, ring, service, slice } from "./objects.ts";

describe("the node", () => {
  const served = (fields: Record<string, unknown>) => {
    const result = desired([node(), config(fields)]);
    const names = result.addresses
      .filter(({ nodePorts }) => nodePorts)
      .map(({ address }) => address);
    return [names, result.config.localhostNodePorts];
  };
  test.each([
    {
      name: "no list: every address, and loopback",
      fields: {},
      expected: [["192.168.0.2", "2001:db8::2", "203.0.113.9"], true],
    },
    {
      name: "a list: the addresses in it, the other family unrestricted, no loopback",
      fields: { nodePortAddresses: ["192.168.0.0/24"] },
      expected: [["192.168.0.2", "2001:db8::2"], false],
    },
    {
      name: "a list of the other family only",
      fields: { nodePortAddresses: ["fd00::/8"] },
      expected: [["192.168.0.2", "203.0.113.9"], true],
    },
    {
      name: "loopback in the list",
      fields: { nodePortAddresses: ["127.0.0.0/8", "::/0"] },
      expected: [["2001:db8::2"], true],
    },
    {
      name: "a zero CIDR swallows the rest",
      fields: { nodePortAddresses: ["10.0.0.0/8", "0.0.0.0/0", "::/0"] },
      expected: [["192.168.0.2", "2001:db8::2", "203.0.113.9"], true],
    },
    {
      name: "primary",
      fields: { nodePortAddresses: ["primary"] },
      expected: [["192.168.0.2", "2001:db8::2"], false],
    },
    {
      name: "localhostNodePorts off",
      fields: { iptables: { localhostNodePorts: false } },
      expected: [["192.168.0.2", "2001:db8::2", "203.0.113.9"], false],
    },
  ])("nodePorts, $name", ({ fields, expected }) => {
    expect(served(fields)).toEqual(expected);
  });

  test("its addresses are the internal and external ones and ::1", () => {
    expect(desired([node()]).addresses.map(({ address }) => address)).toEqual([
      "192.168.0.2",
      "2001:db8::2",
      "203.0.113.9",
      "::1",
    ]);
    expect(desired([node()]).primary).toEqual({ ipv4: "192.168.0.2", ipv6: "2001:db8::2" });
  });

  test("masquerade takes the primary address of the family", () => {
    expect(
      desired([node(), service(), slice([REMOTE])]).servicePorts[0]?.endpoints[0]?.masquerade,
    ).toBe("192.168.0.2");
  });

  test("without a Node everything still works, with warnings", () => {
    const result = desired([service(), slice([REMOTE])]);
    expect(result.servicePorts[0]?.endpoints[0]?.masquerade).toBe("");
    expect(result.warnings).toEqual([
      `Node ${NODE} is not among the objects: its zone and pod CIDRs are unknown`,
      "the node has no address: nothing is local to it, and nothing can be masqueraded",
      "there is no clusterCIDR: pods cannot be told from other sources",
    ]);
  });

  test("hostnameOverride names the node when nobody else does", () => {
    const objects = [
      node(),
      config({ hostnameOverride: NODE }),
      service({ internalTrafficPolicy: "Local" }),
      slice([LOCAL]),
    ];
    expect(ring(desired(objects, { node: undefined }), "local")).toEqual(["10.244.1.5:8080"]);
  });
});
