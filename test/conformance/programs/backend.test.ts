/** set_backend: where a program wants a new connection to go. */
import { describe, expect, test } from "vitest";
import { CTX_BACKEND, EINVAL } from "../../../abi/program.ts";
import type { Frame } from "../frame.ts";
import { pieces } from "../pieces.ts";
import { answer, CLIENT, NODE_IPV4, REQUEST, REQUEST_IPV6 } from "../scene.ts";
import { eachLab, type Lab, NAT, type Passage, type Sent, wire } from "./lab.ts";
import { ctx, i32, note, packetForm, setField } from "./wat.ts";

const NEXT = -1;
const POOL: Frame = { ...REQUEST, daddr: "10.96.0.20" };
const THERE = (address: string, frame = POOL): Frame => ({ ...frame, daddr: address, dport: 8080 });

/** A program that wants a backend, before service NAT; `said` holds what it was told. */
function wanting(lab: Lab, backend: number) {
  const said = lab.room(4);
  const body = `${note(said, `(call $set_backend ${ctx} ${i32(backend)})`)} ${i32(NEXT)}`;
  return { step: lab.step(2, packetForm(body)), said };
}

function sendWanting(lab: Lab, backend: number, frame: Sent): Passage {
  lab.install({ ingress: [wanting(lab, backend).step, NAT] });
  return lab.send(frame);
}

describe("a new connection", () => {
  eachLab((lab) => {
    test.each([1, 2, 3, 4, 5])("goes to endpoint %i of its service", (number) => {
      const address = `10.244.2.${number}`;
      const backend = lab().backend(address);
      const { step, said } = wanting(lab(), backend);
      lab().install({ ingress: [step, NAT] });
      for (const sent of [lab().send(POOL), lab().sendAll([{ ...POOL, sport: 40001 }])[0]!]) {
        expect(sent).toMatchObject({ action: "dnat", conntrack: "new", backend });
      }
      expect(lab().word(said)).toBe(0);
      expect(lab().send({ ...POOL, sport: 40002 }).packet).toBe(
        wire(THERE(address, { ...POOL, sport: 40002 })),
      );
      expect(lab().engine.traffic.backend(backend)).toMatchObject({ connections: 3, inPackets: 3 });
    });

    test("goes to an endpoint of another service port", () => {
      const backend = lab().backend("10.244.5.1");
      const sent = sendWanting(lab(), backend, POOL);
      expect(sent).toMatchObject({
        action: "dnat",
        backend,
        service: 0,
        packet: wire(THERE("10.244.5.1")),
      });
      lab().install({});
      expect(lab().send({ ...answer(THERE("10.244.5.1")), flags: "SA" })).toMatchObject({
        action: "reply",
        packet: wire({ ...answer(POOL), flags: "SA" }),
      });
    });

    test("keeps to it, whatever is wanted later", () => {
      const udp = { ...POOL, proto: "udp" } as const;
      const [first, other] = ["10.244.2.1", "10.244.2.2"].map((each) => lab().backend(each, "udp"));
      sendWanting(lab(), first!, udp);
      expect(sendWanting(lab(), other!, udp)).toMatchObject({
        conntrack: "established",
        backend: first,
      });
    });

    test("is masqueraded as its service says, and answered by way of the node", () => {
      const backend = lab().backend("10.244.2.3");
      const frame = { ...REQUEST, saddr: CLIENT, daddr: NODE_IPV4, dport: 30080 };
      const there = { ...frame, saddr: NODE_IPV4, daddr: "10.244.2.3", dport: 8080 };
      expect(sendWanting(lab(), backend, frame)).toMatchObject({
        masquerade: true,
        backend,
        packet: wire(there),
      });
    });

    test("draws nothing: the next one goes where the first would have gone", async () => {
      const chosen = (of: Lab) => {
        of.install({});
        return [1, 2, 3, 4, 5, 6].map((sport) => of.send({ ...POOL, sport }).backend);
      };
      const twin = await lab().twin();
      sendWanting(lab(), lab().backend("10.244.2.1"), POOL);
      expect(chosen(lab())).toEqual(chosen(twin));
    });

    test("in pieces goes there too: what the piece with the ports wants counts", () => {
      const udp = { ...POOL, proto: "udp", payload: new Uint8Array(40) } as const;
      const backend = lab().backend("10.244.2.4", "udp");
      const [first, last] = pieces(udp, 16).map((piece) => sendWanting(lab(), backend, piece));
      expect(first).toMatchObject({ action: "dnat", conntrack: "new", backend });
      expect(last).toMatchObject({ action: "dnat", conntrack: "established", backend });
      const others = pieces({ ...udp, sport: 40009 }, 16);
      lab().install({});
      expect(lab().send(others[1]!)).toMatchObject({ action: "hold" });
      const released = sendWanting(lab(), backend, others[0]!);
      expect(released).toMatchObject({ backend, released: [{ backend, action: "dnat" }] });
    });
  });
});

