/** What helpers do to frames and numbers, to the byte. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CTX_ENDED, CTX_WIRE_LENGTH, EINVAL } from "../../../abi/program.ts";
import { xorshift32 } from "../../../src/model/random.ts";
import { build, portUnreachable } from "../frame.ts";
import { DELIVERED, NODE_IPV4, NODE_IPV6, REQUEST, REQUEST_IPV6 } from "../scene.ts";
import { eachLab, hex, type Lab, NAT, wire } from "./lab.ts";
import { ctx, field, forEach, HELPER_NAMES, i32, note, packetForm } from "./wat.ts";

const NEXT = -1;
const FRAME = build(REQUEST);
const { length } = FRAME;
/** Of a lab. */
const [HEADROOM, SLOT, JUMBO] = [256, 1984, 262144];
const VACANT = { ...REQUEST, daddr: "10.96.0.40" };
const VACANT_IPV6 = { ...REQUEST_IPV6, daddr: "fd00:96::40" };
/** What is kept free for a reject. */
const RESERVE = 64;

/** Runs a program with one frame, and returns the word that it has noted. */
function resultOf(lab: Lab, call: string): number {
  const at = lab.room(4);
  lab.install({ ingress: [lab.step(2, packetForm(`${note(at, call)} ${i32(NEXT)}`))] });
  lab.send(REQUEST);
  return lab.word(at) | 0;
}

describe("the list of helpers", () => {
  eachLab((lab) => {
    test("is what the ABI says", () => {
      expect(Object.keys(lab().runtime.helpers).sort()).toEqual([...HELPER_NAMES].sort());
    });
  });
});

/** from, to, seed, and what Linux 6.18 on x86-64 makes of them. */
type Row = readonly [from: string, to: string, seed: number, result: number];
const TABLE = JSON.parse(
  readFileSync(new URL("csum-diff.json", import.meta.url), "utf8"),
) as readonly Row[];

describe("csum_diff", () => {
  eachLab((lab) => {
    const call = (from: number, fromSize: number, to: number, toSize: number, seed: number) =>
      `(call $csum_diff ${[from, fromSize, to, toSize, seed].map(i32).join(" ")})`;

    test("is what the kernel says", () => {
      const [at, out] = [lab().room(512), lab().room(4)];
      const memory = new Uint8Array(lab().runtime.memory.buffer);
      const results = TABLE.map(([from, to, seed]) => {
        memory.set(Buffer.from(from, "hex"), at);
        memory.set(Buffer.from(to, "hex"), at + 256);
        const sum = call(at, from.length / 2, at + 256, to.length / 2, seed);
        lab().install({ ingress: [lab().step(2, packetForm(`${note(out, sum)} ${i32(NEXT)}`))] });
        lab().send(REQUEST);
        return [from, to, seed, lab().word(out)];
      });
      expect(results).toEqual(TABLE);
    });

    test("looks at no pointer to nothing", () => {
      expect(resultOf(lab(), call(-1, 0, -4, 0, 0x10002))).toBe(3);
    });
  });
});

