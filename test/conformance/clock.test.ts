/** Time beyond what 32 bits of milliseconds hold: what is over is over, however long the silence was. */
import { describe, expect, test } from "vitest";
import { TIMEOUT_MAX } from "../../abi/limits.ts";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { TIMERS, type Timeouts } from "../../src/dataplane/entries.ts";
import { AFFINITY, passes, REQUEST, WEB } from "./scene.ts";
import { connectionOf, eachDataplane, take } from "./walk.ts";

const SILENCES = [TIMEOUT_MAX + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 5, 2 ** 32, 2 ** 33 + 1];

function setLongestTimeouts({ maps }: Dataplane): void {
  const config = maps.config.lookup("config")!;
  const timeouts = Object.fromEntries(TIMERS.map((timer) => [timer, TIMEOUT_MAX])) as Timeouts;
  maps.config.update("config", { ...config, timeouts });
}

describe("the longest timeout", () => {
  eachDataplane({}, (dataplane) => {
    test("is allowed to the millisecond", () => {
      setLongestTimeouts(dataplane());
      take(dataplane(), [
        WEB.open(),
        { at: 2 ** 31 - TIMEOUT_MAX, ...WEB.response({ flags: "SA" }) },
        { at: 2 ** 31 - TIMEOUT_MAX, ...WEB.request() },
        { at: 2 ** 31, ...WEB.request() },
        { at: 2 ** 31 + TIMEOUT_MAX, ...WEB.response() },
        { at: 2 ** 31 + 2 * TIMEOUT_MAX + 1, ...passes(WEB.response().send) },
      ]);
    });

    test.each(SILENCES)("is over after %i ms", (silence) => {
      setLongestTimeouts(dataplane());
      take(dataplane(), [WEB.open(), { at: silence, ...WEB.open() }]);
      const { created, expired } = dataplane().counters().connections;
      expect([created, expired]).toEqual([2, 1]);
      expect(connectionOf(dataplane())).toMatchObject({ created: silence, lastSeen: silence });
    });

    test.each(SILENCES)("a client is forgotten after %i ms", (silence) => {
      const sticky = { send: { ...REQUEST, daddr: "10.96.0.30" }, event: {} };
      take(dataplane(), [sticky, { at: silence, ...passes({ ...REQUEST, daddr: "10.244.9.9" }) }]);
      expect(silence).toBeGreaterThan(AFFINITY);
      expect(dataplane().maps.affinity.length).toBe(0);
    });
  });
});
