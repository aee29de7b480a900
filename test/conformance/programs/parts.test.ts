/** Calls of more packets than a program is given at a time, and contexts that are made ready as the first link comes to them. */
import { describe, expect, test } from "vitest";
import {
  CONTEXTS_MAX,
  CTX_ENDED,
  CTX_MARK,
  CTX_PRIORITY,
  CTX_REASON,
  CTX_SLOT,
  CTX_TAIL,
} from "../../../abi/program.ts";
import { VERDICT_DROP, VERDICT_REDIRECT } from "../../../abi/verdict.ts";
import type { Step } from "../../../src/dataplane/runtime.ts";
import { REQUEST } from "../scene.ts";
import { eachLab, type Lab, NAT, wire } from "./lab.ts";
import { batchForm, field, forEach, i32, packetForm, setField } from "./wat.ts";

const NEXT = i32(-1);
const LENGTH = 2 * CONTEXTS_MAX + 88;
const FRAMES = Array.from({ length: LENGTH }, (_, index) => ({
  ...REQUEST,
  sport: 20_000 + index,
}));
const PARTS = [CONTEXTS_MAX, CONTEXTS_MAX, 88];
const ROOMY = { capacity: { batch: LENGTH, headroom: 64 } };
const UNKNOWN = { ...REQUEST, daddr: "10.96.99.99" };
const INPUT = { interface: 0, local: false, link: 0, mark: 0, priority: 0, backend: 0 };

/** Logs a number behind those that are there. */
function log(at: number, value: string): string {
  const length = `(i32.load ${i32(at)})`;
  return `(i32.store offset=4 (i32.add ${i32(at)} (i32.shl ${length} ${i32(2)})) ${value})
    (i32.store ${i32(at)} (i32.add ${length} ${i32(1)}))`;
}

function logged(lab: Lab, at: number): number[] {
  return Array.from({ length: lab.word(at) }, (_, index) => lab.word(at + 4 + 4 * index));
}

const countOf = (verdicts: readonly (string | null)[], name: string) =>
  verdicts.filter((verdict) => verdict === name).length;

describe("a batch form", () => {
  eachLab((lab) => {
    test("is given no more contexts at a time than it may be", () => {
      const at = lab().room(64);
      const counts = batchForm(log(at, "(local.get $count)"));
      lab().install({ ingress: [lab().step(2, counts), NAT, lab().step(3, counts)] });
      lab().sendAll(FRAMES);
      expect(logged(lab(), at)).toEqual([...PARTS, ...PARTS]);
      expect(lab().runtime.tally(2).runs).toBe(LENGTH);
    });

    test("is not called when nobody walks any more", () => {
      const at = lab().room(64);
      const drops = lab().step(2, packetForm(i32(VERDICT_DROP)));
      lab().install({ ingress: [drops, lab().step(3, batchForm(log(at, i32(1)))), NAT] });
      lab().sendAll(FRAMES);
      expect(logged(lab(), at)).toEqual([]);
    });

    /** Traps when it is given the second part. */
    const trapping = (at: number) =>
      batchForm(
        `${log(at, "(local.get $count)")} (if (i32.eq (i32.load ${i32(at)}) ${i32(2)}) (then unreachable))`,
      );

    test("that traps costs those that it was given", () => {
      const at = lab().room(64);
      lab().install({ ingress: [lab().step(2, trapping(at)), NAT], trapped: () => true });
      const sent = lab().sendAll(FRAMES);
      expect(logged(lab(), at)).toEqual(PARTS);
      const aborted = sent.flatMap(({ verdict }, index) => (verdict === "ABORTED" ? [index] : []));
      expect(aborted).toEqual(Array.from({ length: 256 }, (_, index) => CONTEXTS_MAX + index));
      expect(lab().runtime.tally(2)).toMatchObject({ runs: LENGTH, verdicts: { ABORTED: 256 } });
    });

    test("that is not to be called again after a trap misses those behind it", () => {
      const at = lab().room(64);
      lab().install({ ingress: [lab().step(2, trapping(at)), NAT], trapped: () => false });
      const sent = lab().sendAll(FRAMES);
      expect(logged(lab(), at)).toEqual(PARTS.slice(0, 2));
      expect(sent.slice(2 * CONTEXTS_MAX)).toMatchObject(
        Array.from({ length: 88 }, () => ({ verdict: "PASS", action: "dnat" })),
      );
      expect(lab().runtime.tally(2).runs).toBe(2 * CONTEXTS_MAX);
    });
  }, ROOMY);
});

