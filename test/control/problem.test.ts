import { describe, expect, test } from "vitest";
import { parseManifests, parseObjects } from "../../src/control/kubernetes.ts";
import { ManifestError } from "../../src/control/problem.ts";
import { config, endpoint, messageOf, node, problemsOf, service, slice, WEB } from "./objects.ts";

describe("problems", () => {
  test("every problem of every object is told with its place, path and mend", () => {
    const text = `${WEB.replace("80", "70000")}---\n${WEB.replace("web", "api").replace("10.96.0.10", "10.96.0.256").replace("http", "Http")}`;
    expect(messageOf(text).split("\n")).toEqual([
      "web.yaml:9:11: Service default/web: spec.ports[0].port: 70000 is no port number; write 1 to 65535",
      'web.yaml:16:14: Service default/api: spec.clusterIP: "10.96.0.256" is no IP address; write an address such as 10.0.0.1 or fd00::1',
      'web.yaml:18:11: Service default/api: spec.ports[0].name: "Http" is no DNS label (RFC 1123); write at most 63 of a-z, 0-9 and -, none but letters and digits at the ends',
    ]);
  });

  test("in JSON the places are those of the text", () => {
    const text = JSON.stringify(
      {
        apiVersion: "v1",
        kind: "List",
        items: [node(), service({ ports: [{ port: 80 }, { port: 0, name: 'a"\\' }] })],
      },
      null,
      2,
    );
    const places = problemsOf(() => parseManifests([{ file: "a.json", text }]));
    const lines = text.split("\n");
    for (const { path, line, column } of places) {
      const field = path.split(".").at(-1) as string;
      if (field === "name" && !path.includes("[1]")) continue;
      expect(lines[line - 1]?.slice(0, column - 1)).toContain(`"${field}": `);
    }
    expect(places.map(({ path }) => path)).toEqual([
      "spec.ports[0].name",
      "spec.ports[1].name",
      "spec.ports[1].port",
    ]);
  });

  test("a message lists the first twenty and counts the rest", () => {
    const ports = Array.from({ length: 30 }, (_, index) => ({
      name: `p${index}`,
      port: 70_000 + index,
    }));
    const problems = problemsOf(() => parseObjects([service({ ports })]));
    expect(problems).toHaveLength(30);
    expect(new ManifestError("bad-object", problems).message).toMatch(/and 10 more problems$/);
  });

  const wrong: { name: string; object: unknown; path: string; message: RegExp }[] = [
    {
      name: "a port that is text",
      object: service({ ports: [{ port: "80" }] }),
      path: "spec.ports[0].port",
      message: /must be an integer, not "80"/,
    },
    {
      name: "a missing port",
      object: service({ ports: [{ name: "a" }] }),
      path: "spec.ports[0].port",
      message: /is required/,
    },
    {
      name: "an unknown protocol",
      object: service({ ports: [{ port: 80, protocol: "ICMP" }] }),
      path: "spec.ports[0].protocol",
      message: /unknown/,
    },
    {
      name: "a port name that occurs twice",
      object: service({
        ports: [
          { name: "a", port: 1 },
          { name: "a", port: 2 },
        ],
      }),
      path: "spec.ports[1].name",
      message: /ports\[0\] already/,
    },
    {
      name: "a port and protocol that occur twice",
      object: service({
        ports: [
          { name: "a", port: 1 },
          { name: "b", port: 1 },
        ],
      }),
      path: "spec.ports[1].port",
      message: /1\/TCP/,
    },
    {
      name: "several ports of which one has no name",
      object: service({ ports: [{ name: "a", port: 1 }, { port: 2 }] }),
      path: "spec.ports[1].name",
      message: /required/,
    },
    {
      name: "no port at all",
      object: service({ ports: [] }),
      path: "spec.ports",
      message: /required/,
    },
    {
      name: "a nodePort above 65535",
      object: service({ ports: [{ port: 1, nodePort: 65536 }] }),
      path: "spec.ports[0].nodePort",
      message: /no port number/,
    },
    {
      name: "an IPv6 address with a zone",
      object: service({ clusterIP: "fe80::1%eth0" }),
      path: "spec.clusterIP",
      message: /no IP address/,
    },
    {
      name: "an IPv4 address mapped into IPv6",
      object: service({ clusterIP: "::ffff:10.0.0.1" }),
      path: "spec.clusterIP",
      message: /no IP address/,
    },
    {
      name: "a cluster IP of another family than ipFamilies",
      object: service({ clusterIPs: ["10.96.0.10"], ipFamilies: ["IPv6"] }),
      path: "spec.clusterIPs[0]",
      message: /family/,
    },
    {
      name: "two cluster IPs of one family",
      object: service({ clusterIPs: ["10.96.0.10", "10.96.0.11"] }),
      path: "spec.clusterIPs[1]",
      message: /same family/,
    },
    {
      name: "a clusterIP that is not the first of clusterIPs",
      object: service({ clusterIPs: ["10.96.0.11"] }),
      path: "spec.clusterIP",
      message: /not the first/,
    },
    {
      name: "an unknown family",
      object: service({ ipFamilies: ["IPv5"] }),
      path: "spec.ipFamilies[0]",
      message: /unknown/,
    },
    {
      name: "an external IP that is a loopback address",
      object: service({ externalIPs: ["127.0.0.1"] }),
      path: "spec.externalIPs[0]",
      message: /loopback/,
    },
    {
      name: "a source range that is no CIDR",
      object: service({ loadBalancerSourceRanges: ["10.0.0.0/33"] }),
      path: "spec.loadBalancerSourceRanges[0]",
      message: /no CIDR/,
    },
    {
      name: "an unknown type",
      object: service({ type: "Balancer" }),
      path: "spec.type",
      message: /unknown/,
    },
    {
      name: "an unknown internal policy",
      object: service({ internalTrafficPolicy: "local" }),
      path: "spec.internalTrafficPolicy",
      message: /unknown/,
    },
    {
      name: "an unknown external policy",
      object: service({ externalTrafficPolicy: "Node" }),
      path: "spec.externalTrafficPolicy",
      message: /unknown/,
    },
    {
      name: "an unknown affinity",
      object: service({ sessionAffinity: "Cookie" }),
      path: "spec.sessionAffinity",
      message: /unknown/,
    },
    {
      name: "an affinity of more than a day",
      object: service({ sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } } }),
      path: "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
      message: /out of range/,
    },
    {
      name: "a load balancer's address that is none",
      object: service({}, { ingress: [{ ip: "lb.example" }] }),
      path: "status.loadBalancer.ingress[0].ip",
      message: /no IP address/,
    },
    {
      name: "an unknown ipMode",
      object: service({}, { ingress: [{ ip: "1.2.3.4", ipMode: "NAT" }] }),
      path: "status.loadBalancer.ingress[0].ipMode",
      message: /unknown/,
    },
    {
      name: "a name that is no DNS label",
      object: service({}, { name: "Web_1" }),
      path: "metadata.name",
      message: /DNS label/,
    },
    {
      name: "a label that is a number",
      object: service({}, { labels: { "app/x": 1 as unknown as string } }),
      path: 'metadata.labels["app/x"]',
      message: /must be a string/,
    },
    {
      name: "an address of another family than the slice's",
      object: slice([endpoint("fd00::1")]),
      path: "endpoints[0].addresses[0]",
      message: /addressType/,
    },
    {
      name: "an endpoint without an address",
      object: slice([{ addresses: [] }]),
      path: "endpoints[0].addresses",
      message: /empty/,
    },
    {
      name: "an endpoint with a link-local address",
      object: slice([endpoint("169.254.0.1")]),
      path: "endpoints[0].addresses[0]",
      message: /link-local/,
    },
    {
      name: "an unknown addressType",
      object: slice([], { addressType: "IPX" }),
      path: "addressType",
      message: /unknown/,
    },
    {
      name: "a slice's port name that occurs twice",
      object: slice([], { ports: [{ name: "a" }, { name: "a" }] }),
      path: "ports[1].name",
      message: /twice/,
    },
    {
      name: "a slice's port above 65535",
      object: slice([], { ports: [{ name: "a", port: 65536 }] }),
      path: "ports[0].port",
      message: /no port number/,
    },
    {
      name: "a Node's address that is none",
      object: node({ addresses: [{ type: "InternalIP", address: "node" }] }),
      path: "status.addresses[0].address",
      message: /no IP address/,
    },
    {
      name: "a pod CIDR that is none",
      object: node({ spec: { podCIDRs: ["10.0.0.0"] } }),
      path: "spec.podCIDRs[0]",
      message: /no CIDR/,
    },
    { name: "an unknown mode", object: config({ mode: "ebpf" }), path: "mode", message: /unknown/ },
    {
      name: "a clusterCIDR of two CIDRs of one family",
      object: config({ clusterCIDR: "10.0.0.0/8,11.0.0.0/8" }),
      path: "clusterCIDR",
      message: /one family/,
    },
    {
      name: "a clusterCIDR that is none",
      object: config({ clusterCIDR: "10.0.0.0/8," }),
      path: "clusterCIDR",
      message: /no list/,
    },
    {
      name: "an unknown detectLocalMode",
      object: config({ detectLocalMode: "Magic" }),
      path: "detectLocalMode",
      message: /unknown/,
    },
    {
      name: "a bridge that is not named",
      object: config({ detectLocalMode: "BridgeInterface" }),
      path: "detectLocal.bridgeInterface",
      message: /required/,
    },
    {
      name: "primary beside a CIDR",
      object: config({ nodePortAddresses: ["primary", "10.0.0.0/8"] }),
      path: "nodePortAddresses[0]",
      message: /no CIDR/,
    },
    {
      name: "a timeout that is no duration",
      object: config({ conntrack: { udpTimeout: "30" } }),
      path: "conntrack.udpTimeout",
      message: /no duration/,
    },
    { name: "a value that is no object", object: 7, path: "", message: /must be an object, not 7/ },
    {
      name: "an object without a kind",
      object: { apiVersion: "v1" },
      path: "",
      message: /has no kind/,
    },
    {
      name: "an object without an apiVersion",
      object: { kind: "Service" },
      path: "",
      message: /has no apiVersion/,
    },
  ];
  test.each(wrong)("$name is refused", ({ object, path, message }) => {
    const problems = problemsOf(() => parseObjects([object]));
    expect(problems.map((problem) => problem.path)).toContain(path);
    expect(problems.find((problem) => problem.path === path)?.message).toMatch(message);
    expect(problems.every(({ fix }) => fix !== "")).toBe(true);
  });
});

