/** Rules of kube-proxy's iptables mode for many Services of three endpoints, as iptables-restore reads them. */

const ENDPOINTS = 3;
export const PORT = 80;
const TARGET_PORT = 8080;

/** Address a Service is dialled at. */
export function vipOf(service: number): string {
  return `10.96.${service >>> 8}.${service & 255}`;
}

function endpointOf(index: number): string {
  return `10.244.${index >>> 8}.${index & 255}`;
}

/** In the order of their numbers: a connection to the last Service is compared with all. */
export function rulesOf(services: number): string {
  const numbers = Array.from({ length: services }, (_, service) => service);
  return [
    "*filter",
    ":KUBE-FORWARD - [0:0]",
    '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
    "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP",
    `-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" ${MARKED} -j ACCEPT`,
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    "COMMIT",
    "*nat",
    ":KUBE-SERVICES - [0:0]",
    ":KUBE-POSTROUTING - [0:0]",
    ":KUBE-MARK-MASQ - [0:0]",
    ...numbers.flatMap(chainsOf),
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    "-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000",
    "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
    "-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000",
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    ...numbers.flatMap(serviceRules),
    "COMMIT",
    "",
  ].join("\n");
}

const MARKED = "-m mark --mark 0x4000/0x4000";
/** Clients are pods: nothing is masqueraded. */
const CLUSTER = "10.0.0.0/8";

function chainOf(kind: "SVC" | "SEP", number: number): string {
  return `KUBE-${kind}-${number.toString(36).toUpperCase().padStart(16, "0")}`;
}

function endpointsOf(service: number): number[] {
  return Array.from({ length: ENDPOINTS }, (_, index) => service * ENDPOINTS + index);
}

function chainsOf(service: number): string[] {
  const names = [
    chainOf("SVC", service),
    ...endpointsOf(service).map((each) => chainOf("SEP", each)),
  ];
  return names.map((name) => `:${name} - [0:0]`);
}

function serviceRules(service: number): string[] {
  const name = `bench/s${service}:p`;
  const chain = chainOf("SVC", service);
  const dialled = `-m udp -p udp -d ${vipOf(service)}/32 --dport ${PORT}`;
  return [
    `-A KUBE-SERVICES -m comment --comment "${name} cluster IP" ${dialled} -j ${chain}`,
    `-A ${chain} -m comment --comment "${name} cluster IP" ${dialled} ! -s ${CLUSTER} -j KUBE-MARK-MASQ`,
    ...endpointsOf(service).flatMap((endpoint, index) =>
      endpointRules(name, chain, endpoint, index),
    ),
  ];
}

function endpointRules(name: string, service: string, endpoint: number, index: number): string[] {
  const chain = chainOf("SEP", endpoint);
  const address = endpointOf(endpoint);
  const left = ENDPOINTS - index;
  const share =
    left > 1 ? ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}` : "";
  return [
    `-A ${service} -m comment --comment "${name} -> ${address}:${TARGET_PORT}"${share} -j ${chain}`,
    `-A ${chain} -m comment --comment "${name}" -s ${address}/32 -j KUBE-MARK-MASQ`,
    `-A ${chain} -m comment --comment "${name}" -m udp -p udp -j DNAT --to-destination ${address}:${TARGET_PORT}`,
  ];
}
