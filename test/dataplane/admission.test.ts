/** What people write into maps: nonsense is refused with its place, and never reaches a record. */
import { describe, expect, test } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import {
  type Backend,
  type Config,
  type Route,
  type Service,
  TIMERS,
  type Vip,
} from "../../src/dataplane/entries.ts";
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
const CLIENT = { service: 1, address: "10.9.9.9" };
const remember = (backends: unknown, timeout: unknown = 1000): Write => {
  return (maps) => maps.affinity.update(CLIENT, { backends, timeout } as never);
};
const endpoint = (key: object, value: unknown = { backend: 1 }): Write => {
  return (maps) => maps.endpoints.update({ ...VIP, ...key }, value as never);
};
const configure = (change: (config: Config) => object): Write => {
  return (maps) => {
    const config = maps.config.lookup("config") as Config;
    maps.config.update("config", { ...config, ...change(config) });
  };
};
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
    name: "an endpoint at no address",
    write: endpoint({ address: "" }),
    message: /^endpoints: key\.address is "": it must be the address of a backend$/,
  },
  {
    name: "an endpoint at the unspecified address",
    write: endpoint({ family: "ipv6", address: "0::0" }),
    message: /^endpoints: key\.address is "0::0": it must be an address that can be dialled/,
  },
  {
    name: "an endpoint of a backend beyond the map",
    write: endpoint({}, { backend: 9 }),
    message: /^endpoints: value\.backend is 9: it must be an integer from 1 to 8$/,
  },
  { name: "an endpoint without a backend", write: endpoint({}, {}), message: /backend is undef/ },
  { name: "an endpoint that is null", write: endpoint({}, null), message: /value is null/ },
  {
    name: "a client of no backend",
    write: remember([]),
    message:
      /^affinity: value\.backends is an array of 0: it must be a list of one backend, or of two/,
  },
  {
    name: "a client of three backends",
    write: remember([1, 2, 3].map((backend) => ({ backend, used: 0 }))),
    message: /must be a list of one backend, or of two that differ$/,
  },
  {
    name: "a client of one backend twice",
    write: remember([1, 1].map((backend) => ({ backend, used: 0 }))),
    message: /of two that differ$/,
  },
  {
    name: "a client of backend 0, which is none",
    write: remember([{ backend: 0, used: 0 }]),
    message: /^affinity: value\.backends\[0\]\.backend is 0/,
  },
  {
    name: "a client of the format before",
    write: (maps) => maps.affinity.update(CLIENT, { backend: 1, used: 0, timeout: 1 } as never),
    message: /^affinity: value\.backends is undefined: it must be an array$/,
  },
  {
    name: "a client that was there before time began",
    write: remember([{ backend: 1, used: -1 }]),
    message: /backends\[0\]\.used is -1/,
  },
  {
    name: "a client kept longer than time is counted",
    write: remember([{ backend: 1, used: 0 }], 2 ** 31),
    message: /^affinity: value\.timeout is 2147483648/,
  },
  {
    name: "a configuration without fragment timeouts",
    write: configure(() => ({ fragmentTimeouts: undefined })),
    message: /^config: value\.fragmentTimeouts is undefined: it must be an object$/,
  },
  {
    name: "fragments kept for ever",
    write: configure(() => ({ fragmentTimeouts: { ipv4: 1, ipv6: Number.POSITIVE_INFINITY } })),
    message: /^config: value\.fragmentTimeouts\.ipv6 is Infinity/,
  },
  {
    name: "a configuration that lacks a timer",
    write: configure(({ timeouts }) => ({ timeouts: { ...timeouts, UNACKNOWLEDGED: undefined } })),
    message: /^config: value\.timeouts\.UNACKNOWLEDGED is undefined/,
  },
  {
    name: "more retransmissions than are counted",
    write: configure(() => ({ tcpMaxRetrans: 256 })),
    message: /^config: value\.tcpMaxRetrans is 256: it must be an integer from 0 to 255$/,
  },
  {
    name: "checksums that are neither looked at nor not",
    write: configure(() => ({ checksum: 1 })),
    message: /^config: value\.checksum is 1: it must be true or false$/,
  },
  {
    name: "ports that are drawn perhaps",
    write: configure(() => ({ randomFully: "yes" })),
    message: /^config: value\.randomFully is "yes"/,
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
    const { services, backends, rings, endpoints, affinity } = maps;
    const lengths = [services, backends, rings, endpoints, affinity].map(({ length }) => length);
    expect(lengths).toEqual([0, 0, 0, 0, 0]);
  });

  test("give back what was written, whatever it is made of", async () => {
    const { maps } = await fresh();
    const key = { ...VIP, family: "ipv6", address: "fd00::1" } as const;
    maps.endpoints.update({ ...key, address: "FD00:0::1" }, { backend: 8 });
    maps.endpoints.update(VIP, { backend: 1 });
    expect(maps.endpoints.lookup(key)).toEqual({ backend: 8 });
    expect([...maps.endpoints.entries()]).toHaveLength(2);
    expect(maps.endpoints.delete(key)).toBe(true);
    expect(maps.endpoints.delete(key)).toBe(false);
    expect([...maps.endpoints.entries()]).toEqual([[VIP, { backend: 1 }]]);

    const clients = { backends: [3, 5].map((backend) => ({ backend, used: 0 })), timeout: 7 };
    maps.affinity.update(CLIENT, clients);
    expect(maps.affinity.lookup(CLIENT)).toEqual(clients);
    const fewer = { backends: clients.backends.slice(1), timeout: 0 };
    maps.affinity.update(CLIENT, fewer);
    expect([...maps.affinity.entries()]).toEqual([[CLIENT, fewer]]);

    const timers = TIMERS.map((timer, index) => [timer, index + 1]);
    const config: Config = {
      ...(maps.config.lookup("config") as Config),
      tcpMaxRetrans: 255,
      checksum: false,
      randomFully: true,
      timeouts: Object.fromEntries(timers),
      fragmentTimeouts: { ipv4: 0, ipv6: 1_073_741_824 },
    };
    maps.config.update("config", config);
    expect(maps.config.lookup("config")).toEqual(config);
  });

  test("hold no more endpoints than backends", async () => {
    const { maps } = await fresh();
    const write = (port: number) => maps.endpoints.update({ ...VIP, port }, { backend: 1 });
    for (let port = 1; port <= CAPACITY.backends; port++) write(port);
    expect(() => write(9)).toThrow(expect.objectContaining({ code: "capacity" }));
    expect(() => write(8)).not.toThrow();
    expect(maps.endpoints.length).toBe(maps.endpoints.capacity);
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
