/** What a search has come to, by name, with how often: one that misses the interesting places would always pass. */
export type Met = Map<string, number>;

export function count(met: Met, name: string, times = 1): void {
  if (times > 0) met.set(name, (met.get(name) ?? 0) + times);
}
