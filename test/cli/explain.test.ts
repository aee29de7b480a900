import { describe, expect, test } from "vitest";
import { cluster, waxdp } from "./command.ts";

describe("explain", () => {
  test("tells the steps", () => {
    const ended = waxdp(["explain", ...cluster, "--from", "10.244.1.9", "--to", "10.96.0.11:80"]);
    expect([ended.status, ended.stderr]).toEqual([0, ""]);
    expect(ended.stdout).toMatch(/^TX reject \(no-endpoints\) default\/empty\n {2}1\. A TCP SYN/);
  });

  test("--flows - --json gives a line per flow", () => {
    const flow = { saddr: "10.244.1.9", daddr: "10.96.0.10", dport: 53, proto: "udp" };
    const input = [
      { id: "a", ...flow },
      { id: "b", ...flow, dport: 54 },
    ]
      .map((one) => JSON.stringify(one))
      .join("\n");
    const ended = waxdp(["explain", ...cluster, "--flows", "-", "--json"], input);
    const [first, second] = ended.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(Object.keys(first)).toEqual([
      "id",
      "verdict",
      "action",
      "reason",
      "conntrack",
      "service",
      "backend",
      "masquerade",
      "before",
      "after",
      "candidates",
      "steps",
    ]);
    expect(first).toMatchObject({
      id: "a",
      action: "dnat",
      candidates: ["10.244.1.5:5353", "10.244.2.7:5353"],
    });
    expect(second).toMatchObject({ id: "b", action: "pass", service: null, candidates: [] });
  });

  test("a bad line is told by its number, after those before it", () => {
    const good = '{"id":1,"saddr":"10.244.1.9","daddr":"10.96.0.10","dport":53,"proto":"udp"}';
    const ended = waxdp(
      ["explain", ...cluster, "--flows", "-", "--json"],
      `${good}\n{"saddr":1}\n`,
    );
    expect(ended.status).toBe(2);
    expect(ended.stderr).toBe(
      'waxdp: standard input:2: "saddr" is 1; write an IPv4 or IPv6 address in quotes\n',
    );
    expect(ended.stdout.split("\n")).toHaveLength(2);
  });
});
