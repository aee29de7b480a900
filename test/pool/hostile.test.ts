/** Anything at all, in batches: nothing traps, everything is counted, and one worker says what one engine says. */
import { afterEach, describe, expect, test } from "vitest";
import { createDataplanePool, type DataplanePool, parseObjects } from "../../src/index.ts";
import { createEngines, createSource, setupOf } from "../fuzz/episode.ts";
import type { Packet } from "../fuzz/packets.ts";

const GROUPS = 6;

let pool: DataplanePool;
afterEach(() => pool.close());

async function send(number: number, packets: readonly Packet[], now: number) {
  const batch = pool.batches[number % 2]!;
  batch.clear();
  for (const { bytes, options } of packets) batch.push(bytes, options);
  await batch.process(now, { events: number % 3 === 0 });
  return packets.map((_, index) => ({
    verdict: batch.verdict(index),
    packet: Buffer.from(batch.packet(index)).toString("hex"),
  }));
}

describe.each([0, 1, 2, 3, 4, 5])("episode %i", (episode) => {
  test.each([1, 3])("%i workers", async (workers) => {
    const setup = setupOf(episode);
    const engines = await createEngines(setup, { checked: false, lockstep: false });
    const { wasm } = engines;
    const source = createSource(episode, engines);
    pool = await createDataplanePool({ ...setup.options, workers });
    await pool.apply(parseObjects([...setup.objects]));
    let now = 0;
    for (let number = 0; number < GROUPS; number++) {
      const { waited, packets } = source.next();
      now += waited;
      wasm.batch.clear();
      for (const { bytes, options } of packets) wasm.batch.push(bytes, options);
      wasm.batch.process(now);
      const found = await send(number, packets, now);
      const left = packets.map((_, index) => wasm.batch.packet(index));
      if (workers === 1) {
        const expected = left.map((packet, index) => ({
          verdict: wasm.batch.verdict(index),
          packet: Buffer.from(packet).toString("hex"),
        }));
        expect(found).toEqual(expected);
        expect(pool.counters()).toEqual(wasm.counters());
      }
      const { packets: counted, bytes } = pool.counters();
      expect([counted, bytes]).toEqual([wasm.counters().packets, wasm.counters().bytes]);
      source.heed(packets, left);
    }
  });
});
