/** Fragments that service NAT has held and lets go, and packets that it rejects, on their way through programs. */
import { describe, expect, test } from "vitest";
import {
  CTX_BACKEND,
  CTX_DATA,
  CTX_DATA_END,
  CTX_ENDED,
  CTX_INTERFACE,
  CTX_LENGTH,
  CTX_MARK,
  CTX_OUTCOME,
  CTX_PRIORITY,
  CTX_REASON,
  CTX_SERVICE,
  CTX_WIRE_LENGTH,
  EINVAL,
} from "../../../abi/program.ts";
import { type Frame, portUnreachable } from "../frame.ts";
import { pieces } from "../pieces.ts";
import { DELIVERED, NODE_IPV4, REQUEST } from "../scene.ts";
import { eachLab, hex, type Lab, NAT, wire } from "./lab.ts";
import { ctx, field, forEach, i32, note, packetForm, setField } from "./wat.ts";

const NEXT = -1;
const SENT: Frame = { ...REQUEST, proto: "udp", payload: new Uint8Array(40).fill(7) };
const THERE: Frame = { ...SENT, daddr: DELIVERED.daddr, dport: DELIVERED.dport! };
const CUTS = [16, 32];
const [FIRST, MIDDLE, LAST] = pieces(SENT, ...CUTS) as [Uint8Array, Uint8Array, Uint8Array];
const OUT = pieces(THERE, ...CUTS).map(hex);
const NONE = { link: 0, reason: 0, mark: 0, priority: 0, redirect: 0 };
const GIVEN = { mark: 5, priority: 6, interface: 3, local: true };

const marks = (lab: Lab, link: number) =>
  lab.step(
    link,
    packetForm(`${setField(CTX_MARK, `(i32.add ${field(CTX_MARK)} ${i32(100)})`)} ${i32(NEXT)}`),
  );

