/** Programs that hand a packet on to others: bpf_tail_call, its limit, and what it is refused for. */
import { describe, expect, test } from "vitest";
import {
  CTX_MARK,
  MAP_TYPE_ARRAY,
  MAP_TYPE_PROG_ARRAY,
  TAIL_CALLS_MAX,
} from "../../../abi/program.ts";
import type { ByteMap } from "../../../src/dataplane/runtime.ts";
import { DELIVERED, REQUEST } from "../scene.ts";
import { eachLab, NAT, wire } from "./lab.ts";
import { ctx, field, forEach, i32, note, packetForm, setField } from "./wat.ts";

const [NEXT, TAIL_CALL, DROP, TX] = [-1, -2, 1, 3];

function word(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

describe("tail calls", () => {
  eachLab((lab) => {
    let programs: ByteMap;
    const array = () => {
      programs = lab().map({ type: MAP_TYPE_PROG_ARRAY, maxEntries: 8 });
      return programs.handle;
    };
    const put = (index: number, text: string) => {
      expect(programs.update(word(index), word(lab().load(text) + 1), 0)).toBe(0);
    };
    const call = (map: number, index: number) =>
      `(call $tail_call ${ctx} ${i32(map)} ${i32(index)})`;
    /** Hands over if it can, and says `otherwise` if it cannot. */
    const handOver = (map: number, index: number, otherwise: number) =>
      `(if (result i32) ${call(map, index)} (then ${i32(TAIL_CALL)}) (else ${i32(otherwise)}))`;
    const addToMark = (value: number) =>
      setField(CTX_MARK, `(i32.add ${field(CTX_MARK)} ${i32(value)})`);

    test("the walk goes on in the program that was called, and its word counts", () => {
      const map = array();
      put(3, packetForm(`${addToMark(10)} ${i32(TX)}`));
      const caller = packetForm(`${addToMark(1)} ${handOver(map, 3, DROP)}`);
      lab().install({ ingress: [NAT, lab().step(2, caller)] });
      expect(lab().send(REQUEST)).toMatchObject({
        verdict: "TX",
        action: "dnat",
        programs: { link: 2, mark: 11 },
        packet: wire(DELIVERED),
      });
      expect(lab().runtime.tally(2)).toMatchObject({ runs: 2, verdicts: { TX: 1, NEXT: 0 } });
    });

    test("a program that calls itself does so 33 times, in every packet anew", () => {
      const map = array();
      const body = `${addToMark(1)} ${handOver(map, 0, NEXT)}`;
      put(0, packetForm(body));
      lab().install({ ingress: [lab().step(2, packetForm(body)), NAT] });
      const marks = lab()
        .sendAll([REQUEST, REQUEST])
        .map(({ programs }) => programs?.mark);
      expect(marks).toEqual([TAIL_CALLS_MAX + 1, TAIL_CALLS_MAX + 1]);
      expect(lab().runtime.tally(2)).toMatchObject({
        runs: 2 * (TAIL_CALLS_MAX + 1),
        verdicts: { NEXT: 2 },
      });
    });

    test("each link has its own 33", () => {
      const map = array();
      const body = `${addToMark(1)} ${handOver(map, 0, NEXT)}`;
      put(0, packetForm(body));
      lab().install({
        ingress: [lab().step(2, packetForm(body)), lab().step(3, packetForm(body))],
      });
      expect(lab().send(REQUEST).programs?.mark).toBe(2 * (TAIL_CALLS_MAX + 1));
    });

    test("one that was asked for and not taken counts for nothing", () => {
      const map = array();
      put(0, packetForm(`${addToMark(100)} ${i32(NEXT)}`));
      const asks = `(loop $again (drop ${call(map, 0)})
        (local.set $a (i32.add (local.get $a) ${i32(1)}))
        (br_if $again (i32.lt_u (local.get $a) ${i32(50)})))`;
      lab().install({ ingress: [lab().step(2, packetForm(`${asks} ${i32(NEXT)}`))] });
      expect(lab().send(REQUEST).programs?.mark).toBe(0);
      lab().install({ ingress: [lab().step(2, packetForm(`${asks} ${i32(TAIL_CALL)}`))] });
      expect(lab().send(REQUEST).programs?.mark).toBe(100);
    });

    test("TAIL_CALL without one is NEXT, whatever the link before has left", () => {
      const map = array();
      put(0, packetForm(i32(DROP)));
      const asks = lab().step(2, packetForm(`(drop ${call(map, 0)}) ${i32(NEXT)}`));
      lab().install({ ingress: [asks, lab().step(3, packetForm(i32(TAIL_CALL))), NAT] });
      expect(lab().send(REQUEST)).toMatchObject({ verdict: "PASS", action: "dnat" });
      expect(lab().runtime.tally(3).verdicts.NEXT).toBe(1);
    });

    test("the callee is asked once: TAIL_CALL of its own needs a call of its own", () => {
      const map = array();
      put(0, packetForm(`${addToMark(10)} ${i32(TAIL_CALL)}`));
      lab().install({ ingress: [lab().step(2, packetForm(handOver(map, 0, DROP)))] });
      expect(lab().send(REQUEST)).toMatchObject({ verdict: "PASS", programs: { mark: 10 } });
    });

    test("a place that is empty, too high or deleted again cannot be called", () => {
      const map = array();
      put(2, packetForm(i32(TX)));
      expect(programs.remove(word(2))).toBe(0);
      for (const index of [0, 2, 7, 8, -1]) {
        lab().install({ ingress: [lab().step(2, packetForm(handOver(map, index, DROP)))] });
        expect(lab().send(REQUEST).verdict).toBe("DROP");
      }
    });

    test("what is no prog_array cannot be called", () => {
      const other = lab().map({ type: MAP_TYPE_ARRAY });
      other.update(word(0), word(1), 0);
      for (const map of [other.handle, other.handle + 4, 0, -64]) {
        lab().install({ ingress: [lab().step(2, packetForm(handOver(map, 0, DROP)))] });
        expect(lab().send(REQUEST)).toMatchObject({ verdict: "DROP", reason: "program" });
      }
    });

    test("programs see no program in a prog_array, and put none there", () => {
      const map = array();
      put(0, packetForm(i32(DROP)));
      const [at, key] = [lab().room(12), lab().room(4)];
      const body = `${note(at, `(call $map_lookup ${i32(map)} ${i32(key)})`)}
        ${note(at + 4, `(call $map_update ${i32(map)} ${i32(key)} ${i32(key)} ${i32(0)})`)}
        ${note(at + 8, `(call $map_delete ${i32(map)} ${i32(key)})`)} ${i32(NEXT)}`;
      lab().install({ ingress: [lab().step(2, packetForm(body))] });
      lab().send(REQUEST);
      expect([0, 4].map((offset) => lab().word(at + offset) | 0)).toEqual([0, -22]);
    });

    test("there are none in batch form", () => {
      const map = array();
      put(0, packetForm(i32(DROP)));
      const at = lab().room(4);
      const asks = forEach(`${note(at, `(i32.add ${call(map, 0)} ${i32(5)})`)}`);
      lab().install({ ingress: [lab().step(2, asks)] });
      expect(lab().send(REQUEST)).toMatchObject({ verdict: "PASS", programs: { link: 0 } });
      expect(lab().word(at)).toBe(5);
    });

    test("a callee that traps has trapped the link", () => {
      const map = array();
      put(0, packetForm("unreachable"));
      lab().install({ ingress: [lab().step(2, packetForm(handOver(map, 0, DROP)))] });
      expect(lab().send(REQUEST)).toMatchObject({
        verdict: "ABORTED",
        reason: "trap",
        programs: { link: 2 },
      });
      expect(lab().runtime.tally(2)).toMatchObject({ runs: 2, verdicts: { ABORTED: 1 } });
    });
  });
});
