/** Interfaces by the numbers that programs know them by. */
import { describe, expect, test } from "vitest";
import { CTX_INTERFACE } from "../../abi/program.ts";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { DROP, moduleOf, NEXT } from "./module.ts";
import { FRAME, failure, SCENES, serviceObjects } from "./scene.ts";

describe.each(SCENES)("$engine", ({ create }) => {
  const fresh = async (options = {}): Promise<Dataplane> => (await create(options)).dataplane;

  describe("interface", () => {
    test("gives a name a number, and the same one again", async () => {
      const { interface: row, maps, apply } = await fresh();
      expect([row("eth0"), row("eth1"), row("eth0")]).toEqual([1, 2, 1]);
      expect(maps.interfaces.lookup(2)).toMatchObject({ name: "eth1", pod: false });
      apply(serviceObjects());
      expect([row("eth1"), row("eth2")]).toEqual([2, 3]);
      expect(maps.interfaces.length).toBe(4);
    });

    test("that frames came in on before, and one that they do not need a row for", async () => {
      const dataplane = await fresh();
      dataplane.apply(serviceObjects());
      dataplane.process(FRAME, { now: 0, interface: "eth9" });
      expect(dataplane.maps.interfaces.length).toBe(1);
      expect(dataplane.interface("eth9")).toBe(1);
      const program = await dataplane.programs.load(
        moduleOf({
          body: `(select ${DROP} ${NEXT} (i32.eq (i32.load16_u offset=${CTX_INTERFACE} (local.get $ctx)) (i32.const 1)))`,
        }),
      );
      dataplane.hooks.ingress.attach(program);
      expect(dataplane.process(FRAME, { now: 0, interface: "eth9" }).verdict).toBe("DROP");
      expect(dataplane.process(FRAME, { now: 0, interface: "eth8" }).verdict).toBe("PASS");
    });

    test.each([undefined, null, 1, "", {}])("is no %s", async (name) => {
      const dataplane = await fresh();
      expect(() => dataplane.interface(name as never)).toThrow(
        failure("bad-option", /^interface is/),
      );
    });

    test("has its limit", async () => {
      const dataplane = await fresh({ capacity: { interfaces: 2 } });
      dataplane.interface("a");
      const [a] = [...dataplane.maps.interfaces.entries()].slice(1);
      expect(() => ["b", "c", "d"].map(dataplane.interface)).toThrow(failure("capacity"));
      expect([...dataplane.maps.interfaces.entries()][1]).toEqual(a);
    });
  });
});
