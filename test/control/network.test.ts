import { expect, test } from "vitest";
import { parseAddress } from "../../src/control/address.ts";
import { parseNetwork } from "../../src/control/network.ts";
import { DataplaneError } from "../../src/dataplane/error.ts";
import { desired, node } from "./objects.ts";

const link = (ifname: string, ...addr_info: unknown[]) => ({ ifname, addr_info });
const inet = (local: string, prefixlen: number, fields = {}) => ({
  family: "inet",
  local,
  prefixlen,
  scope: "global",
  ...fields,
});

const NETWORK = {
  addresses: [
    link("lo", inet("127.0.0.1", 8, { scope: "host" }), inet("::1", 128, { scope: "host" })),
    link(
      "ext0",
      inet("192.168.0.2", 24),
      inet("192.168.0.3", 24, { secondary: true }),
      inet("172.16.0.1", 24),
      inet("2001:db8::2", 64),
      inet("fe80::1", 64, { scope: "link" }),
    ),
    link(
      "pod0",
      inet("10.244.1.1", 24),
      inet("fd00:10:1::bad", 64, { deprecated: true }),
      inet("fd00:10:1::1", 64),
    ),
    link("cali1"),
  ],
  routes: [
    { dst: "default", gateway: "192.168.0.254", dev: "ext0" },
    { dst: "default", gateway: "2001:db8::fe", dev: "ext0", pref: "medium" },
    { dst: "10.244.1.0/24", dev: "pod0", prefsrc: "10.244.1.1" },
    { dst: "10.244.2.0/24", gateway: "172.16.0.9", dev: "ext0", metric: 10 },
    { dst: "10.244.2.0/24", gateway: "10.244.1.9", dev: "pod0", metric: 20 },
    { dst: "10.244.1.7", dev: "cali1" },
    {
      dst: "10.244.3.0/24",
      nexthops: [
        { gateway: "10.244.1.9", dev: "pod0" },
        { gateway: "192.168.0.1", dev: "ext0" },
      ],
    },
    { dst: "10.244.9.0/24", type: "blackhole" },
    { dst: "fd00:10:1::/64", dev: "pod0" },
  ],
};

test.each([
  {
    name: "the interface of the longest prefix gives the source",
    to: "10.244.1.5",
    source: "10.244.1.1",
  },
  {
    name: "an address in the subnet of the next hop comes first",
    to: "10.244.2.5",
    source: "172.16.0.1",
  },
  { name: "of several next hops the first counts", to: "10.244.3.5", source: "10.244.1.1" },
  { name: "the default route serves the rest", to: "8.8.8.8", source: "192.168.0.2" },
  {
    name: "an interface without addresses borrows the first one of the node",
    to: "10.244.1.7",
    source: "192.168.0.2",
  },
  { name: "a route that delivers nowhere is no route", to: "10.244.9.1", source: "192.168.0.2" },
  { name: "IPv6: deprecated addresses are avoided", to: "fd00:10:1::5", source: "fd00:10:1::1" },
  { name: "IPv6: never a link-local address", to: "2600::1", source: "2001:db8::2" },
])("$name", ({ to, source }) => {
  const destination = parseAddress(to);
  expect(destination && parseNetwork(NETWORK).sourceTowards(destination)).toBe(source);
});

test("without a route nothing is masqueraded", () => {
  const network = parseNetwork({ ...NETWORK, routes: [] });
  expect(network.sourceTowards({ family: "ipv4", text: "10.0.0.1" })).toBe("");
});

test("every address of the interfaces is local, and interfaces answer with their primary addresses", () => {
  const result = desired([node()], { network: NETWORK });
  expect(result.addresses.map(({ address }) => address)).toEqual([
    "::1",
    "192.168.0.2",
    "192.168.0.3",
    "172.16.0.1",
    "2001:db8::2",
    "fe80::1",
    "10.244.1.1",
    "fd00:10:1::bad",
    "fd00:10:1::1",
  ]);
  expect(result.links.find(({ name }) => name === "ext0")).toEqual({
    name: "ext0",
    ipv4: "192.168.0.2",
    ipv6: "2001:db8::2",
  });
  expect(result.links.find(({ name }) => name === "cali1")).toEqual({
    name: "cali1",
    ipv4: "",
    ipv6: "",
  });
});

test("what ip does not print is refused with its place", () => {
  const read = () => parseNetwork({ addresses: [{ name: "eth0" }], routes: [] });
  expect(read).toThrow(DataplaneError);
  expect(read).toThrow(/^network\.addresses\[0\]\.ifname: .*ip -j addr/);
});
