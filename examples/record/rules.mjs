/**
 * Prints, for iptables-restore, the rules by which kube-proxy's iptables mode would serve some
 * manifests on a node. It knows as much of kube-proxy as the recording needs; the chains have
 * kube-proxy's names and order.
 *
 *     node rules.mjs ipv4|ipv6 NODE FILE...
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { parseAllDocuments } from "yaml";

const MASQUERADE_MARK = "0x4000/0x4000";
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

const [familyName, nodeName, ...files] = process.argv.slice(2);
const ipv4 = familyName === "ipv4";
const nat = { chains: new Set(), rules: [] };
const filter = { chains: new Set(), rules: [] };

const objects = files.flatMap(readObjects);
const clusterCIDR = objects
  .find((object) => object.kind === "KubeProxyConfiguration")
  .clusterCIDR.split(",")
  .find(ofFamily);
const slices = objects.filter(
  (object) => object.kind === "EndpointSlice" && object.addressType === (ipv4 ? "IPv4" : "IPv6"),
);

function readObjects(file) {
  const documents = parseAllDocuments(readFileSync(file, "utf8")).map((document) =>
    document.toJS(),
  );
  return documents.flatMap((document) => document.items ?? [document]);
}

function ofFamily(address) {
  return isIPv4(address.split("/")[0]) === ipv4;
}

/** KUBE-<kind>-<first 16 characters of base32(sha256(identity))>. */
function chainName(kind, ...identity) {
  const digest = createHash("sha256").update(identity.join("")).digest();
  let bits = 0n;
  for (const byte of digest.subarray(0, 10)) bits = (bits << 8n) | BigInt(byte);
  let name = "";
  for (let shift = 75n; shift >= 0n; shift -= 5n) name += BASE32[Number((bits >> shift) & 31n)];
  return `KUBE-${kind}-${name}`;
}

function append(table, chain, rule) {
  table.chains.add(chain);
  table.rules.push(`-A ${chain} ${rule}`);
}

function endpointsOf(service, port) {
  const own = slices.filter(
    ({ metadata }) =>
      metadata.namespace === service.metadata.namespace &&
      metadata.labels["kubernetes.io/service-name"] === service.metadata.name,
  );
  return own.flatMap((slice) => {
    const number = slice.ports?.find(
      ({ name, protocol }) => name === port.name && protocol === port.protocol,
    )?.port;
    return (slice.endpoints ?? []).map((endpoint) => ({
      address: endpoint.addresses[0],
      target: ipv4 ? `${endpoint.addresses[0]}:${number}` : `[${endpoint.addresses[0]}]:${number}`,
      local: endpoint.nodeName === nodeName,
    }));
  });
}

function writeEndpoint(chain, endpoint, protocol, affinity) {
  append(nat, chain, `-s ${endpoint.address} -j KUBE-MARK-MASQ`);
  const remember = affinity ? `-m recent --name ${chain} --set --rsource ` : "";
  append(
    nat,
    chain,
    `-p ${protocol} -m ${protocol} ${remember}-j DNAT --to-destination ${endpoint.target}`,
  );
}

/** A chain that spreads connections: the remembered endpoint first, any of them otherwise. */
function writeBalance(chain, identity, endpoints, affinity) {
  const targets = endpoints.map(({ target }) => chainName("SEP", identity, target));
  for (const target of affinity ? targets : []) {
    append(
      nat,
      chain,
      `-m recent --name ${target} --rcheck --seconds ${affinity} --reap --rsource -j ${target}`,
    );
  }
  targets.forEach((target, index) => {
    const left = targets.length - index;
    const odds =
      left > 1 ? `-m statistic --mode random --probability ${(1 / left).toFixed(10)} ` : "";
    append(nat, chain, `${odds}-j ${target}`);
  });
}

/** Traffic from outside: pods and the node use every endpoint, others obey the policy. */
function writeExternal(chain, service, cluster, local, hasLocal) {
  if (service.spec.externalTrafficPolicy !== "Local") {
    append(nat, chain, "-j KUBE-MARK-MASQ");
    append(nat, chain, `-j ${cluster}`);
    return;
  }
  append(nat, chain, `-s ${clusterCIDR} -j ${cluster}`);
  append(nat, chain, "-m addrtype --src-type LOCAL -j KUBE-MARK-MASQ");
  append(nat, chain, `-m addrtype --src-type LOCAL -j ${cluster}`);
  if (hasLocal) append(nat, chain, `-j ${local}`);
}

