/** Where health answers are listened for. */
import { describe, expect, test } from "vitest";
import { parseObjects } from "../../src/control/kubernetes.ts";
import { type ServiceHealthOptions, serviceHealth } from "../../src/health/service.ts";
import { config, NODE, node, service } from "../control/objects.ts";
import { DUAL, type Fields, healthOf } from "./scene.ts";

describe("the listeners", () => {
  const listeners = (fields: Fields, options: ServiceHealthOptions = {}) =>
    Object.fromEntries(
      healthOf([config(fields), service(DUAL)], options).map(({ family, addresses }) => [
        family,
        addresses,
      ]),
    );
  const ALL = { ipv4: ["0.0.0.0"], ipv6: ["::"] };
  test.each([
    { name: "everywhere without a list", list: null, expected: ALL },
    { name: "everywhere with an empty list", list: [], expected: ALL },
    { name: "everywhere with zero CIDRs", list: ["0.0.0.0/0", "::/0"], expected: ALL },
    {
      name: "everywhere when a zero CIDR stands beside others",
      list: ["192.168.0.0/24", "0.0.0.0/0"],
      expected: ALL,
    },
    {
      name: "on the addresses in the list, in the other family everywhere",
      list: ["192.168.0.0/16", "203.0.113.9/32"],
      expected: { ipv4: ["192.168.0.2", "203.0.113.9"], ipv6: ["::"] },
    },
    {
      name: "once on an address that two CIDRs hold",
      list: ["192.168.0.0/16", "192.168.0.0/24", "2001:db8::/32"],
      expected: { ipv4: ["192.168.0.2"], ipv6: ["2001:db8::2"] },
    },
    {
      name: "on loopback where the list has it",
      list: ["127.0.0.0/8", "::1/128"],
      expected: { ipv4: ["127.0.0.1"], ipv6: ["::1"] },
    },
    {
      name: "nowhere when the node has none of the addresses",
      list: ["10.9.0.0/16", "fd99::/16"],
      expected: { ipv4: [], ipv6: [] },
    },
    {
      name: "on the primary addresses",
      list: ["primary"],
      expected: { ipv4: ["192.168.0.2"], ipv6: ["2001:db8::2"] },
    },
  ])("are $name", ({ list, expected }) => {
    expect(listeners({ nodePortAddresses: list })).toEqual(expected);
  });

  test("are everywhere in a family without a primary address", () => {
    const single = node({ addresses: [{ type: "InternalIP", address: "192.168.0.2" }] });
    const objects = [single, config({ nodePortAddresses: ["primary"] }), service(DUAL)];
    const health = serviceHealth(parseObjects(objects), NODE);
    expect(health.map(({ addresses }) => addresses)).toEqual([["192.168.0.2"], ["::"]]);
  });

  test("are on what the interfaces carry, when those are told", () => {
    const network = {
      addresses: [
        { ifname: "lo", addr_info: [{ family: "inet", local: "127.0.0.53", prefixlen: 8 }] },
        { ifname: "eth0", addr_info: [{ family: "inet", local: "192.168.0.77", prefixlen: 24 }] },
        { ifname: "eth1", addr_info: [{ family: "inet", local: "192.168.0.77", prefixlen: 24 }] },
      ],
      routes: [],
    };
    expect(
      listeners({ nodePortAddresses: ["127.0.0.0/8", "192.168.0.0/24"] }, { network }),
    ).toEqual({ ipv4: ["127.0.0.53", "192.168.0.77"], ipv6: ["::"] });
  });
});
