import { test } from "vitest";
import { Program } from "../../src/program/toolchain.ts";
import { writeFileSync } from "node:fs";
test("x", async () => {
  const src = `import * as w from "waxdp/program";
import { Context, DROP, NEXT, hash, lpmTrie, Ipv4, Prefix4, Prefix6, HashMap, arrayOfMaps, Addr16, Be16 } from "waxdp/program";
@unmanaged class Counter { packets: u64; bytes: u64; }
@unmanaged class Ev { saddr: Addr16; dport: Be16; name: w.Text64; }
const seen = hash<Ipv4, Counter>("seen", 1024);
const lru = w.lruHash<Addr16, Counter>("lru", 1024);
const rules = lpmTrie<Prefix4, u32>("rules", 1024);
const rules6 = lpmTrie<Prefix6, Counter>("rules6", 1024);
const tables = arrayOfMaps<HashMap<Ipv4, u64>>("tables", 4, 100);
const tables2 = w.hashOfMaps<u32, w.ArrayMap<Counter>>("tables2", 4, 100);
const progs = w.progArray("progs", 4);
const events = w.ringbuf<Ev>("events", 4096);
const arr = w.array<Counter>("arr", 4);
const nums = w.percpuArray<u64>("nums", 4);
const why = w.reason("why-not");
export function program(ctx: Context): i32 {
  const t = w.tuple(ctx);
  if (!t) return NEXT;
  const c = lru.lookupOrInit(t.saddr);
  if (c) c.packets++;
  const ip = w.ipv4(ctx);
  if (ip) {
    if (rules.findMatch(ip.saddr)) return ctx.drop(why);
    const inner = tables.lookup(1);
    if (inner) inner.add(ip.daddr, 5);
    ip.ttl -= 1; w.updateChecksum(ip);
    ip.check = w.replace(ip.check, ip.saddr, ip.daddr);
  }
  const ip6 = w.ipv6(ctx);
  if (ip6) { const m = rules6.match(ip6.saddr); if (m) m.bytes += ctx.length; }
  const inner2 = tables2.lookup(4);
  if (inner2) { const v = inner2.lookup(1); if (v) v.packets += 1; }
  const tcp = w.tcp(ctx);
  if (tcp && tcp.syn && !tcp.ack) { nums.add(0, 1); const e = events.reserve(); if (e) { e.saddr = t.saddr; e.dport = bswap(<u16>tcp.dport); events.submit(e); } }
  const x = arr.lookup(2);
  if (x) x.bytes += w.payloadLength(ctx);
  const conn = w.conntrack(t);
  if (conn && conn.state == w.STATE_ESTABLISHED) return progs.tailCall(ctx, 1);
  const s = w.service(t);
  if (s) w.setBackend(ctx, s.number + w.random() + <u32>w.time() + w.cpu());
  if (w.adjustHead(ctx, -14)) { const e = w.ethernet(ctx); if (e) { e.type = 0x800; e.source = 0x0102030405; e.swap(); } }
  return w.redirect(ctx, 1);
}`;
  const p = await Program.compile(src, {name: "seen"});
  console.log({...p, bytes: p.bytes.length});
  writeFileSync("/tmp/e5/s.wasm", p.bytes);
});
