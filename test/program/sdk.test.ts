/** `waxdp/program` from inside: what programs read of packets, what they write, and their maps, over both engines. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import {
  createDataplane,
  createModel,
  type Dataplane,
  type LoadOptions,
  Program,
} from "../../src/index.ts";
import { verify } from "../../src/packet/checksum.ts";
import { LINK_TYPES, type PacketSpec, packet } from "../../src/testing.ts";

const ENGINES = { wasm: createDataplane, model: createModel };
const CAPACITY = { arena: 1 << 20, connections: 64, connections6: 64, affinity: 64, headroom: 256 };

async function start(
  create: (typeof ENGINES)["wasm"],
  program: Program,
  arrange: (dataplane: Dataplane) => LoadOptions = () => ({}),
): Promise<Dataplane> {
  const dataplane = await create({ seed: 1, capacity: CAPACITY });
  const loaded = await dataplane.programs.load(program, arrange(dataplane));
  dataplane.hooks.ingress.attach(loaded, { first: true });
  return dataplane;
}

interface Read {
  readonly version: number;
  readonly proto: number;
  readonly sport: number;
  readonly dport: number;
  readonly flags: number;
  readonly type: number;
  readonly payload: number;
  readonly source: string;
  readonly ethertype: number;
  readonly first: number;
}

const READER = `
import { Addr16, Context, ethernet, icmp, icmpv6, ipv4, ipv6, NEXT, payload, payloadLength, ringbuf, sctp, tcp, udp }
  from "waxdp/program";

@unmanaged class Read {
  source: Addr16;
  sport: u32; dport: u32; payload: u32;
  ethertype: u16; version: u8; proto: u8; flags: u8; type: u8; first: u8; zero: u8;
}
const reads = ringbuf<Read>("reads", 65536);

export function program(ctx: Context): i32 {
  const read = reads.reserve();
  if (!read) return NEXT;
  memory.fill(changetype<usize>(read), 0, offsetof<Read>());
  const link = ethernet(ctx);
  if (link) read.ethertype = <u16>link.type;
  const ip = ipv4(ctx);
  if (ip) { read.version = <u8>ip.version; read.proto = ip.proto; read.source = ip.source; }
  const ip6 = ipv6(ctx);
  if (ip6) { read.version = <u8>ip6.version; read.proto = ip6.next; read.source = ip6.saddr; }
  const segment = tcp(ctx);
  if (segment) { read.sport = segment.sport; read.dport = segment.dport; read.flags = segment.flags; }
  const datagram = udp(ctx);
  if (datagram) { read.sport = datagram.sport; read.dport = datagram.dport; }
  const chunk = sctp(ctx);
  if (chunk) { read.sport = chunk.sport; read.dport = chunk.dport; }
  const message = icmp(ctx);
  if (message) read.type = message.type;
  const message6 = icmpv6(ctx);
  if (message6) read.type = message6.type;
  read.payload = payloadLength(ctx);
  const at = payload(ctx);
  if (at != 0 && read.payload > 0) read.first = load<u8>(at);
  reads.submit(read);
  return NEXT;
}`;

const FLOW = { saddr: "10.0.0.1", sport: 4000, daddr: "10.0.0.2", dport: 80 } as const;
const FLOW6 = { saddr: "2001:db8::1", sport: 4000, daddr: "2001:db8::2", dport: 80 } as const;

const PACKETS: readonly (readonly [name: string, spec: PacketSpec, expected: Partial<Read>])[] = [
  [
    "a TCP segment",
    { ...FLOW, flags: "SA", payload: "hello" },
    { proto: 6, sport: 4000, dport: 80, flags: 0x12, payload: 5, first: 104 },
  ],
  [
    "one behind two VLAN tags",
    { ...FLOW, vlan: [{ id: 5 }, { id: 6 }] },
    { ethertype: 0x88a8, sport: 4000, payload: 0 },
  ],
  ["one in a padded frame", { ...FLOW, payload: "x", padding: 20 }, { payload: 1, first: 120 }],
  [
    "a UDP datagram",
    { ...FLOW, proto: "udp", payload: "abc" },
    { proto: 17, sport: 4000, dport: 80, payload: 3, first: 97 },
  ],
  ["an SCTP packet", { ...FLOW, proto: "sctp" }, { proto: 132, sport: 4000, dport: 80 }],
  [
    "an echo",
    { saddr: FLOW.saddr, daddr: FLOW.daddr, proto: "icmp" },
    { proto: 1, sport: 0, type: 8, payload: 0 },
  ],
  [
    "a later fragment",
    { ...FLOW, proto: "udp", fragment: { offset: 16 }, payload: "late" },
    { proto: 17, sport: 0, payload: 0 },
  ],
  [
    "TCP over IPv6",
    { ...FLOW6, payload: "six" },
    { version: 6, sport: 4000, payload: 3, first: 115, source: "2001:db8::1" },
  ],
  [
    "UDP behind extension headers",
    { ...FLOW6, proto: "udp", extensions: [{ type: 0 }, { type: 60 }], payload: "y" },
    { version: 6, proto: 0, sport: 4000, dport: 80, payload: 1 },
  ],
  [
    "an echo over IPv6",
    { saddr: FLOW6.saddr, daddr: FLOW6.daddr, proto: "icmpv6" },
    { proto: 58, type: 128 },
  ],
] as never;

describe.each(Object.entries(ENGINES))("in the %s engine", (_, create) => {
  let reader: Program;
  beforeAll(async () => {
    reader = await Program.compile(READER, { name: "reader" });
  });

  function readsOf(dataplane: Dataplane): Read[] {
    return (dataplane.maps.get("reads") as unknown as { read(): Read[] }).read();
  }

  test.each(PACKETS)("%s is read whole", async (_, spec, expected) => {
    const dataplane = await start(create, reader);
    dataplane.process(packet(spec), { now: 0 });
    const version = "version" in expected ? 6 : spec.saddr.includes(":") ? 6 : 4;
    expect(readsOf(dataplane)).toEqual([
      expect.objectContaining({ version, source: spec.saddr, ...expected }),
    ]);
  });

  test("other link layers are read too", async () => {
    const dataplane = await start(create, reader);
    const bare = packet({ ...FLOW, payload: "hello" }).subarray(14);
    const loop = Uint8Array.from([0, 0, 0, 2, ...bare]);
    const zero = Uint8Array.from([2, 0, 0, 0, ...bare]);
    for (const [link, frame] of [
      ["raw", bare],
      ["loop", loop],
      ["null", zero],
    ] as const) {
      dataplane.process(frame, { now: 0, linkType: link });
      const [read] = readsOf(dataplane);
      expect(read).toMatchObject({ version: 4, sport: 4000, payload: 5, ethertype: 0 });
    }
  });

  test("frames that are cut or damaged anywhere end in no trap", async () => {
    const dataplane = await start(create, reader);
    const frames = PACKETS.map(([, spec]) => packet(spec));
    const damage = fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(fc.nat(frames.length - 1), fc.nat(120), damage, (index, length, changes) => {
        const frame = frames[index]!.slice(0, length);
        for (const [at, byte] of changes) if (at < frame.length) frame[at] = byte;
        if (frame.length === 0) return;
        expect(dataplane.process(frame, { now: 0 }).event.reason).not.toBe("trap");
        const [read] = readsOf(dataplane);
        expect(read!.payload).toBeLessThanOrEqual(frame.length);
      }),
      { numRuns: 500 },
    );
  });

  test("headers are written with right checksums", async () => {
    const program = await Program.compile(`
      import { address4, adjustHead, Context, ethernet, ETHERTYPE_IPV4, ETHERNET_SIZE, ipv4, Ipv4Header, IPV4_SIZE, NEXT,
        PROTO_TCP, replace, tcp, TX, UdpHeader, updateChecksum, EthernetHeader } from "waxdp/program";
      export function program(ctx: Context): i32 {
        const ip = ipv4(ctx);
        const segment = tcp(ctx);
        if (!ip || !segment) return NEXT;
        const before = ip.daddr;
        const after = address4(192, 0, 2, 7);
        ip.daddr = after;
        ip.check = replace(ip.check, before, after);
        segment.check = replace(segment.check, before, after);
        if (!adjustHead(ctx, -<i32>IPV4_SIZE)) return NEXT;
        const link = changetype<EthernetHeader>(ctx.data);
        link.destination = 0x020000000099;
        link.source = 0x020000000001;
        link.type = ETHERTYPE_IPV4;
        const outer = changetype<Ipv4Header>(ctx.data + ETHERNET_SIZE);
        outer.init(ctx.length - ETHERNET_SIZE, 4, 9);
        outer.saddr = address4(198, 51, 100, 1);
        outer.daddr = address4(198, 51, 100, 2);
        updateChecksum(outer);
        return TX;
      }`);
    const dataplane = await start(create, program);
    const frame = packet({ ...FLOW, payload: "hello" });
    const { event, packet: sent } = dataplane.process(frame, { now: 0 });
    expect(event.verdict).toBe("TX");
    const bytes = sent as Uint8Array;
    expect(bytes.length).toBe(frame.length + 20);
    expect([...bytes.subarray(0, 14)]).toEqual([2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 1, 8, 0]);
    const inner = Uint8Array.from([...bytes.subarray(0, 14), ...bytes.subarray(34)]);
    expect(inner).toEqual(
      packet({ ...FLOW, daddr: "192.0.2.7", payload: "hello" }).map((byte, at) =>
        at < 14 ? bytes[at]! : byte,
      ),
    );
    expect(verify(bytes, LINK_TYPES.ethernet)).not.toContainEqual(
      expect.objectContaining({ valid: false }),
    );
  });

  test("maps of every type are made, filled and shared", async () => {
    const program = await Program.compile(`
      import { Addr16, array, arrayOfMaps, Context, cpu, DROP, hash, HashMap, hashOfMaps, Ipv4, ipv4, lpmTrie, lruHash, Mac,
        NEXT, percpuArray, percpuHash, Prefix4, record, Text8, ArrayMap, reason } from "waxdp/program";
      @unmanaged class Key { saddr: Ipv4; length: u32; }
      @unmanaged class Value { count: u64; mac: Mac; name: Text8; }
      const KEY = record<Key>();
      const COPY = record<Value>();
      const plain = hash<Key, Value>("plain", 8);
      const recent = lruHash<Addr16, u32>("recent", 2);
      const rules = lpmTrie<Prefix4, u32>("rules", 8);
      const cells = array<u16>("cells", 4);
      const each = percpuArray<u64>("each", 2);
      const both = percpuHash<u32, u32>("both", 8);
      const tables = arrayOfMaps<HashMap<u32, u32>>("tables", 2, 16);
      const named = hashOfMaps<u32, ArrayMap<u64>>("named", 2, 4);
      const why = reason("listed");
      export function program(ctx: Context): i32 {
        const ip = ipv4(ctx)!;
        KEY.saddr = ip.saddr;
        KEY.length = ctx.length;
        const value = plain.lookupOrInit(KEY);
        if (value) {
          value.count++;
          store<u8>(value.mac, 0xaa, 5);
          store<u16>(value.name, 0x6968);
        }
        recent.add(ip.source, 1);
        cells.add(3, 2);
        cells.update(1, cells.get(3, 0));
        each.add(1, cpu() + 1);
        both.update(7, 9, 1);
        const table = tables.lookup(1);
        if (table) table.add(5, 5);
        const row = named.lookup(3);
        if (row) row.add(2, 2);
        memory.copy(changetype<usize>(COPY), changetype<usize>(value), offsetof<Value>());
        if (cells.get(9, 77) != 77 || cells.add(4, 1) || plain.remove(KEY) + plain.remove(KEY) != -2) return DROP;
        plain.update(KEY, COPY);
        return rules.findMatch(ip.saddr) ? ctx.drop(why) : NEXT;
      }`);
    const inner = { key: "u32", value: "u32", maxEntries: 16 } as const;
    // Nobody says what the keys of a map of maps are but who makes it.
    const outer = { key: "u32", maxEntries: 2 } as const;
    const dataplane = await start(create, program, ({ maps }) => ({
      maps: {
        tables: maps.create({
          name: "tables",
          type: "array_of_maps",
          inner: { type: "hash", ...inner },
          ...outer,
        }),
        named: maps.create({
          name: "named",
          type: "hash_of_maps",
          inner: { type: "array", value: "u64", maxEntries: 4 },
          ...outer,
        }),
      },
    }));
    const { maps } = dataplane;
    const table = maps.create({ name: "table", type: "hash", ...inner });
    const row = maps.create({ name: "row", type: "array", value: "u64", maxEntries: 4 });
    maps.get("tables")!.update(1, table);
    maps.get("named")!.update(3, row);
    maps.get("rules")!.update("10.0.0.0/8", 1);
    const frame = packet(FLOW);
    for (let time = 0; time < 2; time++) {
      const { event } = dataplane.process(frame, { now: time });
      expect(event).toMatchObject({ verdict: "DROP", reason: "program", programReason: "listed" });
    }
    const entriesOf = (name: string) => [...maps.get(name)!.entries()];
    const value = { mac: "00:00:00:00:00:aa", name: "hi" };
    expect(entriesOf("plain")).toEqual([
      [
        { saddr: "10.0.0.1", length: frame.length },
        { count: 2n, ...value },
      ],
    ]);
    expect(entriesOf("recent")).toEqual([["10.0.0.1", 2]]);
    expect(entriesOf("cells").map(([, cell]) => cell)).toEqual([0, 4, 0, 4]);
    expect(maps.get("each")!.lookup(1)).toEqual([2n]);
    expect(maps.get("both")!.lookup(7)).toEqual([9]);
    expect(table.lookup(5)).toBe(10);
    expect(row.lookup(2)).toBe(4n);
  });

  test("tail calls, marks and batches", async () => {
    const target = await Program.compile(
      'import { Context, REDIRECT, redirect, time } from "waxdp/program"; export function program(ctx: Context): i32 { ctx.mark += 5; return redirect(ctx, 1); }',
      { name: "target" },
    );
    const caller = await Program.compile(
      'import { Context, progArray } from "waxdp/program"; const next = progArray("next", 4); export function program(ctx: Context): i32 { ctx.mark = 37; return next.tailCall(ctx, 2); }',
      { name: "caller" },
    );
    const batch = await Program.compile(
      'import { Contexts, DROP } from "waxdp/program"; export function batch(contexts: Contexts, count: u32): void { for (let i: u32 = 0; i < count; i++) if (contexts[i].mark == 42) contexts[i].end(DROP); }',
      { name: "batch" },
    );
    const dataplane = await start(create, caller);
    dataplane.interface("eth0");
    const called = await dataplane.programs.load(target);
    expect(dataplane.process(packet(FLOW), { now: 0 }).event).toMatchObject({
      verdict: "PASS",
      mark: 37,
    });
    dataplane.maps.get("next")!.update(2, called);
    expect(dataplane.process(packet(FLOW), { now: 0 }).event).toMatchObject({
      ...{ verdict: "REDIRECT", mark: 42, redirect: "eth0" },
    });
    const last = await dataplane.programs.load(batch);
    dataplane.hooks.egress.attach(last);
    expect(dataplane.process(packet(FLOW), { now: 0 }).event).toMatchObject({ verdict: "DROP" });
  });
});