describe("contexts", () => {
  eachLab((lab) => {
    /** What earlier packets could have left in them. */
    const litters = (): Step =>
      lab().step(
        9,
        forEach(
          `${setField(CTX_REASON, i32(5))} ${setField(CTX_ENDED, i32(VERDICT_REDIRECT + 1))} ${setField(CTX_PRIORITY, i32(6))}`,
        ),
      );
    /** Ends a packet whose context is not as it should be at the beginning. */
    const unclean = [CTX_MARK, CTX_REASON, CTX_ENDED, CTX_TAIL]
      .map(field)
      .reduce((all, each) => `(i32.or ${all} ${each})`);
    const checks = `(select ${i32(VERDICT_DROP)} ${NEXT} ${unclean})`;

    function litter(): void {
      lab().install({ ingress: [litters()] });
      lab().sendAll(FRAMES);
    }

    test("show nothing of packets before them", () => {
      litter();
      const at = lab().room(4 * LENGTH + 8);
      const body = `${log(at, field(CTX_SLOT))} ${checks}`;
      lab().install({ ingress: [lab().step(2, packetForm(body)), NAT] });
      const sent = lab().sendAll(FRAMES);
      expect(
        countOf(
          sent.map(({ verdict }) => verdict),
          "PASS",
        ),
      ).toBe(LENGTH);
      expect(logged(lab(), at)).toEqual(FRAMES.map((_, index) => index));
    });

    test("show nothing of them behind service NAT either", () => {
      litter();
      lab().install({ ingress: [NAT, lab().step(2, packetForm(checks))] });
      const sent = lab().sendAll(FRAMES);
      expect(
        countOf(
          sent.map(({ action }) => action),
          "dnat",
        ),
      ).toBe(LENGTH);
    });

    test.each(["ingress", "egress"] as const)(
      "stay with their packets when service NAT comes first and ends some, %s",
      (hook) => {
        litter();
        const frames = FRAMES.map((frame, index) =>
          index % 100 === 99 ? Uint8Array.of(1) : frame,
        );
        const marks = lab().step(2, packetForm(`${setField(CTX_MARK, field(CTX_SLOT))} ${NEXT}`));
        lab().install(
          hook === "egress" ? { ingress: [NAT], egress: [marks] } : { ingress: [NAT, marks] },
        );
        const sent = lab().sendAll(frames);
        expect(
          countOf(
            sent.map(({ verdict }) => verdict),
            "DROP",
          ),
        ).toBe(6);
        const own = (index: number) => (index % 100 === 99 ? 0 : index);
        expect(sent.map(({ programs }) => programs?.mark)).toEqual(
          FRAMES.map((_, index) => own(index)),
        );
      },
    );

    test("that a link has not come to, because it trapped, are as at the beginning", () => {
      litter();
      const trap = lab().step(2, packetForm(`unreachable`));
      lab().install({
        ingress: [trap, lab().step(3, packetForm(checks)), NAT],
        trapped: () => false,
      });
      const sent = lab().sendAll(FRAMES);
      expect(sent[0]).toMatchObject({ verdict: "ABORTED", reason: "trap" });
      expect(
        countOf(
          sent.map(({ action }) => action),
          "dnat",
        ),
      ).toBe(LENGTH - 1);
      expect(sent.at(-1)?.programs).toEqual({
        link: 0,
        reason: 0,
        mark: 0,
        priority: 0,
        redirect: 0,
      });
    });

    test("that nobody comes to say what was given", () => {
      litter();
      lab().install({ ingress: [] });
      const [sent] = lab().sendAll([UNKNOWN], { mark: 3, priority: 4 });
      expect(sent).toMatchObject({ verdict: "PASS", packet: wire(UNKNOWN) });
      expect(sent?.programs).toEqual({ link: 0, reason: 0, mark: 3, priority: 4, redirect: 0 });
    });
  }, ROOMY);
});

describe("frames that were committed before chains changed", () => {
  eachLab((lab) => {
    const frame = Buffer.from(wire(REQUEST), "hex");
    const commit = (mark: number) => {
      const { batch } = lab().engine;
      batch.memory.set(frame, batch.frameAt(batch.length));
      batch.commit(frame.length, { ...INPUT, mark, wireLength: frame.length });
    };
    const adds = () =>
      lab().step(
        2,
        packetForm(`${setField(CTX_MARK, `(i32.add ${field(CTX_MARK)} ${i32(100)})`)} ${NEXT}`),
      );
    const outcomes = (count: number) =>
      Array.from({ length: count }, (_, index) => lab().engine.batch.outcome(index));
    const packets = (count: number) =>
      Array.from({ length: count }, (_, index) =>
        Buffer.from(lab().engine.batch.packet(index)).toString("hex"),
      );

    test("walk with their marks", () => {
      lab().engine.batch.clear();
      for (const mark of [1, 0, 2]) commit(mark);
      lab().install({ ingress: [adds(), NAT] });
      expect(packets(3)).toEqual([wire(REQUEST), wire(REQUEST), wire(REQUEST)]);
      commit(3);
      lab().engine.batch.process(0);
      expect(outcomes(4).map(({ programs }) => programs?.mark)).toEqual([101, 100, 102, 103]);
    });

    test("go past chains that are gone", () => {
      lab().install({ ingress: [adds(), NAT] });
      lab().engine.batch.clear();
      for (const mark of [1, 0]) commit(mark);
      lab().install({ ingress: [NAT] });
      commit(2);
      expect(packets(3)).toEqual([wire(REQUEST), wire(REQUEST), wire(REQUEST)]);
      lab().engine.batch.process(0);
      expect(outcomes(3)).toMatchObject([{ verdict: 2 }, { verdict: 2 }, { verdict: 2 }]);
      expect(outcomes(3).map(({ programs }) => programs)).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      expect(new Set(packets(3)).size).toBe(1);
      expect(packets(1)).not.toEqual([wire(REQUEST)]);
    });

    test("keep the outcomes of those before them", () => {
      lab().engine.batch.clear();
      commit(1);
      lab().engine.batch.process(0);
      lab().install({ ingress: [adds(), NAT] });
      commit(2);
      lab().engine.batch.process(1);
      lab().install({ ingress: [NAT] });
      commit(3);
      lab().engine.batch.process(2);
      expect(outcomes(3).map(({ programs }) => programs?.mark)).toEqual([
        undefined,
        102,
        undefined,
      ]);
      expect(outcomes(3)).toMatchObject([{ verdict: 2 }, { verdict: 2 }, { verdict: 2 }]);
    });
  });
});
