/**
 * Captures in, captures out: the same bytes, events and counters on every machine, from either engine, in every
 * version until somebody changes them on purpose. WAXDP_UPDATE_GOLDENS=1 writes them anew, with the captures that
 * are made here; read the difference.
 */
import { describe, expect, test } from "vitest";
import { createModel } from "../../src/index.ts";
import { readBytes } from "../../src/pcap/index.ts";
import { compare, formatDifferences } from "../../src/testing.ts";
import { dataplanes } from "../conformance/dataplanes.ts";
import {
  captured,
  expected,
  type Golden,
  isMade,
  make,
  optionsOf,
  play,
  readCases,
  update,
  updateCapture,
} from "./case.ts";

const UPDATING = process.env.WAXDP_UPDATE_GOLDENS === "1";

for (const golden of readCases()) {
  describe(`${golden.name}: ${golden.description}`, () => {
    // First of all, for the others play it.
    if (isMade(golden)) testMaker(golden);
    for (const { name, create } of dataplanes) {
      test(name, async () => {
        const played = play(await create(optionsOf(golden)), golden);
        // The model, which comes last, has the final word; the Wasm dataplane is then held against it.
        if (UPDATING) update(golden, played);
        const { out, events, counters } = expected(golden);
        expect(played.events.split("\n")).toEqual(events.split("\n"));
        expect(played.counters).toEqual(counters);
        expect(firstDifference(played.out, out)).toBe("");
        expect(Buffer.compare(played.out, out)).toBe(0);
      });
    }
  });
}

function testMaker(golden: Golden): void {
  test("the capture is what its maker makes", async () => {
    const made = make(await createModel(optionsOf(golden)), golden);
    if (UPDATING) updateCapture(golden, made);
    expect(Buffer.compare(captured(golden), made)).toBe(0);
  });
}

/** Told field by field, before the files are compared as bytes. */
function firstDifference(actual: Uint8Array, wanted: Uint8Array): string {
  const [left, right] = [[...readBytes(actual)], [...readBytes(wanted)]];
  for (const [i, packet] of right.entries()) {
    const differences = compare(packet.data, left[i]?.data ?? new Uint8Array(0), packet.linkType);
    if (differences.length > 0) return `packet ${i + 1}\n${formatDifferences(differences)}`;
  }
  return "";
}
