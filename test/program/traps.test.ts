/** Programs that trap, over real engines. */
import { describe, expect, test } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { drops, traps } from "./module.ts";
import { FRAME, SCENES } from "./scene.ts";

describe.each(SCENES)("$engine", ({ create }) => {
  const fresh = async (options = {}): Promise<Dataplane> => (await create(options)).dataplane;

  describe("traps", () => {
    test("abort the packet, and take the link out when there were too many", async () => {
      const { hooks, programs, process } = await fresh();
      const program = await programs.load(traps(), { name: "bad" });
      const link = hooks.ingress.attach(program, { maxTraps: 3 });
      const verdicts = Array.from({ length: 5 }, (_, now) => process(FRAME, { now }).verdict);
      expect(verdicts).toEqual(["ABORTED", "ABORTED", "ABORTED", "PASS", "PASS"]);
      expect(link.info()).toMatchObject({ attached: false, traps: 3, runCount: 3 });
      expect(hooks.active).toBe(false);
      program.unload();
    });

    test("in one batch leave the link for the packets that are left", async () => {
      const { hooks, programs, batch } = await fresh();
      const bad = await programs.load(traps(), { name: "bad" });
      const link = hooks.ingress.attach(bad, { maxTraps: 2 });
      const behind = hooks.egress.attach(await programs.load(drops(), { name: "behind" }));
      for (let i = 0; i < 4; i++) batch.push(FRAME);
      batch.process(0, { events: true });
      const events = [0, 1, 2, 3].map((index) => batch.event(index));
      expect(events.map(({ verdict }) => verdict)).toEqual(["ABORTED", "ABORTED", "DROP", "DROP"]);
      expect(events.map(({ program }) => program)).toEqual(["bad", "bad", "behind", "behind"]);
      expect(link.info()).toMatchObject({ attached: false, traps: 2 });
      expect(hooks.ingress.links().length).toBe(1);
      expect(behind.info().runCount).toBe(2);
    });

    test("for ever, where that is asked for", async () => {
      const { hooks, programs, process } = await fresh();
      const link = hooks.ingress.attach(await programs.load(traps()), { maxTraps: Infinity });
      for (let now = 0; now < 100; now++) expect(process(FRAME, { now }).verdict).toBe("ABORTED");
      expect(link.info()).toMatchObject({ attached: true, traps: 100 });
    });
  });
});
