/** Programs that count and tell: held against the dataplane's own figures, and against tshark. */
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { createDataplane, createModel, replay } from "waxdp";
import { createNode, loadProgram, ONE_ENDPOINT, readCapture } from "./programs/cluster.mjs";

const here = (name) => new URL(`programs/${name}`, import.meta.url);
const engines = Object.entries({ wasm: createDataplane, model: createModel });
const lacksTshark =
  process.env.WAXDP_REQUIRE_TOOLS !== "1" && spawnSync("tshark", ["-v"]).error !== undefined;

describe.each(engines)("service-counters on %s", (_, create) => {
  test("counts what statistics() counts", async () => {
    const dataplane = await createNode(ONE_ENDPOINT, create);
    const program = await loadProgram(dataplane, here("service-counters/program.ts"), "counters");
    dataplane.hooks.ingress.attach(program, { after: "service-nat" });
    for (const _ of replay(
      dataplane,
      readCapture(new URL("captures/node.pcapng", import.meta.url)),
    ));
    const counters = program.map("by-backend");
    let compared = 0;
    for (const { proto, backends } of dataplane.statistics()) {
      for (const { backend, inPackets, inBytes, outPackets, outBytes } of backends) {
        const number = numberOf(dataplane, backend, proto);
        const [counter] = counters.lookup(number) ?? [undefined];
        if (counter === undefined) {
          expect(inPackets).toBe(0);
          continue;
        }
        expect(counter).toEqual({
          inPackets: BigInt(inPackets),
          inBytes: BigInt(inBytes),
          outPackets: BigInt(outPackets),
          outBytes: BigInt(outBytes),
        });
        compared++;
      }
    }
    expect(compared).toBe(counters.length);
    expect(compared).toBeGreaterThan(6);
  });
});

/** "10.0.0.1:80" -> the backend's number. */
function numberOf(dataplane, name, proto) {
  for (const [number, backend] of dataplane.maps.backends.entries()) {
    const { address, port, family } = backend;
    const text = family === "ipv6" ? `[${address}]:${port}` : `${address}:${port}`;
    if (text === name && backend.proto === proto) return number;
  }
  throw new Error(`no backend ${name}`);
}

describe.each(engines)("dns-log on %s", (_, create) => {
  async function play(capture, limit = Number.POSITIVE_INFINITY) {
    const dataplane = await createNode(ONE_ENDPOINT, create);
    const program = await loadProgram(dataplane, here("dns-log/program.ts"), "dns-log");
    dataplane.hooks.ingress.attach(program, { before: "service-nat" });
    const packets = Array.from(readCapture(here(capture))).map((packet) => {
      const data = packet.data.subarray(0, limit);
      return { ...packet, data };
    });
    for (const _ of replay(dataplane, packets));
    return program.map("messages").read();
  }

  test.skipIf(lacksTshark)("reads the same from messages as tshark", async () => {
    const fields = ["dns.qry.name", "dns.qry.type", "dns.id", "dns.flags", "frame.time_relative"];
    const text = execFileSync(
      "tshark",
      ["-r", fileURLToPath(here("dns-log/lookups.pcapng")), "-Y", "dns", "-T", "fields"].concat(
        fields.flatMap((field) => ["-e", field]),
      ),
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
    const expected = text.trimEnd().split("\n");
    const seen = (await play("dns-log/lookups.pcapng")).map(({ name, type, id, flags, time }) => {
      const word = (value) => `0x${value.toString(16).padStart(4, "0")}`;
      return { name, type: `${type}`, id: word(id), flags: word(flags), time: Number(time) / 1e9 };
    });
    expect(seen.length).toBe(30);
    expect(seen.length).toBe(expected.length);
    for (const [at, line] of expected.entries()) {
      const [name, type, id, flags, time] = line.split("\t");
      expect(seen[at]).toMatchObject({ name, type, id, flags });
      expect(seen[at].time).toBeCloseTo(Number(time), 5);
    }
  });

  test.each([42, 54, 60, 70])(
    "messages that are cut after %s bytes are left alone",
    async (limit) => {
      expect(await play("dns-log/lookups.pcapng", limit)).toEqual([]);
    },
  );
});
