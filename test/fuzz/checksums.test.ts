/** A packet whose checksums were right leaves with right checksums: summed again from nothing, and by tshark. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { linkOf } from "../../src/dataplane/link.ts";
import { parseObjects } from "../../src/index.ts";
import { verify } from "../../src/packet/checksum.ts";
import { dataplanes } from "../conformance/dataplanes.ts";
import type { Link } from "../conformance/frame.ts";
import { NODE, OBJECTS } from "../conformance/scene.ts";
import { pcapOf, toolOrSkip } from "./capture.ts";
import { aim, INTACT, type Packet, packetOf, sending, targetsOf } from "./packets.ts";
import { runs, TIMEOUT } from "./runs.ts";

const CAPACITY = { connections: 4096, connections6: 4096, affinity: 64, slots: 4096, batch: 4 };

/** Most are for a Service, all arrive whole. */
function packets({ maps }: Dataplane, link?: Link): fc.Arbitrary<Packet> {
  const targets = targetsOf(maps);
  return fc.tuple(sending, fc.nat()).map(([one, which]) => {
    const { frame, arrival } = which % 8 === 0 ? one : aim(one, targets, which);
    return packetOf({ frame: { ...frame, link: link ?? frame.link }, damage: INTACT, arrival });
  });
}

for (const { name, create } of dataplanes) {
  test(
    `${name}: right checksums stay right`,
    async () => {
      const dataplane = await create({ node: NODE, seed: 11, capacity: CAPACITY });
      dataplane.apply(parseObjects([...OBJECTS]));
      const property = fc.property(packets(dataplane), ({ bytes, options }) => {
        const link = linkOf(options.linkType ?? "ethernet").type;
        const before = verify(bytes, link);
        if (before.ip === "bad" || before.transport === "bad") return;
        const { verdict, packet } = dataplane.process(bytes, { ...options, now: 0 });
        if (verdict !== "PASS" && verdict !== "TX") return;
        const after = verify(packet, link);
        expect([after.ip, after.transport]).not.toContain("bad");
        if (before.transport === "absent")
          expect(after.transport).toBe(verdict === "TX" ? "good" : "absent");
      });
      fc.assert(property, runs(2000));
    },
    TIMEOUT,
  );
}

const SUMS = ["ip", "tcp", "udp", "sctp", "icmp", "icmpv6"];
/** Wireshark's words for a checksum field: 0 is "bad". */
const BAD = "0";

test(
  "tshark finds no bad checksum in what leaves",
  async (context) => {
    toolOrSkip(context, "tshark");
    const folder = mkdtempSync(join(tmpdir(), "waxdp-"));
    try {
      const file = join(folder, "out.pcap");
      writeFileSync(file, pcapOf(await emitted(500)));
      expect(badSums(file)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  TIMEOUT,
);

/** What the Wasm dataplane makes of Ethernet frames that arrive whole. */
async function emitted(count: number): Promise<Uint8Array[]> {
  const dataplane = await dataplanes[0]!.create({ node: NODE, seed: 11, capacity: CAPACITY });
  dataplane.apply(parseObjects([...OBJECTS]));
  const sent = fc.sample(packets(dataplane, "ethernet"), { seed: 1, numRuns: count });
  const results = sent.map(({ bytes }) => dataplane.process(bytes, { now: 0 }));
  return results
    .filter(({ event }) => ["dnat", "reject"].includes(event.action))
    .map(({ packet }) => packet);
}

function badSums(file: string): string[] {
  const checks = SUMS.filter((sum) => !sum.startsWith("icmp")).flatMap((sum) =>
    sum === "sctp" ? ["-o", "sctp.checksum:crc32c"] : ["-o", `${sum}.check_checksum:TRUE`],
  );
  const fields = SUMS.flatMap((sum) => ["-e", `${sum}.checksum.status`]);
  const output = execFileSync(
    "tshark",
    ["-r", file, ...checks, "-T", "fields", "-E", "occurrence=f", ...fields],
    {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  return output.split("\n").filter((line) => line.split("\t").includes(BAD));
}
