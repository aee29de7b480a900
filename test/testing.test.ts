import { describe, expect, test } from "vitest";
import type { PacketEvent } from "../src/dataplane/event.ts";
import {
  LINK_TYPES,
  matchers,
  type PacketMatchers,
  packet,
  readBytes,
  writeBytes,
} from "../src/testing.ts";

declare module "vitest" {
  // biome-ignore lint/suspicious/noExplicitAny: has to be declared as vitest declares it
  interface Matchers<T = any> extends PacketMatchers {}
}
expect.extend(matchers);

const FLOW = { saddr: "10.0.0.1", sport: 4000, daddr: "10.96.0.1", dport: 80 } as const;
const EVENT: PacketEvent = {
  verdict: "TX",
  action: "reject",
  reason: "no-endpoints",
  conntrack: "new",
  service: "default/web:http",
  backend: null,
  masquerade: false,
  before: { ...FLOW, proto: "tcp" },
  after: null,
};

/** The message of the failure that `check` has to end in. */
function failure(check: () => void): string {
  try {
    check();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("nothing failed");
}

describe("toBePacket", () => {
  test("takes frames, results and words", () => {
    expect(packet(FLOW)).toBePacket(FLOW);
    expect(packet(FLOW)).toBePacket(packet(FLOW));
    expect({ packet: packet(FLOW) }).toBePacket(FLOW);
    expect(packet(FLOW)).not.toBePacket({ ...FLOW, dport: 81 });
  });

  test("says what differs, field by field", () => {
    const message = failure(() => expect(packet({ ...FLOW, ttl: 63 })).toBePacket(FLOW));
    expect(message).toMatch(/^ipv4\.ttl +expected 64, actual 63$/m);
    expect(message).toMatch(/^received IP 10\.0\.0\.1\.4000 > /m);
  });

  test("reads the link layer that the words name, or the one given", () => {
    const raw = { ...FLOW, link: "raw" } as const;
    expect(failure(() => expect(packet({ ...raw, ttl: 1 })).toBePacket(raw))).toMatch("ipv4.ttl");
    const check = () => expect(packet({ ...raw, ttl: 1 })).toBePacket(packet(raw), LINK_TYPES.raw);
    expect(failure(check)).toMatch("ipv4.ttl");
  });

  test("says what it found when it should not have", () => {
    expect(failure(() => expect(packet(FLOW)).not.toBePacket(FLOW))).toMatch(
      "not to be IP 10.0.0.1.4000",
    );
  });
});

describe("toHaveVerdict", () => {
  test("takes events and results, with and without the reason", () => {
    expect(EVENT).toHaveVerdict("TX");
    expect({ event: EVENT }).toHaveVerdict("TX", "no-endpoints");
    expect(EVENT).not.toHaveVerdict("DROP");
    expect(EVENT).not.toHaveVerdict("TX", null);
  });

  test("shows the event", () => {
    const message = failure(() => expect(EVENT).toHaveVerdict("DROP", "source-range"));
    expect(message).toMatch("expected verdict DROP (source-range), received TX (no-endpoints)");
    expect(message).toMatch('"service": "default/web:http"');
  });
});

describe("toHaveTuple", () => {
  test("looks at the parts given", () => {
    expect(packet(FLOW)).toHaveTuple({ ...FLOW, proto: "tcp" });
    expect({ packet: packet(FLOW) }).toHaveTuple({ dport: 80 });
    expect(packet({ ...FLOW, link: "raw" })).toHaveTuple(FLOW, LINK_TYPES.raw);
    expect(packet(FLOW)).not.toHaveTuple({ dport: 81 });
  });

  test("says which part differs", () => {
    const check = () => expect(packet(FLOW)).toHaveTuple({ ...FLOW, daddr: "10.244.1.7" });
    expect(failure(check)).toMatch(/^daddr {2}expected 10\.244\.1\.7, actual 10\.96\.0\.1$/m);
    expect(failure(() => expect(new Uint8Array(3)).toHaveTuple({ dport: 1 }))).toMatch(
      "actual (absent)",
    );
  });
});

describe("toHaveValidChecksums", () => {
  test("passes what is right or absent", () => {
    expect(packet(FLOW)).toHaveValidChecksums();
    expect(packet({ ...FLOW, proto: "udp", checksum: 0 })).toHaveValidChecksums();
    expect(new Uint8Array(0)).toHaveValidChecksums();
  });

  test.each([
    { spec: { ipChecksum: 1 }, layers: "the ip checksum" },
    { spec: { checksum: 1 }, layers: "the transport checksum" },
    { spec: { ipChecksum: 1, checksum: 1 }, layers: "the ip and transport checksum" },
  ])("names $layers", ({ spec, layers }) => {
    expect(failure(() => expect(packet({ ...FLOW, ...spec })).toHaveValidChecksums())).toMatch(
      layers,
    );
  });
});

test("captures are read and written in memory", () => {
  const file = writeBytes([{ time: 5n, data: packet(FLOW) }], {
    format: "pcapng",
    resolution: "ns",
  });
  const [captured] = [...readBytes(file)];
  expect(captured).toMatchObject({ time: 5n });
  expect(captured?.data).toBePacket(FLOW);
});
