import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { MANIFESTS } from "../replay/scene.ts";
import { at, folder, MAIN, waxdp } from "./command.ts";

const WEB = "- { addresses: [10.244.2.7], conditions: { ready: true }, nodeName: worker-2 }\n";
/** The first endpoint of web-4 that is not on the node. */
const LOST = MANIFESTS.replace(`  ${WEB}`, "");

beforeAll(() => {
  writeFileSync(at("lost.yaml"), LOST);
  writeFileSync(at("nothing.yaml"), "# nothing\n");
  const [nodes = "", configuration = ""] = MANIFESTS.split("---");
  writeFileSync(at("common.yaml"), `${nodes}---${configuration}`);
  mkdirSync(at("services"));
  writeFileSync(at("services/all.yaml"), MANIFESTS.split("---").slice(2).join("---"));
  writeFileSync(at("services/turned.yaml.txt"), "no manifest by its name");
  mkdirSync(at("turned"));
  writeFileSync(at("turned/all.yaml"), MANIFESTS.split("---").slice(2).reverse().join("---"));
  writeFileSync(at("wrong.yaml"), "apiVersion: v1\nkind: Service\nmetadata: { name: UPPER }\n");
});

const NODE = ["--node", "worker-1"];
const diff = (...args: string[]) => waxdp(["diff", ...args, ...NODE]);

describe("diff", () => {
  test("the same input is no difference", () => {
    const { status, stdout, stderr } = diff("cluster.yaml", "cluster.yaml");
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(
      /^cluster\.yaml -> cluster\.yaml as worker-1 sees it \(wasm\)\nNo difference: \d+ flows to \d+ frontends go the same way\.\n$/,
    );
    expect(diff("cluster.yaml", "cluster.yaml", "--json")).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
  });

  test("nor are the same objects in another order, with what is common given by -f", () => {
    expect(diff("services", "turned", "-f", "common.yaml").status).toBe(0);
    expect(diff("services", "cluster.yaml", "-f", "common.yaml").status).toBe(0);
  });

  test("a lost endpoint is shown at every frontend that leads to it", () => {
    const { status, stdout } = diff("cluster.yaml", "lost.yaml");
    expect(status).toBe(1);
    expect(stdout.split("\n").slice(2, 5)).toEqual([
      "SERVICE               FRONTEND               FROM      CHANGE",
      "default/web:diameter  10.96.0.10:3868/sctp   anyone    endpoints: 2 -> 1, -10.244.2.7:3868",
      "                      127.0.0.1:30868/sctp   the node  endpoints: 2 -> 1, -10.244.2.7:3868",
    ]);
    expect(stdout).toMatch(
      /\n21 of \d+ flows change, at 9 of \d+ frontends, of 3 service ports\.\n$/,
    );
  });

  test("--json is a line per flow and nothing else", () => {
    const { status, stdout, stderr } = diff("cluster.yaml", "lost.yaml", "--json");
    expect([status, stderr]).toEqual([1, ""]);
    const all = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(all).toHaveLength(21);
    const [first] = all;
    expect(Object.keys(first)).toEqual(
      "service from range saddr daddr dport proto interface local changes old new".split(" "),
    );
    expect(Object.keys(first.old)).toEqual(
      "verdict action reason service frontend endpoints affinity".split(" "),
    );
    expect(first).toMatchObject({
      service: "default/web:diameter",
      from: "pods",
      daddr: "10.96.0.10",
      dport: 3868,
      proto: "sctp",
      changes: ["endpoints"],
      old: { verdict: "PASS", action: "dnat", frontend: "cluster-ip" },
      new: { endpoints: [{ endpoint: "10.244.1.5:3868", masquerade: null }] },
    });
  });

  test("both engines print the same", () => {
    const wasm = diff("cluster.yaml", "lost.yaml", "--json");
    expect(diff("cluster.yaml", "lost.yaml", "--json", "--engine", "model")).toEqual(wasm);
  });

  test("a side that holds nothing removes everything, and is warned of", () => {
    const { status, stdout, stderr } = diff("services", "nothing.yaml", "-f", "common.yaml");
    expect(status).toBe(1);
    expect(stderr).toBe(
      "waxdp: warning: nothing.yaml holds no Service, EndpointSlice, Node or KubeProxyConfiguration\n",
    );
    expect(stdout).toMatch(
      /default\/empty +10\.96\.0\.11:80\/tcp +anyone +removed: was TX reject \(no-endpoints\)\n/,
    );
  });

  test("what only one side has to be warned of names the side", () => {
    const { stderr } = diff("lost.yaml", "services");
    expect(stderr).toMatch(/^waxdp: warning: services: Node worker-1 is not among the objects/m);
    expect(stderr).not.toMatch(/lost\.yaml:/);
  });

  test("one side may be the standard input", () => {
    expect(waxdp(["diff", "cluster.yaml", "-", ...NODE], MANIFESTS).status).toBe(0);
    expect(waxdp(["diff", "-", "cluster.yaml", ...NODE], LOST).status).toBe(1);
  });
});

