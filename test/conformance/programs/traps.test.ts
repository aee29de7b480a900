/** Programs that trap: the packet is ABORTED, and nothing else has suffered. */
import { describe, expect, test } from "vitest";
import { CTX_ENDED, CTX_MARK, CTX_REASON } from "../../../abi/program.ts";
import { DELIVERED, REQUEST } from "../scene.ts";
import { eachLab, type Lab, NAT, wire } from "./lab.ts";
import { assemble, ctx, forEach, i32, packetForm, setField } from "./wat.ts";

const NEXT = -1;
const FRAMES = Array.from({ length: 5 }, (_, index) => ({ ...REQUEST, sport: 40000 + index }));
/** The last byte of the source port. */
const SPORT = `(i32.load8_u offset=35 (i32.load ${ctx}))`;
const UNLUCKY = 0x42; // 40002

/** Ways to trap; each leaves nothing on the stack. */
const TRAPS = {
  unreachable: "unreachable",
  "out of bounds": "(drop (i32.load (i32.const -4)))",
  "out of bounds in a helper": `(drop (call $csum_diff (i32.const -8) (i32.const 64) (i32.const 0) (i32.const 0) (i32.const 0)))`,
  "a context that is none": "(drop (call $adjust_head (i32.const -16) (i32.const 0)))",
  "division by zero": "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
  "endless recursion": "(call $deeper)",
  "a null function": "(call_indirect (i32.const 0))",
  "thrown by an import": "(call $throw)",
} as const;

/** Both forms with one more function, a table of their own, and an import that throws. */
function withTraps(text: string): string {
  return text
    .replace("(module", '(module (import "test" "throw" (func $throw))')
    .replace(/\)\s*$/, "(table 1 funcref) (func $deeper (call $deeper) (call $deeper)))");
}

class Thrown extends Error {}

/** Like `Lab.step`, with the import that throws. */
function stepOf(lab: Lab, link: number, text: string) {
  const module = assemble(withTraps(text));
  const { runtime } = lab;
  const { exports } = new WebAssembly.Instance(module, {
    env: { memory: runtime.memory },
    waxdp: runtime.helpers,
    test: {
      throw() {
        throw new Thrown("thrown");
      },
    },
  });
  const entry = Math.max(runtime.table.length, 1);
  runtime.table.grow(entry + 1 - runtime.table.length);
  runtime.table.set(entry, exports.program ?? exports.batch);
  const form = exports.batch ? ("batch" as const) : ("packet" as const);
  return { kind: "program", link, form, entry } as const;
}

const cases = Object.entries(TRAPS).map(([name, trap]) => ({ name, trap }));
const unlucky = (then: string) => `(if (i32.eq ${SPORT} ${i32(UNLUCKY)}) (then ${then}))`;

