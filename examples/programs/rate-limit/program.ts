/**
 * A token bucket for each client of the Services. A packet costs a token; tokens come in at the
 * limit's rate, and as many as its burst can be saved.
 */
import { Addr16, array, Context, lruHash, NEXT, reason, service, time, tuple } from "waxdp/program";

@unmanaged
class Limit {
  /** Nanoseconds until the next token comes. */
  interval: i64;
  /** Tokens. */
  burst: i64;
}

@unmanaged
class Bucket {
  /** Nanoseconds that are saved up: a token is an interval of them. */
  credit: i64;
  filled: i64;
  passed: u64;
  dropped: u64;
}

const limits = array<Limit>("limit", 1);
const buckets = lruHash<Addr16, Bucket>("buckets", 4096);
const OVER_LIMIT = reason("over-limit");

export function program(ctx: Context): i32 {
  const flow = tuple(ctx);
  if (flow == null || service(flow) == null) return NEXT;
  const limit = limits.lookup(0)!;
  const bucket = buckets.lookupOrInit(flow.saddr)!;
  fill(bucket, limit);
  if (bucket.credit < limit.interval) {
    bucket.dropped++;
    return ctx.drop(OVER_LIMIT);
  }
  bucket.credit -= limit.interval;
  bucket.passed++;
  return NEXT;
}

/** A client that is new, or was forgotten for others, starts with a full bucket. */
function fill(bucket: Bucket, limit: Limit): void {
  const full = limit.interval * limit.burst;
  const isNew = bucket.passed + bucket.dropped == 0;
  const now = time();
  bucket.credit = isNew ? full : min(full, bucket.credit + now - bucket.filled);
  bucket.filled = now;
}