function writeFirewall(chain, external, ranges, match) {
  for (const range of ranges) append(nat, chain, `-s ${range} -j ${external}`);
  append(filter, "KUBE-PROXY-FIREWALL", `${match} -j DROP`);
}

function writeServicePort(service, port) {
  const protocol = port.protocol.toLowerCase();
  const identity = `${service.metadata.namespace}/${service.metadata.name}:${port.name}${protocol}`;
  const at = (address) => `-d ${address} -p ${protocol} -m ${protocol} --dport ${port.port}`;
  const clusterIP = service.spec.clusterIPs.find(ofFamily);
  const endpoints = endpointsOf(service, port);
  if (endpoints.length === 0) {
    append(filter, "KUBE-SERVICES", `${at(clusterIP)} -j REJECT`);
    return;
  }
  const affinity = service.spec.sessionAffinityConfig?.clientIP.timeoutSeconds;
  const cluster = chainName("SVC", identity);
  append(nat, "KUBE-SERVICES", `${at(clusterIP)} -j ${cluster}`);
  append(nat, cluster, `! -s ${clusterCIDR} ${at(clusterIP)} -j KUBE-MARK-MASQ`);
  writeBalance(cluster, identity, endpoints, affinity);
  for (const endpoint of endpoints)
    writeEndpoint(chainName("SEP", identity, endpoint.target), endpoint, protocol, affinity);
  if (port.nodePort)
    writeFrontends(service, port, { identity, at, cluster, endpoints, affinity, protocol });
}

function writeFrontends(service, port, { identity, at, cluster, endpoints, affinity, protocol }) {
  const external = chainName("EXT", identity);
  const local = chainName("SVL", identity);
  const near = endpoints.filter((endpoint) => endpoint.local);
  if (service.spec.externalTrafficPolicy === "Local") writeBalance(local, identity, near, affinity);
  writeExternal(external, service, cluster, local, near.length > 0);
  append(
    nat,
    "KUBE-NODEPORTS",
    `-p ${protocol} -m ${protocol} --dport ${port.nodePort} -j ${external}`,
  );
  const ranges = (service.spec.loadBalancerSourceRanges ?? []).filter(ofFamily);
  const firewall = chainName("FW", identity);
  const vips = (service.status.loadBalancer.ingress ?? []).map(({ ip }) => ip).filter(ofFamily);
  for (const vip of vips) {
    append(nat, "KUBE-SERVICES", `${at(vip)} -j ${ranges.length > 0 ? firewall : external}`);
    if (ranges.length > 0) writeFirewall(firewall, external, ranges, at(vip));
  }
}

function writeFrame() {
  append(nat, "PREROUTING", "-j KUBE-SERVICES");
  append(nat, "OUTPUT", "-j KUBE-SERVICES");
  append(nat, "POSTROUTING", "-j KUBE-POSTROUTING");
  append(nat, "KUBE-MARK-MASQ", "-j MARK --or-mark 0x4000");
  append(nat, "KUBE-POSTROUTING", `-m mark ! --mark ${MASQUERADE_MARK} -j RETURN`);
  append(nat, "KUBE-POSTROUTING", "-j MARK --xor-mark 0x4000");
  append(nat, "KUBE-POSTROUTING", "-j MASQUERADE");
  for (const chain of ["KUBE-PROXY-FIREWALL", "KUBE-SERVICES"]) {
    filter.chains.add(chain);
    append(filter, "FORWARD", `-m conntrack --ctstate NEW -j ${chain}`);
  }
  append(filter, "FORWARD", "-j KUBE-FORWARD");
  append(filter, "KUBE-FORWARD", "-m conntrack --ctstate INVALID -j DROP");
}

function print(name, { chains, rules }) {
  const builtIn = new Set(["PREROUTING", "OUTPUT", "POSTROUTING", "FORWARD"]);
  const headers = [...chains].map(
    (chain) => `:${chain} ${builtIn.has(chain) ? "ACCEPT" : "-"} [0:0]`,
  );
  return [`*${name}`, ...headers, ...rules, "COMMIT", ""].join("\n");
}

writeFrame();
for (const service of objects.filter((object) => object.kind === "Service")) {
  for (const port of service.spec.ports) writeServicePort(service, port);
}
append(nat, "KUBE-SERVICES", "-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS");
process.stdout.write(print("filter", filter) + print("nat", nat));
