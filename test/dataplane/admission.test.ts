/** What people write into maps: nonsense is refused with its place, and never reaches a record. */
import { describe, expect, test } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import type { Backend, Route, Service, Vip } from "../../src/dataplane/entries.ts";
import { createDataplane, createModel, parseObjects } from "../../src/index.ts";
import { packet } from "../../src/testing.ts";

const ROUTE: Route = { action: "dnat", ring: "cluster", masquerade: false };
const VIP: Vip = { family: "ipv4", address: "10.0.0.1", port: 80, proto: "tcp" };
const SERVICE: Service = {
  service: 1,
  frontend: "cluster-ip",
  affinity: 0,
  sourceRanges: null,
  routes: { pod: ROUTE, local: ROUTE, other: ROUTE },
};
const BACKEND: Backend = {
  service: 1,
  family: "ipv4",
  address: "10.1.0.1",
  port: 8080,
  proto: "tcp",
  rings: ["cluster"],
  weight: 1,
  masquerade: "",
};
const RING = { service: 1, ring: "cluster" } as const;
const RANGE = { first: "10.0.0.0", last: "10.0.0.255" };
const CAPACITY = { services: 8, backends: 8, slots: 64, ranges: 4, interfaces: 4 };

type Write = (maps: Dataplane["maps"]) => void;
const service = (key: object | null, value: object | null = {}): Write => {
  const [whole, entry] = [key && { ...VIP, ...key }, value && { ...SERVICE, ...value }];
  return (maps) => maps.services.update(whole as Vip, entry as Service);
};
const backend = (key: unknown, value: object = {}): Write => {
  return (maps) => maps.backends.update(key as number, { ...BACKEND, ...value });
};

const NONSENSE: readonly { name: string; write: Write; message: RegExp }[] = [
  {
    name: "no key at all",
    write: service(null),
    message: /^services: key is null: it must be an object$/,
  },
  {
    name: "no value at all",
    write: service({}, null),
    message: /^services: value is null: it must be/,
  },
  {
    name: "an IPv6 address in an IPv4 key, which ran over the port",
    write: service({ address: "::1" }),
    message: /^services: key\.address is "::1": it must be an IPv4 address$/,
  },
  {
    name: "the unspecified address, under which records keep nodePorts",
    write: service({ address: "0.0.0.0" }),
    message: /^services: key\.address is "0\.0\.0\.0": it must be an address that can be dialled/,
  },
  {
    name: "a port that wrapped around",
    write: service({ port: 70000 }),
    message: /^services: key\.port is 70000: it must be an integer from 0 to 65535$/,
  },
  { name: "a port in quotes", write: service({ port: "80" }), message: /key\.port is "80"/ },
  { name: "an unknown protocol", write: service({ proto: "icmp" }), message: /key\.proto/ },
  { name: "service number 0", write: service({}, { service: 0 }), message: /from 1 to 8$/ },
  { name: "a service beyond the map", write: service({}, { service: 9 }), message: /from 1 to 8$/ },
  { name: "no routes", write: service({}, { routes: {} }), message: /routes\.pod is undefined/ },
  {
    name: "a reason that is none",
    write: service({}, { routes: { ...SERVICE.routes, local: { action: "drop", reason: "x" } } }),
    message: /value\.routes\.local\.reason is "x": it must be "truncated" or /,
  },
  {
    name: "source ranges that overlap",
    write: service({}, { sourceRanges: [RANGE, RANGE] }),
    message: /value\.sourceRanges\[1\]\.first is "10\.0\.0\.0": it must be behind the former$/,
  },
  { name: "backend 0", write: backend(0), message: /^backends: key is 0: it must be an integer/ },
  { name: "half a backend", write: backend(1.5), message: /^backends: key is 1\.5/ },
  { name: "a backend number past 32 bits", write: backend(2 ** 32 + 1), message: /4294967297/ },
  { name: "a backend without address", write: backend(1, { address: "" }), message: /is ""/ },
  { name: "a heavy backend", write: backend(1, { weight: 65536 }), message: /value\.weight/ },
  {
    name: "a slot with a backend beyond the map",
    write: (maps) => maps.rings.update(RING, { scheduler: "random", slots: [1, 9] }),
    message: /^rings: value\.slots\[1\] is 9: it must be an integer from 1 to 8$/,
  },
  {
    name: "a slot for no backend",
    write: (maps) => maps.rings.update(RING, { scheduler: "random", slots: [0] }),
    message: /value\.slots\[0\] is 0/,
  },
  {
    name: "a device below 0",
    write: (maps) => maps.interfaces.update(-1, { name: "x", pod: false, ipv4: "", ipv6: "" }),
    message: /^interfaces: key is -1/,
  },
  {
    name: "an address of a tuple that is none",
    write: (maps) => maps.conntrack.delete({} as never),
    message: /^conntrack: key\.saddr is undefined: it must be a string$/,
  },
];