describe("hostile texts", () => {
  test("a syntax error is told with its line, after the documents before it", () => {
    expect(messageOf(`${WEB}---\nkind: [a,\n`)).toMatch(/^web\.yaml:1[12]:\d+: .*; mend the YAML$/);
  });

  test("a name that occurs twice is refused", () => {
    expect(messageOf("kind: A\nkind: B\n")).toContain('web.yaml:2:1: the name "kind" occurs twice');
  });

  const bomb = ["a: &a [1,2,3,4,5,6,7,8,9]"];
  for (let level = 1; level < 20; level += 1) {
    const [before, here] = [String.fromCharCode(96 + level), String.fromCharCode(97 + level)];
    bomb.push(`${here}: &${here} [${Array(9).fill(`*${before}`).join(",")}]`);
  }
  const merges = ["a: &a {x: 1}"];
  for (let level = 1; level < 25; level += 1) {
    const [before, here] = [String.fromCharCode(96 + level), String.fromCharCode(97 + level)];
    merges.push(`${here}: &${here} {<<: [*${before}, *${before}]}`);
  }
  test.each([
    { name: "aliases that multiply", text: bomb.join("\n"), message: /too large/ },
    { name: "merges that multiply", text: merges.join("\n"), message: /too large/ },
    { name: "an alias without an anchor", text: "a: *b", message: /no anchor/ },
    { name: "an alias within its own anchor", text: "a: &a [*a]", message: /no anchor/ },
    { name: "a hundred thousand brackets", text: "[".repeat(100_000), message: /too deeply/ },
    {
      name: "a hundred thousand levels",
      text: `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
      message: /too deeply/,
    },
    { name: "a list instead of an object", text: "- 1", message: /must be an object/ },
    {
      name: "control characters",
      text: 'kind: Service\napiVersion: v1\nmetadata: {name: "\\e[31m"}',
      message: /u001b/,
    },
  ])("$name: refused in no time", ({ text, message }) => {
    const start = performance.now();
    expect(messageOf(text)).toMatch(message);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test("a hundred thousand names in one mapping are compared in no time", () => {
    const labels = Array.from({ length: 100_000 }, (_, index) => `    l${index}: x`).join("\n");
    expect(
      parseManifests(WEB.replace("  name: web", `  name: web\n  labels:\n${labels}`)).services,
    ).toHaveLength(1);
  });

  test("JSON nested a million deep ends in an answer", () => {
    const deep = `{"apiVersion":"v1","kind":"Deployment","spec":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`;
    expect(parseManifests(deep).skipped.get("Deployment")).toBe(1);
  });

  test("names of an object's prototype are names like others", () => {
    expect(parseManifests('{"apiVersion":"v1","kind":"__proto__"}').skipped.get("__proto__")).toBe(
      1,
    );
    expect(parseManifests("apiVersion: v1\nkind: constructor").skipped.get("constructor")).toBe(1);
  });
});