describe("diff --capture", () => {
  test("flows and packets that change, of all", () => {
    const { status, stdout } = diff("cluster.yaml", "lost.yaml", "--capture", "client.pcap");
    expect(status).toBe(1);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[3]).toMatch(
      /^default\/web:http +10\.96\.0\.10:80\/tcp +2 +\d+ +10\.244\.1\.9 +endpoints: 2 -> 1, -10\.244\.2\.7:8080$/,
    );
    expect(lines.at(-1)).toMatch(/^2 of 3 flows change, with \d+ of \d+ packets\.$/);
  });

  test("--json has the number of the first packet and their count", () => {
    const { stdout } = diff("cluster.yaml", "lost.yaml", "--capture", "client.pcap", "--json");
    const [first] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(Object.keys(first)).toEqual(
      "n packets service saddr sport daddr dport proto interface changes old new".split(" "),
    );
    expect(first).toMatchObject({ n: 1, saddr: "10.244.1.9", sport: 4000, changes: ["endpoints"] });
  });

  test("nothing that was captured changes", () => {
    const { status, stdout } = diff("cluster.yaml", "cluster.yaml", "--capture", "client.pcap.gz");
    expect(status).toBe(0);
    expect(stdout).toMatch(/\nNo difference: 3 flows with \d+ packets go the same way\.\n$/);
  });

  /** Flows and packets are those that `replay --both-ways` counts for the Service's IPv4 endpoints. */
  test("the recording of the examples, with one endpoint of web gone", () => {
    const examples = fileURLToPath(new URL("../../examples/", import.meta.url));
    const ready = (address: string) => `{ addresses: [${address}], conditions: { ready: true } }`;
    writeFileSync(
      at("web.yaml"),
      `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  { name: web-4n4mx, namespace: default, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
endpoints: [${ready("10.244.1.33")}, ${ready("10.244.2.33")}]
ports: [{ name: http, port: 8080, protocol: TCP }]
`,
    );
    const capture = `${examples}captures/cluster.pcapng`;
    const manifests = `${examples}manifests`;
    const ended = diff(manifests, "web.yaml", "-f", manifests, "--capture", capture);
    expect([ended.status, ended.stderr]).toEqual([1, ""]);
    const changes = ended.stdout.split("\n").filter((line) => line.includes("endpoints:"));
    for (const line of changes) expect(line).toMatch(/endpoints: 3 -> 2, -10\.244\.2\.34:8080$/);
    expect(ended.stdout).toMatch(
      /\n13 of 58 flows change, with 171 of 612 packets; 3 packets of no flow\.\n$/,
    );
  });
});

describe("diff refuses", () => {
  const cases: { name: string; args: string[]; stderr: RegExp }[] = [
    {
      name: "one side alone",
      args: ["cluster.yaml"],
      stderr: /missing required argument 'new' \(it stands before -f/,
    },
    {
      name: "a side behind -f",
      args: ["cluster.yaml", "-f", "common.yaml", "lost.yaml"],
      stderr: /missing required argument 'new' \(it stands before -f/,
    },
    {
      name: "a third side",
      args: ["cluster.yaml", "lost.yaml", "services"],
      stderr: /too many arguments/,
    },
    {
      name: "a path that is none",
      args: ["cluster.yaml", "none"],
      stderr: /^waxdp: cannot read none: there is no such file or folder/,
    },
    {
      name: "a common path that is none",
      args: ["cluster.yaml", "lost.yaml", "-f", "none"],
      stderr: /cannot read none/,
    },
    {
      name: "an object that is wrong",
      args: ["cluster.yaml", "wrong.yaml"],
      stderr: /^waxdp: wrong\.yaml:3:\d+: Service default\/UPPER: metadata\.name/,
    },
    {
      name: "two sides from the standard input",
      args: ["-", "-"],
      stderr: /only one of OLD, NEW, -f and --capture can be the standard input/,
    },
    {
      name: "a capture that is none",
      args: ["cluster.yaml", "lost.yaml", "--capture", "cluster.yaml"],
      stderr: /^waxdp: cluster\.yaml: /,
    },
    {
      name: "a capture that is cut off",
      args: ["cluster.yaml", "lost.yaml", "--capture", "cut.pcap"],
      stderr: /^waxdp: cut\.pcap: /,
    },
    {
      name: "a capture that is missing",
      args: ["cluster.yaml", "lost.yaml", "--capture", "none.pcap"],
      stderr: /cannot read none\.pcap/,
    },
    {
      name: "a network that is none",
      args: ["cluster.yaml", "lost.yaml", "--network", "cluster.yaml"],
      stderr: /cluster\.yaml: not JSON/,
    },
  ];
  test.each(cases)("$name", ({ args, stderr }) => {
    const ended = diff(...args);
    expect(ended.stderr).toMatch(stderr);
    expect(ended.stdout).toBe("");
    expect(ended.status).toBe(2);
  });

  test("a node that no manifest has", () => {
    const ended = waxdp(["diff", "cluster.yaml", "lost.yaml", "--node", "worker-9"]);
    expect(ended).toEqual({
      status: 2,
      stdout: "",
      stderr: "waxdp: there is no Node worker-9 in the manifests; they have worker-1\n",
    });
  });

  test("a folder without manifests", () => {
    mkdirSync(at("bare"));
    expect(diff("cluster.yaml", "bare").stderr).toBe(
      "waxdp: bare holds no .yaml, .yml or .json file\n",
    );
  });
});

test("diff ends on Ctrl-C", async () => {
  const child = spawn(process.execPath, [MAIN, "diff", "cluster.yaml", "-", ...NODE], {
    cwd: folder,
  });
  // It waits for its standard input.
  setTimeout(() => child.kill("SIGINT"), 1500);
  const [, signal] = await once(child, "close");
  expect(signal).toBe("SIGINT");
});
