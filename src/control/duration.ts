/** Durations as Go prints them and KubeProxyConfiguration takes them: "24h0m0s", "1.5s", "0". */

const MILLISECONDS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const LENGTH_MAX = 64;
const PART = /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/;

/** Milliseconds, or undefined when it is no duration. */
export function parseDuration(text: string): number | undefined {
  if (text.length > LENGTH_MAX) return undefined;
  const sign = text.startsWith("-") ? -1 : 1;
  let rest = text.replace(/^[+-]/, "");
  if (rest === "0") return 0;
  let total = 0;
  for (let part = PART.exec(rest); part; part = PART.exec(rest)) {
    total += Number(part[1]) * (MILLISECONDS[part[2] ?? ""] ?? 0);
    rest = rest.slice(part[0].length);
    if (rest === "") return sign * total;
  }
  return undefined;
}