describe("in packet form", () => {
  eachLab((lab) => {
    test.each(cases)("$name: one packet is aborted, the others go on", ({ trap }) => {
      const trapped: unknown[] = [];
      const step = stepOf(lab(), 2, packetForm(`${unlucky(trap)} ${i32(NEXT)}`));
      const note = (link: number, error: unknown) =>
        trapped.push([link, error instanceof Error]) > 0;
      lab().install({ ingress: [step, NAT], trapped: note });
      const sent = lab().sendAll(FRAMES);
      for (const [index, frame] of FRAMES.entries()) {
        const expected =
          index === 2
            ? { verdict: "ABORTED", action: "drop", reason: "trap", packet: wire(frame) }
            : {
                verdict: "PASS",
                action: "dnat",
                packet: wire({ ...DELIVERED, sport: frame.sport }),
              };
        expect(sent[index]).toMatchObject(expected);
        expect(sent[index]?.programs?.link).toBe(index === 2 ? 2 : 0);
      }
      expect(trapped).toEqual([[2, true]]);
      expect(lab().runtime.tally(2)).toMatchObject({ runs: 5, verdicts: { ABORTED: 1, NEXT: 4 } });
      expect(lab().engine.counters().reasons.trap).toBe(1);
      expect(lab().engine.maps.conntrack.length).toBe(4);
      expect(
        lab()
          .sendAll(FRAMES)
          .map(({ conntrack }) => conntrack),
      ).toEqual(["established", "established", "none", "established", "established"]);
    });

    test("a link is skipped for the rest of the call when it is not to be called again", () => {
      const step = stepOf(lab(), 2, packetForm("unreachable"));
      let traps = 0;
      lab().install({ ingress: [step, NAT], trapped: () => ++traps % 2 === 0 });
      const verdicts = () =>
        lab()
          .sendAll(FRAMES)
          .map(({ verdict }) => verdict);
      expect(verdicts()).toEqual(["ABORTED", "PASS", "PASS", "PASS", "PASS"]);
      expect(verdicts()).toEqual(["ABORTED", "ABORTED", "PASS", "PASS", "PASS"]);
      expect(lab().runtime.tally(2)).toMatchObject({ runs: 3, verdicts: { ABORTED: 3, NEXT: 0 } });
    });

    test("another link of the same program is called all the same", () => {
      const step = stepOf(lab(), 2, packetForm("unreachable"));
      lab().install({ ingress: [step, NAT], egress: [{ ...step, link: 3 }], trapped: () => false });
      const [first, second] = lab().sendAll(FRAMES.slice(0, 2));
      expect(first).toMatchObject({ verdict: "ABORTED", conntrack: "none", programs: { link: 2 } });
      expect(second).toMatchObject({ verdict: "ABORTED", conntrack: "new", programs: { link: 3 } });
    });

    test("what it has done to the packet before is done, its reason too", () => {
      const body = `${setField(CTX_MARK, i32(8))} ${setField(CTX_REASON, i32(9))} unreachable`;
      lab().install({ ingress: [stepOf(lab(), 2, packetForm(body))] });
      expect(lab().send(REQUEST).programs).toEqual({
        link: 2,
        reason: 9,
        mark: 8,
        priority: 0,
        redirect: 0,
      });
    });

    test("behind service NAT its counters move, its traffic and its connection stay", () => {
      lab().install({ ingress: [NAT, stepOf(lab(), 2, packetForm("unreachable"))] });
      expect(lab().send(REQUEST)).toMatchObject({
        verdict: "ABORTED",
        reason: "trap",
        conntrack: "new",
        packet: wire(DELIVERED),
      });
      const { verdicts, actions } = lab().engine.counters();
      expect([verdicts.ABORTED, verdicts.PASS, actions.drop, actions.dnat]).toEqual([1, 0, 1, 0]);
      const backend = lab().backend("10.244.1.10");
      expect(lab().engine.traffic.backend(backend)).toMatchObject({ connections: 1, inPackets: 1 });
    });

    test("an entry that has no function is a trap", () => {
      const entry = lab().runtime.table.length;
      lab().runtime.table.grow(1);
      lab().install({ ingress: [{ kind: "program", link: 2, form: "packet", entry }] });
      expect(lab().send(REQUEST)).toMatchObject({ verdict: "ABORTED", reason: "trap" });
    });
  });
});

describe("in batch form", () => {
  eachLab((lab) => {
    test.each(cases)("$name: all that have no verdict yet are aborted", ({ trap }) => {
      const trapped: number[] = [];
      const drops = `(if (i32.eq ${SPORT} ${i32(UNLUCKY - 1)}) (then ${setField(CTX_ENDED, i32(2))}))`;
      const step = stepOf(
        lab(),
        2,
        forEach(`${setField(CTX_MARK, i32(7))} ${drops} ${unlucky(trap)}`),
      );
      lab().install({ ingress: [step, NAT], trapped: (link) => trapped.push(link) > 0 });
      const sent = lab().sendAll(FRAMES);
      expect(sent.map(({ verdict }) => verdict)).toEqual([
        "ABORTED",
        "DROP",
        "ABORTED",
        "ABORTED",
        "ABORTED",
      ]);
      expect(sent.map(({ reason }) => reason)).toEqual(["trap", "program", "trap", "trap", "trap"]);
      expect(sent.map(({ programs }) => programs?.mark)).toEqual([7, 7, 7, 0, 0]);
      expect(trapped).toEqual([2]);
      expect(lab().runtime.tally(2)).toMatchObject({ runs: 5, verdicts: { ABORTED: 4, DROP: 1 } });
      expect(lab().sendAll(FRAMES.slice(3))).toMatchObject([
        { action: "dnat" },
        { action: "dnat" },
      ]);
    });

    test("egress is skipped from then on when it is not to be called again", () => {
      const step = stepOf(lab(), 2, forEach(`${unlucky("unreachable")}`));
      lab().install({ egress: [step], trapped: () => false });
      expect(
        lab()
          .sendAll(FRAMES)
          .every(({ verdict }) => verdict === "ABORTED"),
      ).toBe(true);
      expect(
        lab()
          .sendAll(FRAMES.slice(0, 2))
          .every(({ verdict }) => verdict === "PASS"),
      ).toBe(true);
    });
  });
});
