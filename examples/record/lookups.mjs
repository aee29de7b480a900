/**
 * What pods look up in a minute of their life, asked by Node's own resolver (c-ares).
 *
 *     node lookups.mjs
 */
import { Resolver } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** RFC 1035 section 2.3.4: 255 octets of a name, lengths and the root's zero included. */
const LONGEST = [61, 61, 61, 61, 2].map((length, at) => `${at}`.repeat(length)).join(".");

const IPV4 = { servers: ["10.96.0.10"], local: (pod) => [`10.244.1.${16 + pod}`] };
const IPV6 = { servers: ["[fd00:20::a]"], local: (pod) => ["0.0.0.0", `fd00:10:1::1${pod}`] };

const LOOKUPS = [
  [1, IPV4, "resolve4", "web.default.svc.cluster.local"],
  [1, IPV4, "resolve6", "web.default.svc.cluster.local"],
  [2, IPV4, "resolve4", "payments.shop.svc.cluster.local"],
  [2, IPV4, "resolveSrv", "_http._tcp.api.shop.svc.cluster.local"],
  [3, IPV4, "resolve4", "example.com.default.svc.cluster.local"],
  [3, IPV4, "resolve4", "example.com.svc.cluster.local"],
  [3, IPV4, "resolve4", "example.com.cluster.local"],
  [3, IPV4, "resolve4", "example.com"],
  [4, IPV4, "resolveMx", "example.com"],
  [4, IPV4, "resolveTxt", "_acme-challenge.EXAMPLE.com"],
  [1, IPV4, "reverse", "10.96.0.80"],
  [2, IPV4, "resolve4", LONGEST],
  [1, IPV6, "resolve6", "web.default.svc.cluster.local"],
  [2, IPV6, "resolve4", "api.shop.svc.cluster.local"],
  [4, IPV6, "resolve6", "metrics.example.org"],
];

for (const [pod, { servers, local }, method, name] of LOOKUPS) {
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers(servers);
  resolver.setLocalAddress(...local(pod));
  const answer = await resolver[method](name).catch(({ code }) => code);
  console.log(method, name.slice(0, 60), answer);
  await sleep(40);
}
