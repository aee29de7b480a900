/**
 * Drops what comes from the networks of a list. The longest prefix that holds an address decides, so
 * that somebody inside a listed network can be let in.
 */
import { Context, ipv4, ipv6, lpmTrie, NEXT, Prefix4, Prefix6, reason } from "waxdp/program";

@unmanaged
class Rule {
  drop: bool;
  packets: u64;
  bytes: u64;
}

const rules4 = lpmTrie<Prefix4, Rule>("rules4", 4096);
const rules6 = lpmTrie<Prefix6, Rule>("rules6", 4096);
const LISTED = reason("listed");

export function program(ctx: Context): i32 {
  const rule = ruleOf(ctx);
  if (rule == null) return NEXT;
  rule.packets += 1;
  rule.bytes += ctx.wireLength;
  return rule.drop ? ctx.drop(LISTED) : NEXT;
}

function ruleOf(ctx: Context): Rule | null {
  const header4 = ipv4(ctx);
  if (header4 != null) return rules4.match(header4.saddr);
  const header6 = ipv6(ctx);
  return header6 != null ? rules6.match(header6.saddr) : null;
}
