/** Service NAT among programs. */
import { describe, expect, test } from "vitest";
import { CTX_OUTCOME } from "../../abi/program.ts";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { DROP, moduleOf, NEXT } from "./module.ts";
import { FRAME, failure, SCENES, serviceObjects } from "./scene.ts";

describe.each(SCENES)("$engine", ({ create }) => {
  const fresh = async (options = {}): Promise<Dataplane> => (await create(options)).dataplane;

  test("service NAT says what it is", async () => {
    const { programs } = await fresh();
    const serviceNat = programs.get("service-nat")!;
    expect(serviceNat.info()).toEqual({
      id: 1,
      name: "service-nat",
      tag: "0000000000000000",
      form: "batch",
      builtin: true,
      size: 0,
      memory: 0,
      functions: 0,
      loadedAt: 0,
      maps: expect.arrayContaining(["services", "backends", "conntrack"]),
      links: ["service-nat"],
    });
    expect(serviceNat.program).toBeUndefined();
    expect(() => serviceNat.map("services")).toThrow(failure("bad-option", /has no map/));
  });

  describe("service NAT", () => {
    test("detached, nothing is translated or tracked; attached again, it goes on where it was", async () => {
      const dataplane = await fresh();
      dataplane.apply(serviceObjects());
      const action = (now: number) => dataplane.process(FRAME, { now }).event;
      expect(action(0)).toMatchObject({ action: "dnat", conntrack: "new" });
      const [link] = dataplane.hooks.ingress.links();
      link!.detach();
      expect(dataplane.hooks.active).toBe(true);
      const passed = dataplane.process(FRAME, { now: 1 });
      expect(passed.event).toMatchObject({
        action: "pass",
        conntrack: "none",
        service: null,
        program: null,
      });
      expect(passed.packet).toEqual(FRAME);
      dataplane.hooks.ingress.attach(dataplane.programs.get("service-nat")!);
      expect(dataplane.hooks.active).toBe(false);
      expect(action(2)).toMatchObject({
        action: "dnat",
        conntrack: "established",
        backend: "10.1.0.1:8080",
      });
      expect(dataplane.maps.conntrack.length).toBe(1);
    });

    test("comes after what stands before it, and before what stands after it", async () => {
      const { hooks, programs, apply, process } = await fresh();
      apply(serviceObjects());
      // Drops what service NAT has seen.
      const seen = moduleOf({
        body: `(select ${DROP} ${NEXT} (i32.load offset=${CTX_OUTCOME} (local.get $ctx)))`,
      });
      const program = await programs.load(seen, { name: "seen" });
      const before = hooks.ingress.attach(program, { before: "service-nat" });
      expect(process(FRAME, { now: 0 }).event).toMatchObject({ verdict: "PASS", action: "dnat" });
      hooks.ingress.attach(program, { replace: before, name: "early" });
      const after = hooks.ingress.attach(program, { after: "service-nat", name: "late" });
      expect(process(FRAME, { now: 1 }).event).toMatchObject({ verdict: "DROP", program: "late" });
      expect(after.info()).toMatchObject({ runCount: 1, verdicts: { DROP: 1 } });
    });
  });
});
