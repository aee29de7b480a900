/** What is done with a cluster, drawn by fast-check: mostly what people do, and now and then what nobody should. */
import fc from "fast-check";
import { type PacketSpec, packet } from "../../src/testing.ts";
import type { Frontend } from "./clusters.ts";
import type { Complaint, Shape } from "./conversation.ts";
import type { Direction } from "./flow.ts";
import { familyOf } from "./topology.ts";

export type Command =
  /** A client dials the frontend, or the same address and another port. */
  | {
      readonly kind: "open";
      readonly which: number;
      readonly client: Client;
      readonly shape: Shape;
    }
  /** The next step of a connection. */
  | { readonly kind: "proceed"; readonly flow: number; readonly shape: Shape }
  /** Any step at all. */
  | { readonly kind: "say"; readonly flow: number; readonly from: Direction; readonly shape: Shape }
  | { readonly kind: "complain"; readonly flow: number; readonly complaint: Errors }
  /** A client dials the endpoint of a connection by its own address. */
  | { readonly kind: "direct"; readonly flow: number; readonly client: Client }
  | { readonly kind: "stray"; readonly which: number; readonly client: Client; readonly odd: Odd }
  | { readonly kind: "apply" };

export interface Client {
  readonly index: number;
  readonly port: number;
}

/** An error of the two families. */
export interface Errors extends Omit<Complaint, "type" | "code"> {
  readonly error: keyof typeof ERRORS;
}

export const ERRORS = {
  "too big": { ipv4: [3, 4], ipv6: [2, 0] },
  "port unreachable": { ipv4: [3, 3], ipv6: [1, 4] },
  "no route": { ipv4: [3, 0], ipv6: [1, 0] },
  "time exceeded": { ipv4: [11, 0], ipv6: [3, 0] },
  "parameter problem": { ipv4: [12, 0], ipv6: [4, 0] },
} as const;

type Odd = "echo" | "port" | "protocol" | "martian";

const CLIENTS = {
  ipv4: ["203.0.113.5", "203.0.113.66", "10.244.1.10", "10.244.1.12", "10.244.2.10", "192.168.1.3"],
  ipv6: [
    "2001:db8:c::5",
    "2001:db8:c:1::5",
    "fd00:10:1::10",
    "fd00:10:1::12",
    "fd00:10:2::10",
    "2001:db8:1::3",
  ],
} as const;

/** A client that can reach the address. */
export function clientFor(address: string, { index, port }: Client) {
  const list = CLIENTS[familyOf(address)];
  return { address: list[index % list.length] as string, port };
}

const INDEX_MAX = 1023;
const index = fc.nat(INDEX_MAX);
const client: fc.Arbitrary<Client> = fc.record({
  index,
  port: fc.constantFrom(40000, 40000, 40001, 700, 300),
});

/** What NAT has to keep as it is. */
const plain: fc.Arbitrary<Shape> = fc.record(
  {
    tos: fc.constantFrom(0, 3, 0x10, 0xff),
    ttl: fc.constantFrom(2, 33, 128, 255),
    id: fc.nat(0xffff),
    dontFragment: fc.boolean(),
    flowLabel: fc.nat(0xfffff),
  },
  { requiredKeys: [] },
);
const payload = fc.constantFrom("", "x", "an even one", "y".repeat(1000));
const wrong = fc.constantFrom({}, {}, {}, {}, {}, {}, {}, {}, { checksum: 0x1234 });

const opening: fc.Arbitrary<Shape> = fc
  .tuple(
    plain,
    wrong,
    fc.constantFrom(
      {},
      {},
      {},
      {},
      {},
      {},
      { flags: "A" },
      { flags: "SF" },
      { flags: "SEW" },
      { flags: "R" },
    ),
  )
  .map(mixed);

const saying: fc.Arbitrary<Shape> = fc
  .tuple(
    plain,
    wrong,
    fc.record({ payload }),
    fc.record({
      flags: fc.constantFrom("S", "SA", "A", "A", "A", "PA", "FA", "R", "RA", "F", "FPU", "AU", ""),
    }),
    fc.record(
      {
        seqBy: fc.constantFrom(0, 1, -1, 1000, -1000, 66_001, 70_000, -70_000, 2 ** 31),
        ackBy: fc.constantFrom(0, 1, -1, 1000, -1000, 70_000, -70_000),
        window: fc.constantFrom(0, 1, 502, 65535),
      },
      { requiredKeys: [] },
    ),
  )
  .map(mixed);

function mixed(parts: readonly Shape[]): Shape {
  return Object.assign({}, ...parts);
}

const complaint: fc.Arbitrary<Errors> = fc
  .tuple(
    fc.record(
      {
        about: fc.constantFrom<Direction[]>("orig", "reply"),
        error: fc.constantFrom(...(Object.keys(ERRORS) as (keyof typeof ERRORS)[])),
        rest: fc.constantFrom(0, 1400),
        quoted: fc.constantFrom(8, 8, 12, 20, 28, 7, 0),
        router: fc.boolean(),
      },
      { requiredKeys: ["about", "error"] },
    ),
    fc.constantFrom({}, {}, {}, {}, { checksum: 0x4321 }),
  )
  .map(([error, sum]) => ({ ...error, ...sum }));

export const command: fc.Arbitrary<Command> = fc.oneof(
  weighted(14, { kind: "open", which: index, client, shape: opening }),
  weighted(14, { kind: "proceed", flow: index, shape: plain }),
  weighted(5, {
    kind: "say",
    flow: index,
    from: fc.constantFrom<Direction[]>("orig", "reply"),
    shape: saying,
  }),
  weighted(7, { kind: "complain", flow: index, complaint }),
  weighted(1, { kind: "direct", flow: index, client }),
  weighted(4, {
    kind: "stray",
    which: index,
    client,
    odd: fc.constantFrom<Odd[]>("echo", "port", "protocol", "martian"),
  }),
  weighted(1, { kind: "apply" }),
);

function weighted<Kind extends Command["kind"]>(
  weight: number,
  { kind, ...rest }: { kind: Kind } & { [Field in string]: unknown },
) {
  const arbitrary = fc.record({ kind: fc.constant(kind), ...rest } as Record<
    string,
    fc.Arbitrary<unknown>
  >);
  return { weight, arbitrary: arbitrary as unknown as fc.Arbitrary<Command> };
}

/** A packet for an address of a service that is none of the service's, or from nobody to the service. */
export function strayPacket(
  { address, port, proto }: Frontend,
  client: Client,
  odd: Odd,
): Uint8Array {
  const ipv6 = familyOf(address) === "ipv6";
  const { address: saddr, port: sport } = clientFor(address, client);
  const spec: PacketSpec = { saddr, daddr: address, sport, link: "raw" };
  if (odd === "echo") return packet({ ...spec, proto: ipv6 ? "icmpv6" : "icmp", payload: "ping" });
  if (odd === "protocol") return packet({ ...spec, proto: 253, payload: "experiment" });
  if (odd === "port") return packet({ ...spec, dport: 9, flags: "S" });
  const flags = proto === "tcp" ? { flags: "S" } : {};
  return packet({ ...spec, saddr: ipv6 ? "ff02::1" : "224.0.0.1", dport: port, proto, ...flags });
}
