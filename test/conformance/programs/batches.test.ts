/** Many packets in one call: what batches of frames and programs in batch form have in common with single ones. */
import { describe, expect, test } from "vitest";
import {
  CTX_BACKEND,
  CTX_DATA,
  CTX_DATA_END,
  CTX_ENDED,
  CTX_INTERFACE,
  CTX_LENGTH,
  CTX_MARK,
  CTX_OUT,
  CTX_OUTCOME,
  CTX_PRIORITY,
  CTX_REASON,
  CTX_REDIRECT,
  CTX_SERVICE,
  CTX_SLOT,
  CTX_TAIL,
  CTX_WIRE_LENGTH,
} from "../../../abi/program.ts";
import { DELIVERED, REQUEST } from "../scene.ts";
import { eachLab, NAT, wire } from "./lab.ts";
import { ctx, forEach, i32, packetForm, setField } from "./wat.ts";

const NEXT = -1;
const INPUT = { interface: 0, local: false, link: 0, mark: 0, priority: 0, backend: 0 };

describe("batches", () => {
  eachLab((lab) => {
    const frames = Array.from({ length: 7 }, (_, index) => ({ ...REQUEST, sport: 40000 + index }));
    /** Ends every packet by the last bits of its source port: dropped, passed on, or let through. */
    const sorts = `(local.set $a (i32.and (i32.load8_u offset=35 (i32.load ${ctx})) ${i32(3)}))`;

    test("say the same as frame after frame", async () => {
      const body = `${sorts} (i32.sub (local.get $a) ${i32(1)})`;
      lab().install({ ingress: [lab().step(2, packetForm(body)), NAT] });
      const together = lab().sendAll(frames);
      lab().engine.flush();
      const alone = frames.map((frame) => lab().send(frame));
      expect(together).toEqual(alone);
      expect(together.map(({ verdict }) => verdict)).toEqual([
        "PASS",
        "ABORTED",
        "DROP",
        "PASS",
        "PASS",
        "ABORTED",
        "DROP",
      ]);
    });

    test("batch form and packet form say the same", () => {
      const packet = packetForm(`${sorts} (i32.sub (local.get $a) ${i32(1)})`);
      const batch = forEach(`${sorts} ${setField(CTX_ENDED, "(local.get $a)")}`);
      const fates = [packet, batch].map((text) => {
        lab().engine.flush();
        lab().install({ ingress: [lab().step(2, text), NAT] });
        return lab().sendAll(frames);
      });
      expect(fates[0]).toEqual(fates[1]);
      expect(lab().runtime.tally(2).runs).toBe(14);
    });

    test("a batch form gets those that walk, one behind the other, in their order", () => {
      const [at, count] = [lab().room(64), lab().room(4)];
      const drops = packetForm(
        `${sorts} (select ${i32(1)} ${i32(NEXT)} (i32.eq (local.get $a) ${i32(1)}))`,
      );
      const writes = forEach(
        `(i32.store8 (i32.add ${i32(at)} (i32.load ${i32(count)})) (i32.load8_u offset=35 (i32.load ${ctx})))
         (i32.store ${i32(count)} (i32.add (i32.load ${i32(count)}) ${i32(1)}))
         ${setField(CTX_MARK, `(i32.load ${i32(count)})`)}`,
      );
      lab().install({ ingress: [lab().step(2, drops), lab().step(3, writes), NAT] });
      const sent = lab().sendAll(frames);
      const ports = frames.map(({ sport }) => sport & 0xff).filter((port) => (port & 3) !== 1);
      expect([...lab().bytes(at, lab().word(count))]).toEqual(ports);
      expect(sent.map(({ programs }) => programs?.mark)).toEqual([1, 0, 2, 3, 4, 0, 5]);
    });

    test("a step takes every packet before the next begins", () => {
      const [at, count] = [lab().room(64), lab().room(4)];
      const logs = (link: number) =>
        packetForm(
          `(i32.store8 (i32.add ${i32(at)} (i32.load ${i32(count)})) ${i32(link)})
           (i32.store ${i32(count)} (i32.add (i32.load ${i32(count)}) ${i32(1)})) ${i32(NEXT)}`,
        );
      lab().install({
        ingress: [lab().step(2, logs(2)), NAT, lab().step(3, logs(3))],
        egress: [lab().step(4, logs(4))],
      });
      lab().sendAll(frames.slice(0, 2));
      expect([...lab().bytes(at, 6)]).toEqual([2, 2, 3, 3, 4, 4]);
    });

    test("a batch goes on where it stopped", () => {
      const { batch } = lab().engine;
      lab().install({ ingress: [lab().step(2, packetForm(i32(1)))] });
      lab().sendAll(frames.slice(0, 2));
      lab().install({ ingress: [lab().step(3, packetForm(i32(3)))] });
      batch.memory.set(Buffer.from(wire(REQUEST), "hex"), batch.frameAt(2));
      batch.commit(wire(REQUEST).length / 2, { ...INPUT, wireLength: 0 });
      batch.process(0);
      expect([0, 1, 2].map((index) => batch.outcome(index).verdict)).toEqual([1, 1, 3]);
      expect(lab().runtime.tally(3).runs).toBe(1);
    });
  });
});

