/** What a program says, wherever it stands: before service NAT, behind it, and on the way out. */
import { describe, expect, test } from "vitest";
import { CTX_ENDED, CTX_MARK, CTX_PRIORITY, CTX_REASON } from "../../../abi/program.ts";
import { VERDICTS } from "../../../src/dataplane/event.ts";
import { build } from "../frame.ts";
import { DELIVERED, REQUEST } from "../scene.ts";
import { eachLab, type Lab, NAT, wire } from "./lab.ts";
import { field, forEach, i32, packetForm, setField } from "./wat.ts";

const LINK = 5;
const NEXT = -1;
const PLACES = ["before NAT", "behind NAT", "egress"] as const;
const FORMS = ["packet", "batch"] as const;

/** A program that says this of every packet. */
function saying(form: (typeof FORMS)[number], verdict: number): string {
  return form === "packet"
    ? packetForm(i32(verdict))
    : forEach(setField(CTX_ENDED, i32(verdict + 1)));
}

function stand(lab: Lab, place: (typeof PLACES)[number], text: string): void {
  const step = lab.step(LINK, text);
  if (place === "before NAT") lab.install({ ingress: [step, NAT] });
  else if (place === "behind NAT") lab.install({ ingress: [NAT, step] });
  else lab.install({ egress: [step] });
}

const UNTRACKED = { conntrack: "none", service: 0, backend: 0, masquerade: false };
const NONE = { link: 0, reason: 0, mark: 0, priority: 0, redirect: 0 };

describe("every verdict at every place", () => {
  eachLab((lab) => {
    const cases = FORMS.flatMap((form) =>
      PLACES.flatMap((place) => VERDICTS.map((name, verdict) => ({ form, place, name, verdict }))),
    );
    test.each(cases)("$form form, $place: $name", ({ form, place, name, verdict }) => {
      stand(lab(), place, saying(form, verdict));
      const sent = lab().send(REQUEST);
      const gone = name === "DROP" || name === "ABORTED";
      const stays = place === "egress" && name === "PASS";
      const translated = place !== "before NAT";
      const tracked = { conntrack: "new", service: 0, backend: lab().backend("10.244.1.10") };
      const action = translated ? "dnat" : "pass";
      expect(sent).toEqual({
        ...(translated ? { ...UNTRACKED, ...tracked } : UNTRACKED),
        verdict: name,
        action: gone ? "drop" : action,
        reason: gone ? "program" : null,
        programs: { ...NONE, link: stays ? 0 : LINK },
        packet: wire(translated ? DELIVERED : REQUEST),
        released: [],
      });
      expect(lab().engine.maps.conntrack.length).toBe(translated ? 1 : 0);
      expect(lab().runtime.tally(LINK)).toEqual(tallyOf(1, { [name]: 1 }));
    });

    test.each(PLACES)("counters hold the last word only: %s", (place) => {
      stand(lab(), place, packetForm(i32(VERDICTS.indexOf("DROP"))));
      lab().send(REQUEST);
      const { packets, bytes, verdicts, actions, reasons, conntrack } = lab().engine.counters();
      expect([packets, bytes]).toEqual([1, wire(REQUEST).length / 2]);
      expect(nonZero(verdicts)).toEqual({ DROP: 1 });
      expect(nonZero(actions)).toEqual({ drop: 1 });
      expect(nonZero(reasons)).toEqual({ program: 1 });
      expect(nonZero(conntrack)).toEqual({ [place === "before NAT" ? "none" : "new"]: 1 });
    });

    test("a verdict that drops nothing moves the counters too", () => {
      stand(lab(), "behind NAT", packetForm(i32(VERDICTS.indexOf("REDIRECT"))));
      lab().send(REQUEST);
      const { verdicts, actions, reasons } = lab().engine.counters();
      expect(nonZero(verdicts)).toEqual({ REDIRECT: 1 });
      expect(nonZero(actions)).toEqual({ dnat: 1 });
      expect(nonZero(reasons)).toEqual({});
    });
  });
});

