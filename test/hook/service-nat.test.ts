/** Service NAT as a link of its chain. */
import { describe, expect, test } from "vitest";
import { error, namesOf } from "./chain.ts";
import { stage } from "./residents.ts";

describe("service NAT", () => {
  test("can be detached, which leaves nothing but programs, and attached again", () => {
    const { hooks, residents, installed } = stage();
    hooks.ingress.links()[0]!.detach();
    expect(hooks.active).toBe(true);
    expect(installed.at(-1)).toMatchObject({ ingress: [], egress: [] });
    const link = hooks.ingress.attach(residents.serviceNat);
    expect(hooks.active).toBe(false);
    expect(link.info()).toMatchObject({ id: 2, name: "service-nat", builtin: true });
    expect(installed.at(-1)).toMatchObject({ ingress: [{ kind: "service-nat", link: 2 }] });
  });

  test("stands once, and in ingress", () => {
    const { hooks, residents } = stage();
    const { serviceNat } = residents;
    expect(() => hooks.egress.attach(serviceNat)).toThrow(error("wrong-hook", /works on ingress/));
    expect(() => hooks.ingress.attach(serviceNat, { name: "again" })).toThrow(
      error("name-taken", /^service-nat stands in ingress already, as service-nat/),
    );
    const other = hooks.ingress.attach(residents.make("p"));
    expect(() => other.update(serviceNat)).toThrow(error("name-taken"));
    hooks.ingress.attach(serviceNat, { name: "nat", replace: "service-nat" });
    expect(namesOf(hooks.ingress)).toEqual(["nat", "p"]);
  });

  test("makes way for a program, whose link then is no built-in one", () => {
    const { hooks, residents } = stage();
    const [nat] = hooks.ingress.links();
    nat!.update(residents.make("own"));
    expect(nat!.info()).toMatchObject({ name: "service-nat", builtin: false });
    const link = hooks.ingress.attach(residents.serviceNat, { name: "nat" });
    expect(link.info().builtin).toBe(true);
  });
});