describe("adjust_head", () => {
  eachLab((lab) => {
    const moving = (delta: number) => `(call $adjust_head ${ctx} ${i32(delta)})`;
    /** Moves the head, then writes `byte` wherever data begins now. */
    const step = (link: number, delta: number, at: number) =>
      lab().step(link, packetForm(`${note(at, moving(delta))} ${i32(NEXT)}`));

    test.each([-1, -8, -(HEADROOM - RESERVE)])("puts %i bytes in front, zeroed", (delta) => {
      const at = lab().room(4);
      lab().install({ ingress: [step(2, delta, at)] });
      for (const sent of [lab().send(FRAME), lab().sendAll([FRAME])[0]!]) {
        expect(sent.packet).toBe("00".repeat(-delta) + hex(FRAME));
        expect(lab().word(at)).toBe(0);
      }
    });

    test.each([1, 14, length - 14])("takes %i bytes away", (delta) => {
      const at = lab().room(4);
      lab().install({ ingress: [step(2, delta, at)] });
      expect(lab().send(FRAME).packet).toBe(hex(FRAME.subarray(delta)));
    });

    test.each([length - 13, length, 0x7fffffff, -(HEADROOM - RESERVE) - 1, -0x80000000])(
      "refuses %i, and nothing has changed",
      (delta) => {
        expect(resultOf(lab(), moving(delta))).toBe(-EINVAL);
        const at = lab().room(4);
        lab().install({ ingress: [step(2, delta, at)] });
        expect(lab().send(FRAME).packet).toBe(hex(FRAME));
      },
    );

    test("has the whole headroom behind service NAT and on egress", () => {
      const [at, again] = [lab().room(4), lab().room(4)];
      const all = -HEADROOM;
      lab().install({ ingress: [NAT, step(2, all, at)], egress: [step(3, -1, again)] });
      expect(lab().sendAll([REQUEST])[0]?.packet).toBe("00".repeat(HEADROOM) + wire(DELIVERED));
      expect([at, again].map((each) => lab().word(each) | 0)).toEqual([0, -EINVAL]);
      lab().install({ ingress: [], egress: [step(2, all, at)] });
      expect(lab().send(REQUEST).packet).toBe("00".repeat(HEADROOM) + wire(REQUEST));
    });

    test("goes there and back again", () => {
      const there = `(drop ${moving(-20)}) (i64.store (i32.load ${ctx}) (i64.const -1)) (drop ${moving(20)})`;
      lab().install({
        ingress: [lab().step(2, packetForm(`${there} (drop ${moving(-20)}) ${i32(NEXT)}`))],
      });
      expect(lab().send(FRAME).packet).toBe("00".repeat(20) + hex(FRAME));
    });

    test("leaves what service NAT reads: a header that was pulled off", () => {
      const at = lab().room(4);
      lab().install({ ingress: [step(2, 20, at), NAT] });
      const wrapped = new Uint8Array([...new Uint8Array(20), ...FRAME]);
      expect(lab().send(wrapped)).toMatchObject({ action: "dnat", packet: wire(DELIVERED) });
      expect(lab().sendAll([wrapped])[0]).toMatchObject({
        action: "dnat",
        packet: wire(DELIVERED),
      });
    });

    test.each([VACANT, VACANT_IPV6])("leaves a reject the room it needs: $daddr", (vacant) => {
      const front = HEADROOM - RESERVE;
      const moved = `(drop ${moving(-front)})
        (memory.copy ${field(0)} (i32.add ${field(0)} ${i32(front)}) ${i32(build(vacant).length)})
        (drop (call $adjust_tail ${ctx} ${i32(-front)})) ${i32(NEXT)}`;
      const at = lab().room(8);
      const left = RESERVE - (vacant === VACANT ? 28 : 48);
      const moves = (delta: number) => `(call $adjust_head ${ctx} ${i32(delta)})`;
      const looks = `${note(at + 4, field(CTX_WIRE_LENGTH))}
        ${note(at, `(i32.sub ${moves(-left)} ${moves(-1)})`)} (drop ${moves(left)}) ${i32(NEXT)}`;
      lab().install({
        ingress: [lab().step(2, packetForm(moved)), NAT],
        egress: [lab().step(3, packetForm(looks))],
      });
      const source = vacant === VACANT ? NODE_IPV4 : NODE_IPV6;
      const answer = hex(portUnreachable(vacant, { source }));
      for (const sent of [lab().send(vacant), lab().sendAll([vacant])[0]!]) {
        expect(sent).toMatchObject({ verdict: "TX", action: "reject", packet: answer });
        expect(lab().word(at + 4)).toBe(answer.length / 2);
        expect(lab().word(at)).toBe(EINVAL);
      }
    });

    test("is refused for a frame that is too short already", () => {
      const at = lab().room(4);
      lab().install({ ingress: [step(2, 0, at)] });
      for (const [size, result] of [
        [13, -EINVAL],
        [14, 0],
        [0, -EINVAL],
      ] as const) {
        lab().send(FRAME.subarray(0, size));
        expect(lab().word(at) | 0).toBe(result);
      }
    });
  });
});

describe("adjust_tail", () => {
  eachLab((lab) => {
    const moving = (delta: number) => `(call $adjust_tail ${ctx} ${i32(delta)})`;
    const program = (delta: number) => packetForm(`(drop ${moving(delta)}) ${i32(NEXT)}`);

    test.each([1, 7, 100, SLOT - length])("adds %i bytes, zeroed, in a batch", (delta) => {
      lab().install({ ingress: [lab().step(2, program(delta))] });
      // A longer frame before it leaves its bytes behind.
      lab().sendAll([new Uint8Array(SLOT).fill(0xee)]);
      expect(lab().sendAll([FRAME])[0]?.packet).toBe(hex(FRAME) + "00".repeat(delta));
    });

    test("fills the slot that takes any size", () => {
      lab().install({ ingress: [lab().step(2, program(JUMBO - length))] });
      const { packet } = lab().send(FRAME);
      expect(packet.length).toBe(JUMBO * 2);
      expect(packet.startsWith(hex(FRAME))).toBe(true);
    });

    test.each([-1, -(length - 14)])("takes %i bytes away", (delta) => {
      lab().install({ ingress: [lab().step(2, program(delta))] });
      expect(lab().send(FRAME).packet).toBe(hex(FRAME.subarray(0, length + delta)));
    });

    test.each([SLOT - length + 1, 0x7fffffff, -(length - 13), -0x80000000])(
      "refuses %i in a batch, and nothing has changed",
      (delta) => {
        const at = lab().room(4);
        lab().install({
          ingress: [lab().step(2, packetForm(`${note(at, moving(delta))} ${i32(NEXT)}`))],
        });
        expect(lab().sendAll([FRAME])[0]?.packet).toBe(hex(FRAME));
        expect(lab().word(at) | 0).toBe(-EINVAL);
      },
    );

    test("refuses one byte more than the slot that takes any size has", () => {
      expect(resultOf(lab(), moving(JUMBO - length + 1))).toBe(-EINVAL);
    });

    test("moves the length on the wire along, and so does the head", () => {
      const at = lab().room(12);
      const wireNow = field(CTX_WIRE_LENGTH);
      const body = `(drop ${moving(5)}) ${note(at, wireNow)}
        (drop (call $adjust_head ${ctx} ${i32(-9)})) ${note(at + 4, wireNow)}
        (drop (call $adjust_head ${ctx} ${i32(20)})) ${note(at + 8, wireNow)} ${i32(NEXT)}`;
      lab().install({ ingress: [lab().step(2, packetForm(body))] });
      lab().send(FRAME, { wireLength: 1000 });
      expect([0, 4, 8].map((offset) => lab().word(at + offset))).toEqual([1005, 1014, 994]);
    });
  });
});

