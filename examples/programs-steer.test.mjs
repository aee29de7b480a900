/** Programs that say where packets go: how many, and whether a real VXLAN device would have sent them so. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createDataplane, createModel, departures, replay } from "waxdp";
import { writeBytes } from "waxdp/pcap";
import { matchers, packet } from "waxdp/testing";
import {
  ALL_ENDPOINTS,
  createNode,
  loadProgram,
  ONE_ENDPOINT,
  readCapture,
} from "./programs/cluster.mjs";
import { attachTunnel } from "./programs/tunnel/tunnel.mjs";

expect.extend(matchers);

const here = (name) => new URL(`programs/${name}`, import.meta.url);
const engines = Object.entries({ wasm: createDataplane, model: createModel });
const lacksTshark =
  process.env.WAXDP_REQUIRE_TOOLS !== "1" && spawnSync("tshark", ["-v"]).error !== undefined;

describe.each(engines)("canary on %s", (_, create) => {
  const FLOWS = 4000;

  async function createCanary(share) {
    const files = [...ALL_ENDPOINTS, "programs/canary/web-canary.yaml"];
    const dataplane = await createNode(files, create);
    const program = await loadProgram(dataplane, here("canary/program.ts"), "canary");
    dataplane.hooks.ingress.attach(program, { before: "service-nat" });
    const backends = [...dataplane.maps.backends.entries()];
    const find = (address) => backends.find(([, backend]) => backend.address === address);
    const [backend] = find("10.244.1.37");
    const { service } = find("10.244.1.33")[1];
    program.map("canaries").update(service, { backend, share, flows: 0 });
    return { dataplane, flowsOf: () => program.map("canaries").lookup(service).flows };
  }

  const syn = (sport, daddr = "10.96.0.80") =>
    packet({ saddr: "10.244.1.17", sport, daddr, dport: 80, flags: "S" });

  test.each([0, 500, 10000])("%s of 10,000 flows go to it", async (share) => {
    const { dataplane, flowsOf } = await createCanary(share);
    let flows = 0;
    for (let flow = 0; flow < FLOWS; flow++) {
      const { event } = dataplane.process(syn(10000 + flow), { now: flow });
      if (event.backend === "10.244.1.37:8080") flows++;
    }
    expect(flowsOf()).toBe(flows);
    // Five standard deviations of so many draws.
    const expected = (FLOWS * share) / 10000;
    const deviation = Math.sqrt((expected * (10000 - share)) / 10000);
    expect(Math.abs(flows - expected)).toBeLessThanOrEqual(5 * deviation);
  });

  test("a SYN that is sent again goes where the first one went", async () => {
    const { dataplane, flowsOf } = await createCanary(5000);
    for (let flow = 0; flow < 50; flow++) {
      const backends = [0, 1, 2].map(() => {
        return dataplane.process(syn(20000 + flow), { now: flow }).event.backend;
      });
      expect(new Set(backends).size).toBe(1);
    }
    expect(flowsOf()).toBeGreaterThan(5);
    expect(flowsOf()).toBeLessThan(45);
  });

  test("other Services have no canary", async () => {
    const { dataplane, flowsOf } = await createCanary(10000);
    const { event } = dataplane.process(syn(30000, "10.96.0.21"), { now: 0 });
    expect(event.service).toBe("shop/api:http");
    expect(flowsOf()).toBe(0);
  });
});

const VXLAN_PORT = 4789;
/** Ethernet, IPv4, UDP, VXLAN. */
const OUTER_SIZE = 14 + 20 + 8 + 8;

function isVxlan(frame) {
  const bytes = Buffer.from(frame);
  return bytes[23] === 17 && bytes.readUInt16BE(36) === VXLAN_PORT;
}