describe("released fragments", () => {
  eachLab((lab) => {
    const both = [
      [
        "one by one",
        (frames: readonly Uint8Array[]) => frames.map((frame) => lab().send(frame, GIVEN)),
      ],
      ["in a batch", (frames: readonly Uint8Array[]) => lab().sendAll(frames, GIVEN)],
    ] as const;

    test.each(both)("walk behind all packets, from service NAT on: %s", (_, send) => {
      lab().install({
        ingress: [marks(lab(), 2), NAT, marks(lab(), 3)],
        egress: [marks(lab(), 4)],
      });
      const [held, alsoHeld, first] = send([LAST, MIDDLE, FIRST]);
      for (const sent of [held, alsoHeld]) {
        expect(sent).toMatchObject({
          verdict: "DROP",
          action: "hold",
          programs: { ...NONE, mark: 105, priority: 6 },
        });
      }
      expect(first).toMatchObject({
        verdict: "PASS",
        packet: OUT[0],
        programs: { mark: 305, priority: 6 },
      });
      expect(first?.released).toMatchObject([
        {
          verdict: "PASS",
          action: "dnat",
          conntrack: "established",
          packet: OUT[2],
          programs: { ...NONE, mark: 200 },
        },
        {
          verdict: "PASS",
          action: "dnat",
          conntrack: "established",
          packet: OUT[1],
          programs: { ...NONE, mark: 200 },
        },
      ]);
      expect([2, 3, 4].map((link) => lab().runtime.tally(link).runs)).toEqual([3, 3, 3]);
      expect(lab().runtime.tally(1)).toMatchObject({ runs: 3, verdicts: { DROP: 2, NEXT: 1 } });
      const { packets, verdicts, fragments } = lab().engine.counters();
      expect([packets, verdicts.PASS, verdicts.DROP]).toEqual([3, 1, 2]);
      expect(fragments).toEqual({ held: 2, released: 2, discarded: 0 });
    });

    test("come behind the packets of the batch that were behind their own", () => {
      const order = lab().room(16);
      const log = packetForm(
        `(i32.store8 (i32.add ${i32(order)} (i32.load8_u ${i32(order)})) (i32.load8_u offset=21 (i32.load ${ctx})))
         (i32.store8 ${i32(order)} (i32.add (i32.load8_u ${i32(order)}) ${i32(1)})) ${i32(NEXT)}`,
      );
      lab().install({});
      lab().send(LAST);
      new Uint8Array(lab().runtime.memory.buffer)[order] = 1;
      lab().install({ ingress: [NAT], egress: [lab().step(2, log)] });
      lab().sendAll([FIRST, REQUEST, MIDDLE]);
      // Byte 21 of a frame is the low one of the fragment offset.
      expect([...lab().bytes(order + 1, 4)]).toEqual([0, 0, 2, 4]);
    });

    test("have a context of their own: no room around them, nothing noted", () => {
      const at = lab().room(64);
      const looks = packetForm(
        `(if (i32.eqz ${field(CTX_PRIORITY)}) (then (memory.copy ${i32(at)} ${ctx} ${i32(64)})
          ${setField(CTX_PRIORITY, i32(1))}
          ${setField(CTX_REASON, `(i32.sub ${i32(0)} (i32.add (call $adjust_head ${ctx} ${i32(-1)}) (call $adjust_tail ${ctx} ${i32(1)})))`)}
          (i32.store offset=${CTX_REASON} ${i32(at)} ${field(CTX_REASON)})))
         ${i32(NEXT)}`,
      );
      lab().install({ ingress: [NAT, lab().step(2, looks)] });
      for (const piece of [LAST, FIRST]) lab().send(piece, GIVEN);
      const word = (offset: number) => lab().word(at + offset);
      const backend = lab().backend("10.244.1.10", "udp");
      const fields = [CTX_INTERFACE, CTX_MARK, CTX_PRIORITY, CTX_SERVICE, CTX_BACKEND, CTX_ENDED];
      expect([...fields, CTX_REASON].map(word)).toEqual([
        0x00010003,
        0,
        0,
        0,
        backend,
        0,
        2 * EINVAL,
      ]);
      const between = word(CTX_DATA_END) - word(CTX_DATA);
      expect([word(CTX_LENGTH), between, word(CTX_WIRE_LENGTH)]).toEqual(
        Array(3).fill(LAST.length),
      );
      expect(word(CTX_OUTCOME)).toBe(2 | (1 << 8) | (2 << 24));
    });

    test("may be changed, shortened, redirected and dropped, each for itself", () => {
      const sorts = packetForm(
        `(if (result i32) ${field(CTX_MARK)} (then ${i32(NEXT)})
          (else (if (result i32) (i32.eq (i32.load8_u offset=21 (i32.load ${ctx})) ${i32(4)})
            (then ${setField(CTX_REASON, i32(9))} ${i32(1)})
            (else (drop (call $adjust_tail ${ctx} ${i32(-2)})) (call $redirect ${ctx} ${i32(2)})))))`,
      );
      lab().install({ ingress: [NAT, lab().step(2, sorts)], egress: [marks(lab(), 3)] });
      const [, , first] = lab().sendAll([LAST, MIDDLE, FIRST], GIVEN);
      expect(first).toMatchObject({ verdict: "PASS", packet: OUT[0] });
      expect(first?.released).toMatchObject([
        {
          by: 2,
          verdict: "DROP",
          action: "drop",
          reason: "program",
          conntrack: "established",
          programs: { link: 2, reason: 9 },
        },
        {
          by: 2,
          verdict: "REDIRECT",
          action: "dnat",
          reason: null,
          packet: OUT[1]?.slice(0, -4),
          programs: { link: 2, redirect: 2, mark: 100 },
        },
      ]);
      const { verdicts, packets } = lab().engine.counters();
      expect([packets, verdicts.PASS, verdicts.DROP, verdicts.REDIRECT]).toEqual([3, 1, 2, 0]);
    });

    test("leave even if the packet that let them go is dropped", () => {
      const drops = packetForm(`(select ${i32(1)} ${i32(NEXT)} ${field(CTX_MARK)})`);
      lab().install({ ingress: [NAT, lab().step(2, drops)] });
      const [, first] = lab().sendAll([LAST, FIRST], GIVEN);
      expect(first).toMatchObject({ verdict: "DROP", programs: { link: 2 } });
      expect(first?.released).toMatchObject([{ verdict: "PASS", packet: OUT[2], programs: NONE }]);
    });

    test("are aborted by a trap like others", () => {
      const traps = forEach(`(if (i32.eqz ${field(CTX_MARK)}) (then unreachable))`);
      lab().install({ ingress: [NAT], egress: [lab().step(2, traps)] });
      const [, first] = lab().sendAll([LAST, FIRST], GIVEN);
      expect(first).toMatchObject({ verdict: "ABORTED", reason: "trap" });
      expect(first?.released).toMatchObject([
        { verdict: "ABORTED", action: "drop", reason: "trap", programs: { link: 2 } },
      ]);
      expect(lab().engine.counters().reasons.trap).toBe(1);
    });

    test("nobody waits when programs end the fragments before service NAT", () => {
      lab().install({ ingress: [lab().step(2, packetForm(i32(2))), NAT] });
      const sent = lab().sendAll([LAST, MIDDLE, FIRST]);
      expect(sent.map(({ packet }) => packet)).toEqual([LAST, MIDDLE, FIRST].map(hex));
      expect(lab().engine.counters().fragments).toEqual({ held: 0, released: 0, discarded: 0 });
    });
  });
});