describe("redirect", () => {
  eachLab((lab) => {
    const program = (row: number) => packetForm(`(call $redirect ${ctx} ${i32(row)})`);

    test.each([1, 7, 256])("leaves by row %i", (row) => {
      lab().install({ ingress: [NAT], egress: [lab().step(2, program(row))] });
      expect(lab().send(REQUEST)).toMatchObject({
        verdict: "REDIRECT",
        action: "dnat",
        programs: { link: 2, redirect: row },
        packet: wire(DELIVERED),
      });
    });

    test.each([0, 257, -1, -0x80000000])("knows no row %i", (row) => {
      lab().install({ ingress: [lab().step(2, program(row))] });
      expect(lab().send(REQUEST)).toMatchObject({
        verdict: "ABORTED",
        reason: "program",
        programs: { link: 2, redirect: 0 },
      });
    });

    test("says nothing of a packet that is sent elsewhere", () => {
      const both = packetForm(`(drop (call $redirect ${ctx} ${i32(3)})) ${i32(3)}`);
      lab().install({ ingress: [lab().step(2, both)] });
      expect(lab().send(REQUEST)).toMatchObject({ verdict: "TX", programs: { redirect: 0 } });
    });

    test("works from the batch form", () => {
      const both = forEach(
        `(i32.store offset=${CTX_ENDED} ${ctx} (i32.add (call $redirect ${ctx} ${i32(3)}) ${i32(1)}))`,
      );
      lab().install({ ingress: [lab().step(2, both)] });
      expect(
        lab()
          .sendAll([REQUEST, REQUEST])
          .map(({ programs }) => programs?.redirect),
      ).toEqual([3, 3]);
    });
  });
});

describe("time, cpu and random", () => {
  eachLab(
    (lab) => {
      const clock = (at: number) =>
        lab().step(
          2,
          packetForm(
            `(i64.store ${i32(at)} (call $time)) (i32.store offset=8 ${i32(at)} (call $cpu)) ${i32(NEXT)}`,
          ),
        );
      const timeAt = (at: number) =>
        new DataView(lab().runtime.memory.buffer).getBigUint64(at, true);

      test("are those of the call", () => {
        const at = lab().room(16);
        lab().install({ ingress: [clock(at)] });
        for (const [now, cpu] of [
          [0, 0],
          [1.5, 1],
          [86_400_000_000, 0],
        ] as const) {
          lab().at(now, cpu);
          lab().send(REQUEST);
          expect([timeAt(at), lab().word(at + 8)]).toEqual([BigInt(now * 1e6), cpu]);
        }
      });

      test("chance is the generator's, and not the packet path's", () => {
        const at = lab().room(12);
        const draws = [0, 4, 8].map((offset) => note(at + offset, "(call $random)")).join(" ");
        lab().install({ ingress: [lab().step(2, packetForm(`${draws} ${i32(NEXT)}`)), NAT] });
        const { random } = lab().runtime;
        lab().send(REQUEST);
        const expected = [random];
        for (let draw = 0; draw < 3; draw++) expected.push(xorshift32(expected[draw]!));
        expect([0, 4, 8].map((offset) => lab().word(at + offset))).toEqual(expected.slice(1));
        expect(lab().runtime.random).toBe(expected[3]);
        lab().runtime.random = random;
        lab().send(REQUEST);
        expect(lab().word(at)).toBe(expected[1]);
      });
    },
    { capacity: { cpus: 2 } },
  );
});