describe("NEXT", () => {
  eachLab((lab) => {
    const packetNumbers = [NEXT, 5, 255, -2, -3, 0x7fffffff, -0x80000000];
    test.each(packetNumbers)("is what a packet form means by %i", (number) => {
      stand(lab(), "before NAT", packetForm(i32(number)));
      expect(lab().send(REQUEST)).toMatchObject({
        verdict: "PASS",
        action: "dnat",
        programs: NONE,
      });
      expect(lab().runtime.tally(LINK)).toEqual(tallyOf(1, { NEXT: 1 }));
    });

    const batchNumbers = [0, 6, 255, 256, -1, -0x80000000];
    test.each(batchNumbers)("is what a batch form means by %i", (number) => {
      stand(lab(), "before NAT", forEach(setField(CTX_ENDED, i32(number))));
      expect(lab().send(REQUEST)).toMatchObject({
        verdict: "PASS",
        action: "dnat",
        programs: NONE,
      });
      expect(lab().runtime.tally(LINK)).toEqual(tallyOf(1, { NEXT: 1 }));
    });

    test("CTX_ENDED says nothing in packet form, and nothing to the next link", () => {
      const ended = lab().step(2, packetForm(`${setField(CTX_ENDED, i32(2))} ${i32(NEXT)}`));
      const seen = lab().room(4);
      const looks = packetForm(`(i32.store ${i32(seen)} ${field(CTX_ENDED)}) ${i32(NEXT)}`);
      lab().install({ ingress: [ended, lab().step(3, looks), NAT] });
      expect(lab().send(REQUEST)).toMatchObject({ verdict: "PASS", action: "dnat" });
      expect(lab().word(seen)).toBe(0);
    });
  });
});