describe("rejects", () => {
  eachLab((lab) => {
    const vacant = { ...REQUEST, daddr: "10.96.0.40" };
    const answer = hex(portUnreachable(vacant, { source: NODE_IPV4 }));

    test("end ingress at service NAT, and are egress's to see", () => {
      lab().install({ ingress: [NAT, marks(lab(), 2)], egress: [marks(lab(), 3)] });
      expect(lab().send(vacant)).toMatchObject({
        verdict: "TX",
        action: "reject",
        reason: "no-endpoints",
        packet: answer,
        programs: { ...NONE, mark: 100 },
      });
      expect(lab().runtime.tally(2).runs).toBe(0);
    });

    test("may be dropped on the way out; what service NAT has said is gone but for the service", () => {
      lab().install({ egress: [lab().step(2, packetForm(i32(1)))] });
      expect(lab().send(vacant)).toMatchObject({
        verdict: "DROP",
        action: "drop",
        reason: "program",
        conntrack: "new",
        service: lab().service("10.96.0.40"),
        programs: { link: 2 },
      });
      const { verdicts, actions, reasons } = lab().engine.counters();
      expect([verdicts.TX, verdicts.DROP, actions.reject, actions.drop]).toEqual([0, 1, 0, 1]);
      expect([reasons["no-endpoints"], reasons.program]).toEqual([0, 1]);
      expect(lab().engine.traffic.service(lab().service("10.96.0.40"))).toEqual({
        rejected: 1,
        dropped: 0,
      });
    });

    test("PASS on egress leaves them what they are", () => {
      lab().install({ egress: [lab().step(2, packetForm(i32(2)))] });
      expect(lab().send(vacant)).toMatchObject({
        verdict: "TX",
        action: "reject",
        packet: answer,
        programs: NONE,
      });
    });

    test("may be wrapped: there is headroom in front of them", () => {
      const at = lab().room(4);
      const wraps = packetForm(
        `${note(at, `(call $adjust_head ${ctx} ${i32(28 - 256)})`)} ${i32(NEXT)}`,
      );
      lab().install({ egress: [lab().step(2, wraps)] });
      const [sent] = lab().sendAll([vacant]);
      expect(sent?.packet).toBe("00".repeat(228) + answer);
      expect(lab().word(at)).toBe(0);
    });

    test("a packet that a program sends back unanswered is none", () => {
      lab().install({ ingress: [lab().step(2, packetForm(i32(3))), NAT] });
      expect(lab().send(vacant)).toMatchObject({
        verdict: "TX",
        action: "pass",
        packet: wire(vacant),
      });
    });
  });
});
