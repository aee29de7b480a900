/** What programs may import is what a runtime gives them. */
import { describe, expect, test } from "vitest";
import { HELPERS } from "../../src/dataplane/helpers.ts";
import { SCENES } from "./scene.ts";

describe.each(SCENES)("$engine", ({ create }) => {
  test("a runtime has the helpers of the list, and no others", async () => {
    const { helpers } = (await create()).runtime;
    expect(Object.keys(helpers).sort()).toEqual(Object.keys(HELPERS).sort());
    for (const helper of Object.values(helpers)) expect(helper).toBeTypeOf("function");
  });
});