const SYN = packet({
  saddr: "10.9.9.9",
  sport: 40000,
  daddr: VIP.address,
  dport: VIP.port,
  flags: "S",
});

describe.each([
  { engine: "wasm", create: createDataplane },
  { engine: "model", create: createModel },
])("maps of the $engine", ({ create }) => {
  const fresh = async () => {
    const dataplane = await create({ node: "a", capacity: CAPACITY });
    dataplane.apply(parseObjects([]));
    return dataplane;
  };

  test.each(NONSENSE)("refuse $name", async ({ write, message }) => {
    const { maps } = await fresh();
    expect(() => write(maps)).toThrow(
      expect.objectContaining({ code: "bad-entry", message: expect.stringMatching(message) }),
    );
    expect([maps.services.length, maps.backends.length, maps.rings.length]).toEqual([0, 0, 0]);
  });

  test("take any spelling of an address and give the canonical one", async () => {
    const { maps } = await fresh();
    maps.addresses.update({ family: "ipv6", address: "FD00:0::1" }, { nodePorts: true });
    expect([...maps.addresses.entries()].map(([key]) => key.address)).toContain("fd00::1");
  });

  test("name a backend that was written by hand", async () => {
    const dataplane = await create({ capacity: CAPACITY });
    dataplane.maps.backends.update(1, BACKEND);
    dataplane.maps.rings.update(RING, { scheduler: "random", slots: [1] });
    dataplane.maps.services.update(VIP, SERVICE);
    const frame = packet({
      saddr: "10.2.0.1",
      sport: 1,
      daddr: VIP.address,
      dport: 80,
      proto: "tcp",
      flags: "S",
    });
    expect(dataplane.process(frame, { now: 0 }).event.backend).toBe("10.1.0.1:8080");
  });

  test("keep their entry when its new source ranges do not fit", async () => {
    const { maps } = await fresh();
    maps.services.update(VIP, { ...SERVICE, sourceRanges: [RANGE] });
    const many = Array.from({ length: 5 }, (_, i) => ({
      first: `10.${i}.0.0`,
      last: `10.${i}.0.1`,
    }));
    const write = () => maps.services.update(VIP, { ...SERVICE, sourceRanges: many });
    expect(write).toThrow(expect.objectContaining({ code: "capacity" }));
    expect(maps.services.lookup(VIP)?.sourceRanges).toEqual([RANGE]);
  });

  test.each([
    { name: "a row that no backend has", row: 5 },
    { name: "a backend of the other family", row: 6 },
  ])("reject what a ring sends to $name", async ({ row }) => {
    const dataplane = await fresh();
    dataplane.maps.services.update(VIP, SERVICE);
    dataplane.maps.backends.update(6, { ...BACKEND, family: "ipv6", address: "fd00::1" });
    dataplane.maps.rings.update(RING, { scheduler: "random", slots: [row] });
    expect(dataplane.process(SYN, { now: 0 }).event).toMatchObject({
      verdict: "TX",
      reason: "no-endpoints",
    });
  });
});