describe("contexts", () => {
  eachLab((lab) => {
    const copies = (at: number) => `(memory.copy ${i32(at)} ${ctx} ${i32(64)})`;
    const read = (at: number) => {
      const word = (offset: number) => lab().word(at + offset);
      return {
        length: word(CTX_LENGTH),
        between: word(CTX_DATA_END) - word(CTX_DATA),
        wire: word(CTX_WIRE_LENGTH),
        words: [CTX_INTERFACE, CTX_MARK, CTX_PRIORITY].map(word),
        outcome: word(CTX_OUTCOME),
        numbers: [CTX_SERVICE, CTX_BACKEND, CTX_OUT].map(word),
        answers: [CTX_REASON, CTX_REDIRECT, CTX_SLOT, CTX_ENDED, CTX_TAIL].map(word),
      };
    };

    test("begin with what is known of the frame, and hear what service NAT has said", () => {
      const ats = [lab().room(64), lab().room(64), lab().room(64)] as const;
      const [before, behind, out] = ats.map((at, index) =>
        lab().step(index + 2, packetForm(`${copies(at)} ${i32(NEXT)}`)),
      );
      lab().install({ ingress: [before!, NAT, behind!], egress: [out!] });
      const given = { interface: 0x102, local: true, mark: 3, priority: 4, wireLength: 9000 };
      const length = wire(REQUEST).length / 2;
      lab().sendAll([REQUEST], given);
      const first = {
        length,
        between: length,
        wire: 9000,
        words: [0x00010102, 3, 4],
        outcome: 0,
        numbers: [0, 0, 0],
        answers: [0, 0, 0, 0, 0],
      };
      expect(read(ats[0])).toEqual(first);
      const backend = lab().backend("10.244.1.10");
      const outcome = 2 | (1 << 8) | (0 << 16) | (1 << 24);
      const later = { ...first, outcome, numbers: [0, backend, 0] };
      expect(read(ats[1])).toEqual(later);
      expect(read(ats[2])).toEqual(later);
    });

    test.each([0, 1, 33, 0xffffffff])(
      "that say %i of the length on the wire harm nobody",
      (said) => {
        const at = lab().room(64);
        const writes = lab().step(
          2,
          packetForm(`${setField(CTX_WIRE_LENGTH, i32(said))} ${i32(NEXT)}`),
        );
        const behind = lab().step(3, packetForm(`${copies(at)} ${i32(NEXT)}`));
        lab().install({ ingress: [writes, NAT, behind] });
        for (const sent of [lab().send(REQUEST), ...lab().sendAll([REQUEST, REQUEST])]) {
          expect(sent).toMatchObject({ verdict: "PASS", packet: wire(DELIVERED) });
          expect(read(at)).toMatchObject({ wire: Math.max(said, wire(REQUEST).length / 2) });
        }
      },
    );

    test("know no service NAT where it has not been", () => {
      const at = lab().room(64);
      const out = lab().step(3, packetForm(`${copies(at)} ${i32(NEXT)}`));
      lab().install({ ingress: [lab().step(2, packetForm(i32(2))), NAT], egress: [out] });
      lab().send(REQUEST);
      expect(read(at)).toMatchObject({ outcome: 0, numbers: [0, 0, 0] });
    });
  });
});