describe("what is wanted and not had", () => {
  eachLab((lab) => {
    const pool = () => [1, 2, 3, 4, 5].map((number) => lab().backend(`10.244.2.${number}`));

    test("a backend of the other family or protocol is not taken", () => {
      for (const backend of [
        lab().backend("fd00:10:244:1::10"),
        lab().backend("10.244.5.1", "udp"),
      ]) {
        const sent = sendWanting(lab(), backend, { ...POOL, sport: backend });
        expect(sent.action).toBe("dnat");
        expect(pool()).toContain(sent.backend);
      }
      const v6 = sendWanting(lab(), lab().backend("10.244.5.1"), REQUEST_IPV6);
      expect(v6.backend).toBe(lab().backend("fd00:10:244:1::10"));
    });

    test.each([0, 9999, -1])(
      "backend %i is none: the helper says so, and nothing is wanted",
      (number) => {
        const { step, said } = wanting(lab(), number);
        lab().install({ ingress: [step, NAT] });
        expect(pool()).toContain(lab().send(POOL).backend);
        expect(lab().word(said) | 0).toBe(-EINVAL);
      },
    );

    test("a number that a program writes by itself asks for nothing", () => {
      const writes = packetForm(`${setField(CTX_BACKEND, i32(9999))} ${i32(NEXT)}`);
      lab().install({ ingress: [lab().step(2, writes), NAT] });
      expect(pool()).toContain(lab().send(POOL).backend);
    });

    test("behind service NAT there is nothing to want any more", () => {
      const { step, said } = wanting(lab(), lab().backend("10.244.5.1"));
      lab().install({ ingress: [NAT, step] });
      expect(pool()).toContain(lab().send(POOL).backend);
      expect(lab().word(said) | 0).toBe(-EINVAL);
    });

    test("a packet that dials no service, and one that is ended before, go nowhere else", () => {
      const backend = lab().backend("10.244.5.1");
      const stranger = { ...REQUEST, daddr: "192.0.2.1" };
      expect(sendWanting(lab(), backend, stranger)).toMatchObject({
        action: "pass",
        backend: 0,
        packet: wire(stranger),
      });
      lab().install({
        ingress: [wanting(lab(), backend).step, lab().step(3, packetForm(i32(2))), NAT],
      });
      expect(lab().send(POOL)).toMatchObject({
        verdict: "PASS",
        action: "pass",
        backend: 0,
        service: 0,
      });
    });

    test("source ranges and services without endpoints go before it", () => {
      const backend = lab().backend("10.244.2.1");
      const closed = { ...REQUEST, saddr: "192.0.2.77", daddr: "198.51.100.50" };
      expect(sendWanting(lab(), backend, closed)).toMatchObject({
        verdict: "DROP",
        reason: "source-range",
      });
      const vacant = { ...REQUEST, daddr: "10.96.0.40" };
      expect(sendWanting(lab(), backend, vacant)).toMatchObject({
        verdict: "TX",
        reason: "no-endpoints",
      });
      const far = { ...REQUEST, saddr: CLIENT, daddr: "198.51.100.60" };
      expect(sendWanting(lab(), backend, far)).toMatchObject({
        verdict: "DROP",
        reason: "no-local-endpoints",
      });
    });
  });
});

describe("session affinity", () => {
  eachLab((lab) => {
    const sticky = (sport: number): Frame => ({ ...REQUEST, sport, daddr: "10.96.0.30" });

    test("remembers the backend that was wanted", () => {
      const wanted = lab().backend("10.244.3.6");
      expect(sendWanting(lab(), wanted, sticky(1000)).backend).toBe(wanted);
      lab().install({});
      for (const sport of [1001, 1002, 1003])
        expect(lab().send(sticky(sport)).backend).toBe(wanted);
      const entries = [...lab().engine.maps.affinity.entries()];
      expect(entries.map(([, { backends }]) => backends.map(({ backend }) => backend))).toEqual([
        [wanted],
      ]);
    });

    test("gives way to what is wanted", () => {
      lab().install({});
      const first = lab().send(sticky(1000)).backend;
      const other = ["10.244.3.1", "10.244.3.2"]
        .map((each) => lab().backend(each))
        .find((each) => each !== first)!;
      expect(sendWanting(lab(), other, sticky(1001)).backend).toBe(other);
    });

    test("does not hold clients at a backend of another service", () => {
      const foreign = lab().backend("10.244.5.1");
      expect(sendWanting(lab(), foreign, sticky(1000)).backend).toBe(foreign);
      lab().install({});
      const { backend } = lab().send(sticky(1001));
      expect(backend).not.toBe(foreign);
      expect(lab().send(sticky(1002)).backend).toBe(backend);
    });
  });
});