describe("chains", () => {
  eachLab((lab) => {
    /** A link that pushes its own number into the packet's mark. */
    const marks = (link: number, said = NEXT) =>
      lab().step(
        link,
        packetForm(
          `${setField(CTX_MARK, `(i32.add (i32.mul ${field(CTX_MARK)} ${i32(10)}) ${i32(link)})`)} ${i32(said)}`,
        ),
      );

    test("packets meet links in their order, ingress first", () => {
      lab().install({ ingress: [marks(2), NAT, marks(3)], egress: [marks(4), marks(5)] });
      const [sent] = lab().sendAll([REQUEST], { mark: 9, priority: 6 });
      expect(sent?.programs).toEqual({ ...NONE, mark: 92345, priority: 6 });
      expect(sent?.packet).toBe(wire(DELIVERED));
    });

    test("the first that ends the walk is the last of its chain; egress sees what leaves", () => {
      const tx = VERDICTS.indexOf("TX");
      lab().install({ ingress: [marks(2), marks(3, tx), marks(4), NAT], egress: [marks(5)] });
      expect(lab().send(REQUEST)).toMatchObject({ verdict: "TX", action: "pass", reason: null });
      expect(lab().send(REQUEST).programs).toMatchObject({ link: 3, mark: 235 });
      expect(lab().runtime.tally(4).runs).toBe(0);
      expect(lab().runtime.tally(1).runs).toBe(0);
      expect(lab().runtime.tally(5)).toEqual(tallyOf(2, { NEXT: 2 }));
    });

    test("what is dropped never leaves", () => {
      lab().install({ ingress: [marks(2, VERDICTS.indexOf("DROP")), NAT], egress: [marks(3)] });
      expect(lab().send(REQUEST).programs).toMatchObject({ link: 2, mark: 2 });
      expect(lab().runtime.tally(3).runs).toBe(0);
    });

    test("egress may turn one way of leaving into another", () => {
      const [tx, redirect] = [VERDICTS.indexOf("TX"), VERDICTS.indexOf("REDIRECT")];
      lab().install({ ingress: [marks(2, redirect), NAT], egress: [marks(3, tx), marks(4)] });
      expect(lab().send(REQUEST)).toMatchObject({ verdict: "TX", programs: { link: 3, mark: 23 } });
    });

    test("PASS on egress keeps what was said, and keeps later links out", () => {
      const [tx, pass] = [VERDICTS.indexOf("TX"), VERDICTS.indexOf("PASS")];
      lab().install({ ingress: [marks(2, tx), NAT], egress: [marks(3, pass), marks(4)] });
      expect(lab().send(REQUEST)).toMatchObject({ verdict: "TX", programs: { link: 2, mark: 23 } });
    });

    test("a reason stays with a packet that a program drops, and with no other", () => {
      const reasons = (said: number) =>
        lab().step(2, packetForm(`${setField(CTX_REASON, i32(77))} ${i32(said)}`));
      lab().install({ ingress: [reasons(VERDICTS.indexOf("DROP"))] });
      expect(lab().send(REQUEST).programs).toEqual({ ...NONE, link: 2, reason: 77 });
      lab().install({ ingress: [reasons(VERDICTS.indexOf("PASS"))] });
      expect(lab().send(REQUEST).programs).toEqual({ ...NONE, link: 2 });
    });

    test("mark and priority come in with the frame and stay what programs make of them", () => {
      const swap = packetForm(
        `(local.set $a ${field(CTX_MARK)})
         ${setField(CTX_MARK, field(CTX_PRIORITY))} ${setField(CTX_PRIORITY, "(local.get $a)")}
         ${i32(NEXT)}`,
      );
      lab().install({ ingress: [NAT, lab().step(2, swap)] });
      const sent = lab().send(REQUEST, { mark: 0xffffffff, priority: 0x80000001 });
      expect(sent.programs).toEqual({ ...NONE, mark: 0x80000001, priority: 0xffffffff });
    });

    test("without service NAT nothing is parsed or tracked", () => {
      lab().install({ ingress: [], egress: [] });
      const sent = lab().send(REQUEST);
      expect(sent).toEqual({
        ...UNTRACKED,
        verdict: "PASS",
        action: "pass",
        reason: null,
        programs: NONE,
        packet: wire(REQUEST),
        released: [],
      });
      expect(lab().send(new Uint8Array(3))).toMatchObject({ verdict: "PASS", reason: null });
      expect(lab().send(new Uint8Array(0))).toMatchObject({ verdict: "PASS", packet: "" });
      expect(lab().engine.maps.conntrack.length).toBe(0);
      expect(lab().engine.counters().packets).toBe(3);
    });

    test("service NAT alone is no chain at all", () => {
      lab().install({ egress: [marks(2)] });
      lab().install({});
      expect(lab().send(REQUEST).programs).toBeUndefined();
      expect(lab().sendAll([REQUEST])[0]?.programs).toBeUndefined();
      lab().install({ ingress: [], egress: [] });
      expect(lab().send(REQUEST).programs).toEqual(NONE);
    });

    test("service NAT counts what it is given and what it says", () => {
      lab().install({ ingress: [marks(2), NAT] });
      lab().send(REQUEST);
      lab().send({ ...REQUEST, daddr: "10.96.0.40" });
      lab().send(build(REQUEST).subarray(0, 20));
      expect(lab().runtime.tally(1)).toEqual(tallyOf(3, { NEXT: 1, TX: 1, DROP: 1 }));
    });

    test("tallies of links that stay go on, those of others begin anew", () => {
      const [stays, goes] = [marks(2), marks(3)];
      lab().install({ ingress: [stays, goes, NAT] });
      lab().send(REQUEST);
      lab().install({ ingress: [NAT, stays] });
      lab().send(REQUEST);
      lab().install({ ingress: [goes, NAT, stays] });
      lab().send(REQUEST);
      expect([2, 3].map((link) => lab().runtime.tally(link).runs)).toEqual([3, 1]);
      expect(lab().runtime.tally(1).runs).toBe(3);
      expect(lab().runtime.tally(999)).toEqual(tallyOf(0, {}));
    });

    test("run time is noted by a clock, and only then", () => {
      let time = 1000;
      const clock = () => {
        time += 50;
        return time;
      };
      lab().install({ ingress: [marks(2), NAT], clock });
      lab().sendAll([REQUEST, REQUEST, REQUEST]);
      expect([1, 2].map((link) => lab().runtime.tally(link).runTime)).toEqual([50, 50]);
      lab().install({ ingress: [marks(2), NAT] });
      lab().send(REQUEST);
      expect(lab().runtime.tally(2)).toMatchObject({ runs: 4, runTime: 50 });
    });
  });
});

function tallyOf(runs: number, said: Record<string, number>) {
  const verdicts = { ABORTED: 0, DROP: 0, PASS: 0, TX: 0, REDIRECT: 0, NEXT: 0, ...said };
  return { runs, runTime: 0, verdicts };
}

function nonZero(row: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(row).filter(([, count]) => count !== 0));
}
