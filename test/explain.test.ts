import { describe, expect, test } from "vitest";
import { explain, type FlowSpec } from "../src/explain.ts";
import { applied, engines } from "./replay/scene.ts";

const POD = "10.244.1.9";
const WEB = ["10.244.1.5:8080", "10.244.2.7:8080"];

const cases: {
  name: string;
  flow: FlowSpec;
  expect: object;
  candidates: readonly string[];
  steps: readonly (string | RegExp)[];
}[] = [
  {
    name: "a pod that dials a cluster IP",
    flow: { saddr: POD, daddr: "10.96.0.10", dport: 80, proto: "tcp" },
    expect: {
      verdict: "PASS",
      action: "dnat",
      conntrack: "new",
      service: "default/web:http",
      masquerade: false,
    },
    candidates: WEB,
    steps: [
      "A TCP SYN from 10.244.1.9:40000 to 10.96.0.10:80.",
      "10.96.0.10:80/tcp is a cluster IP of default/web:http.",
      /^10\.244\.1\.9 is in the pods' range/,
      "2 endpoints in reach: 10.244.1.5:8080, 10.244.2.7:8080.",
      /^Chance, by the seed, takes 10\.244\.\d\.\d:8080\.$/,
      "The endpoint sees 10.244.1.9 as the source.",
      /^It leaves as 10\.244\.1\.9:40000 to 10\.244\.\d\.\d:8080; answers are translated back\.$/,
    ],
  },
  {
    name: "a nodePort dialled from outside is masqueraded",
    flow: { saddr: "203.0.113.9", sport: 1234, daddr: "172.18.0.2", dport: 30053, proto: "udp" },
    expect: { action: "dnat", service: "default/web:dns", masquerade: true },
    candidates: ["10.244.1.5:5353", "10.244.2.7:5353"],
    steps: [
      "A UDP packet from 203.0.113.9:1234 to 172.18.0.2:30053.",
      "172.18.0.2 is an address of this node, and 30053/udp is a nodePort of default/web:dns.",
      /^203\.0\.113\.9 is neither in the pods' range nor an address of this node/,
      /^2 endpoints in reach/,
      /takes/,
      /^Masqueraded: the source becomes 172\.18\.0\.2, for the endpoint may be on another node/,
      /^It leaves as 172\.18\.0\.2:1234/,
    ],
  },
  {
    name: "IPv6 over SCTP",
    flow: { saddr: "fd00:244:1::9", daddr: "fd00:96::10", dport: 3868, proto: "sctp" },
    expect: { action: "dnat", service: "default/web:diameter" },
    candidates: ["[fd00:244:1::5]:3868", "[fd00:244:2::7]:3868"],
    steps: [
      "A SCTP INIT from [fd00:244:1::9]:40000 to [fd00:96::10]:3868.",
      "[fd00:96::10]:3868/sctp is a cluster IP of default/web:diameter.",
      /pods' range/,
      /2 endpoints/,
      /takes/,
      /sees/,
      /leaves/,
    ],
  },
  {
    name: "a Service without endpoints",
    flow: { saddr: POD, daddr: "10.96.0.11", dport: 80, proto: "tcp" },
    expect: {
      verdict: "TX",
      action: "reject",
      reason: "no-endpoints",
      service: "default/empty",
      backend: null,
    },
    candidates: [],
    steps: [
      /^A TCP SYN/,
      /cluster IP of default\/empty/,
      /pods' range/,
      /^The packet is rejected with ICMP "port unreachable": the service port has no endpoint/,
    ],
  },
  {
    name: "the node itself dials an external IP without endpoints",
    flow: { saddr: "172.18.0.2", daddr: "198.51.100.11", dport: 80, proto: "tcp", local: true },
    expect: { verdict: "PASS", action: "pass", reason: null, service: "default/empty" },
    candidates: [],
    steps: [
      /^A TCP SYN/,
      /external IP of default\/empty/,
      "The node itself sends it.",
      /^It is not let in \(the service port has no endpoint.*it passes untouched\.$/,
    ],
  },
  {
    name: "a load balancer with session affinity and traffic policy Local",
    flow: { saddr: "203.0.113.9", daddr: "198.51.100.12", dport: 443, proto: "tcp" },
    expect: { action: "dnat", backend: "10.244.1.6:8443", masquerade: false },
    candidates: ["10.244.1.6:8443"],
    steps: [
      /^A TCP SYN/,
      "198.51.100.12:443/tcp is a load balancer's address of default/sticky.",
      "loadBalancerSourceRanges let 203.0.113.9 in: 203.0.113.0/24.",
      /comes from elsewhere/,
      "1 endpoint on this node (externalTrafficPolicy Local): 10.244.1.6:8443.",
      "Session affinity keeps the client with it until 600 s after its last new connection.",
      "The endpoint sees 203.0.113.9 as the source.",
      /^It leaves as/,
    ],
  },
  {
    name: "a source outside loadBalancerSourceRanges",
    flow: { saddr: "192.0.2.1", daddr: "198.51.100.12", dport: 443, proto: "tcp" },
    expect: { verdict: "DROP", action: "drop", reason: "source-range", service: "default/sticky" },
    candidates: [],
    steps: [
      /^A TCP SYN/,
      /load balancer/,
      "loadBalancerSourceRanges let in 203.0.113.0/24; 192.0.2.1 is none of them.",
      "The packet is dropped.",
    ],
  },
  {
    name: "nothing is dialled there",
    flow: { saddr: POD, daddr: "192.0.2.1", dport: 80, proto: "tcp" },
    expect: { verdict: "PASS", action: "pass", service: null },
    candidates: [],
    steps: [
      /^A TCP SYN/,
      "No Service is dialled at 192.0.2.1:80/tcp.",
      /^The packet passes untouched/,
    ],
  },
  {
    name: "the right address with a wrong port",
    flow: { saddr: POD, daddr: "10.96.0.10", dport: 81, proto: "tcp" },
    expect: { action: "pass" },
    candidates: [],
    steps: [
      /^A TCP SYN/,
      /^No Service/,
      "Services have that address, with other ports: 3868/sctp, 53/udp, 80/tcp.",
      /passes/,
    ],
  },
  {
    name: "a nodePort at the unspecified address, under which records keep nodePorts",
    flow: { saddr: "203.0.113.9", daddr: "0.0.0.0", dport: 30080, proto: "tcp" },
    expect: { verdict: "PASS", action: "pass", service: null },
    candidates: [],
    steps: [
      "A TCP SYN from 203.0.113.9:40000 to 0.0.0.0:30080.",
      "No Service is dialled at 0.0.0.0:30080/tcp.",
      "30080/tcp is a nodePort, but 0.0.0.0 is no address of this node.",
      "The packet passes untouched, and nothing is remembered of it.",
    ],
  },
  {
    name: "a nodePort at an address that is not the node's",
    flow: { saddr: POD, daddr: "172.18.0.3", dport: 30080, proto: "tcp" },
    expect: { action: "pass" },
    candidates: [],
    steps: [
      /^A TCP SYN/,
      /^No Service/,
      "30080/tcp is a nodePort, but 172.18.0.3 is no address of this node.",
      /passes/,
    ],
  },
];

describe.each(engines)("explain ($engine)", ({ create }) => {
  test.each(cases)("$name", async ({ flow, expect: expected, candidates, steps }) => {
    const explanation = explain(await applied(create), flow);
    expect(explanation).toMatchObject(expected);
    expect(explanation.candidates).toEqual(candidates);
    expect(explanation.steps).toEqual(
      steps.map((step) => (typeof step === "string" ? step : expect.stringMatching(step))),
    );
  });

  test("an endpoint that dials itself is masqueraded", async () => {
    const dataplane = await applied(create);
    const flow = { saddr: "10.244.1.6", daddr: "198.51.100.12", dport: 443, proto: "tcp" } as const;
    const inside = { ...flow, daddr: "10.96.0.12" };
    const explanations = Array.from({ length: 16 }, () => explain(dataplane, inside));
    const itself = explanations.find(({ backend }) => backend === "10.244.1.6:8443");
    expect(itself).toMatchObject({ masquerade: true });
    expect(itself?.steps.join(" ")).toMatch(/for the endpoint dials itself through its Service/);
  });

  test("each flow is judged by itself", async () => {
    const dataplane = await applied(create);
    const flow = { saddr: POD, daddr: "10.96.0.10", dport: 80, proto: "tcp" } as const;
    for (let round = 0; round < 3; round++) expect(explain(dataplane, flow).conntrack).toBe("new");
    expect(dataplane.maps.conntrack.length).toBe(0);
  });
});
