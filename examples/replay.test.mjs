/**
 * Replay tests as users write them: a capture and manifests in, expectations about every packet
 * out. The second half holds the dataplane against the kernel: node.pcapng is what arrived at a
 * real node, node-expected.pcapng what left it.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createDataplane, createModel, parseManifests, replay } from "waxdp";
import { readBytes } from "waxdp/pcap";
import { matchers } from "waxdp/testing";

const ETHERNET_LENGTH = 14;
const IPV4_HEADER_LENGTH = 20;
const IPV6_HEADER_LENGTH = 40;
const ICMP_HEADER_LENGTH = 8;

const CLUSTER = ["manifests/nodes.yaml", "manifests/kube-proxy.yaml", "manifests/services.yaml"];
const engines = { wasm: createDataplane, model: createModel };

expect.extend(matchers);

describe.each(Object.entries(engines))("cluster.pcapng through the %s dataplane", (_, create) => {
  const manifests = [...CLUSTER, "manifests/endpointslices.yaml"];

  test("new connections reach an endpoint, or there is a reason why not", async () => {
    const opened = (await play(create, "cluster", manifests)).filter(isNew);
    expect(opened.length).toBeGreaterThan(50);
    for (const { event } of opened) {
      const outside =
        event.before.saddr === "192.168.0.200" || event.before.saddr === "2001:db8::200";
      if (event.service === "shop/payments:http") {
        expect(event).toHaveVerdict("TX", "no-endpoints");
      } else if (outside) expect(event).toHaveVerdict("DROP", "source-range");
      else expect(event).toHaveVerdict("PASS", null);
    }
  });

  test("checksums stay right", async () => {
    for (const { packet } of await play(create, "cluster", manifests)) {
      expect(packet).toHaveValidChecksums();
    }
  });

  test("session affinity keeps each pod on one endpoint", async () => {
    const opened = (await play(create, "cluster", manifests)).filter(isNew);
    const backends = new Map();
    for (const { event } of opened.filter(({ event }) => event.service === "shop/api:http")) {
      const { saddr } = event.before;
      expect(backends.get(saddr) ?? event.backend).toBe(event.backend);
      backends.set(saddr, event.backend);
    }
    expect(backends.size).toBeGreaterThan(2);
  });
});

describe.each(Object.entries(engines))("node.pcapng through the %s dataplane", (_, create) => {
  test("what leaves is, byte for byte, what the kernel sent", async () => {
    const network = JSON.parse(read("node-network.json"));
    const played = await play(create, "node", [...CLUSTER, "node-manifests/endpointslices.yaml"], {
      network,
    });
    const left = played.filter(({ verdict }) => verdict === "PASS" || verdict === "TX");
    const kernel = readBytes(read("captures/node-expected.pcapng"));
    const expected = Array.from(kernel, ({ data }) => comparable(data, 1));
    expect(left.map(({ packet }) => comparable(packet, 0)).sort()).toEqual(expected.sort());
  });
});

function isNew({ event }) {
  return event.conntrack === "new";
}

function read(path) {
  return readFileSync(new URL(path, import.meta.url));
}

async function play(create, capture, manifests, options = {}) {
  const dataplane = await create({ node: "worker-1", seed: 1, ...options });
  dataplane.apply(parseManifests(manifests.map((file) => ({ file, text: read(file).toString() }))));
  const packets = readBytes(read(`captures/${capture}.pcapng`));
  return Array.from(replay(dataplane, packets), (played) => ({
    ...played,
    packet: Buffer.from(played.packet),
  }));
}

/**
 * The IP packet as text, without what routing does after the dataplane: MAC addresses, and `hops`
 * taken from the TTL. ICMP errors are the kernel's own packets: it numbers them (identification,
 * flow label) and quotes what came after a hop was taken from it. Both are left out too.
 */
function comparable(frame, hops) {
  const packet = Buffer.from(frame.subarray(ETHERNET_LENGTH));
  const isIcmp = isIPv4(packet) ? packet[9] === 1 : packet[6] === 58;
  if (!isIcmp) return withHops(packet, hops).toString("hex");
  const headerLength = isIPv4(packet) ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
  if (isIPv4(packet)) packet.fill(0, 4, 6).fill(0, 10, 12);
  else packet.fill(0, 1, 4);
  packet.fill(0, headerLength + 2, headerLength + 4);
  withHops(packet.subarray(headerLength + ICMP_HEADER_LENGTH), hops);
  return packet.toString("hex");
}

function isIPv4(packet) {
  return packet[0] >> 4 === 4;
}

/** Gives hops back, and to the IPv4 checksum what they took from it (RFC 1624 equation 3). */
function withHops(packet, hops) {
  packet[isIPv4(packet) ? 8 : 7] += hops;
  if (!isIPv4(packet)) return packet;
  const sum = (~packet.readUInt16BE(10) & 0xffff) + (hops << 8);
  packet.writeUInt16BE(~((sum & 0xffff) + (sum >> 16)) & 0xffff, 10);
  return packet;
}