describe.each(engines)("tunnel on %s", (_, create) => {
  async function play() {
    const dataplane = await createNode(ONE_ENDPOINT, create);
    await attachTunnel(dataplane);
    const played = [];
    for (const replayed of replay(dataplane, readCapture(here("tunnel/overlay.pcapng")))) {
      for (const { packet, event, captured } of departures(replayed)) {
        played.push({ frame: Buffer.from(packet), event, captured });
      }
    }
    return played;
  }

  test("sends what the kernel's VXLAN device has sent", async () => {
    const sent = (await play()).map(({ frame }) => frame).filter(isVxlan);
    const kernel = Array.from(readCapture(here("tunnel/overlay-expected.pcapng")), ({ data }) => {
      return comparable(data, 1);
    });
    expect(kernel.length).toBeGreaterThan(50);
    expect(sent.map((frame) => comparable(frame, 0)).sort()).toEqual(kernel.sort());
  });

  test("takes answers out of it, which go back to who has asked", async () => {
    const answers = (await play()).filter(({ captured }) => isVxlan(captured.data));
    expect(answers.length).toBeGreaterThan(40);
    for (const { frame, event, captured } of answers) {
      expect(event).toMatchObject({ action: "reply", service: "default/web:http" });
      expect(frame.length).toBe(captured.data.length - OUTER_SIZE);
      expect(frame).toHaveValidChecksums();
    }
  });

  test("every flow has a source port of its own, above 49151", async () => {
    const ports = new Map();
    for (const { frame, event } of (await play()).filter(({ frame }) => isVxlan(frame))) {
      const flow = `${event.after.saddr} ${event.after.sport}`;
      ports.set(flow, (ports.get(flow) ?? new Set()).add(frame.readUInt16BE(34)));
    }
    expect(ports.size).toBe(8);
    const all = [...ports.values()].flatMap((each) => [...each]);
    expect(all.length).toBe(8);
    expect(new Set(all).size).toBeGreaterThan(5);
    for (const port of all) expect(port).toBeGreaterThan(49151);
  });

  test.skipIf(lacksTshark)("tshark decodes it, and finds every checksum right", async () => {
    const frames = (await play()).map(({ frame }) => frame).filter(isVxlan);
    const decoded = decode(frames);
    expect(decoded.length).toBe(frames.length);
    for (const { vxlan, protocols, checksums } of decoded) {
      expect(vxlan).toBe("4096");
      expect(protocols).toMatch(/^eth:ethertype:ip:udp:vxlan:eth:ethertype:ipv?6?:tcp/);
      expect(new Set(checksums.split(","))).toEqual(new Set(["1"]));
    }
  });
});

/**
 * A frame as text, without what two VXLAN devices may choose: identification, DF and so the checksum of
 * the outer header, the source port; and without the hop that routing takes inside.
 */
function comparable(frame, hops) {
  const bytes = Buffer.from(frame);
  bytes.fill(0, 18, 22).fill(0, 24, 26).fill(0, 34, 36);
  const inner = bytes.subarray(OUTER_SIZE + 14);
  const isIPv4 = inner[0] >> 4 === 4;
  inner[isIPv4 ? 8 : 7] += hops;
  if (isIPv4) inner.fill(0, 10, 12);
  return bytes.toString("hex");
}

/** What tshark says of frames. */
function decode(frames) {
  const folder = mkdtempSync(join(tmpdir(), "waxdp-"));
  const file = join(folder, "tunnel.pcapng");
  writeFileSync(
    file,
    writeBytes(
      frames.map((data) => ({ time: 0n, data })),
      { format: "pcapng" },
    ),
  );
  const checks = ["ip.checksum.status", "tcp.checksum.status"];
  const fields = ["vxlan.vni", "frame.protocols", ...checks];
  const options = ["ip", "tcp"].flatMap((proto) => ["-o", `${proto}.check_checksum:TRUE`]);
  const text = execFileSync(
    "tshark",
    ["-r", file, ...options, "-T", "fields", ...fields.flatMap((field) => ["-e", field])],
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  rmSync(folder, { recursive: true });
  return text
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [vxlan, protocols, ...status] = line.split("\t");
      return { vxlan, protocols, checksums: status.join(",") };
    });
}
