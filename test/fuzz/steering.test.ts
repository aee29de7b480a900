/**
 * Engines that share connections: whatever is said, the packets of a connection come to the engine that has it,
 * and no two engines hand out what the other could have.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { SHARD_UNKNOWN } from "../../abi/limits.ts";
import type { DataplaneOptions, Maps } from "../../src/dataplane/dataplane.ts";
import type { Tuple } from "../../src/dataplane/entries.ts";
import type { PacketEvent } from "../../src/dataplane/event.ts";
import { linkOf } from "../../src/dataplane/link.ts";
import { createModel, parseObjects } from "../../src/index.ts";
import { parse } from "../../src/packet/parse.ts";
import { OBJECTS, NODE as SCENE_NODE } from "../conformance/scene.ts";
import { cluster } from "./clusters.ts";
import { createDice } from "./dice.ts";
import { endpointsOf, inverse } from "./flows.ts";
import { count, type Met } from "./met.ts";
import { type Packet, packetOf, sending, type Target, targetsOf } from "./packets.ts";
import { send } from "./pair.ts";
import { runs, TIMEOUT } from "./runs.ts";
import { ROOMY } from "./settings.ts";
import { createShards, type Shards, tuplesOf } from "./shards.ts";
import * as steering from "./steering.ts";
import { lookAround, type Memory, talk } from "./talks.ts";
import { createTrail } from "./trail.ts";

const CAPACITY = { ...ROOMY, connections: 2048, connections6: 2048 };
const CONVERSATIONS = 60;

const setting = fc.record({
  shards: fc.integer({ min: 1, max: 5 }),
  by: fc.constantFrom("port", "address"),
  randomFully: fc.boolean(),
  seed: fc.nat(0xffffffff),
});
type Setting = typeof setting extends fc.Arbitrary<infer T> ? T : never;

function optionsOf({ seed, randomFully }: Setting): DataplaneOptions & { readonly seed: number } {
  return { node: steering.NODE, seed, randomFully, scheduler: "maglev" };
}

function share(one: Setting): Promise<Shards> {
  return createShards(one.shards, one.by, { ...optionsOf(one), capacity: CAPACITY });
}

const text = ({ saddr, sport, daddr, dport, proto }: Tuple) =>
  `${proto} ${saddr} ${sport} ${daddr} ${dport}`;

/** Sends a packet where it is steered to, which must be `shard` when that is given. */
function deliver(shards: Shards, packet: Packet, shard?: number) {
  const found = shards.steer(packet);
  if (shard !== undefined) expect(found, "shard").toBe(shard);
  const [fate] = send(shards.pairs[found]!, [packet], 0, false);
  return { shard: found, ...fate! };
}

/** What belongs to a connection just opened, in both directions; `left` is how its first packet left. */
function converse(shards: Shards, shard: number, asked: Tuple, left: Uint8Array): void {
  const tuple = tupleOf(left);
  const answers = (packet: Packet, event: Partial<PacketEvent>) => {
    const fate = deliver(shards, packet, shard);
    expect(fate.event, `${text(asked)} left as ${text(tuple)}`).toMatchObject({
      verdict: "PASS",
      ...event,
    });
    return fate.packet;
  };
  const back = answers(steering.answer(tuple), { conntrack: "reply", after: inverse(asked) });
  answers(steering.ask(asked, "A"), { conntrack: "established", after: tuple });
  answers(steering.complain(left, tuple), { conntrack: "related" });
  answers(steering.complain(back, tupleOf(back)), { conntrack: "related" });
}

function tupleOf(frame: Uint8Array): Tuple {
  const parsed = parse(frame, linkOf("ethernet").type);
  if (!("tuple" in parsed)) throw new Error("a packet without a tuple");
  return parsed.tuple;
}

/** No tuple may be of connections of two engines: nobody could say whose its packets are. */
function demandDisjoint({ pairs }: Shards): void {
  const owners = new Map<string, number>();
  for (const [shard, pair] of pairs.entries()) {
    for (const tuple of tuplesOf(pair)) {
      expect(owners.get(text(tuple)) ?? shard, text(tuple)).toBe(shard);
      owners.set(text(tuple), shard);
    }
  }
}

function targetsIn(maps: Maps): steering.Targets {
  return { services: targetsOf(maps), endpoints: endpointsOf(maps) };
}

describe("conversations", () => {
  const met: Met = new Map();

  async function play(one: Setting, seed: number): Promise<void> {
    const dice = createDice(seed);
    const shards = await share(one);
    shards.apply(steering.cluster(dice));
    const targets = targetsIn(shards.pairs[0]!.model.maps);
    let asked = steering.dial(targets, dice);
    for (let times = 0; times < CONVERSATIONS; times++) {
      asked = dice.once(4) ? steering.redial(asked, targets, dice) : steering.dial(targets, dice);
      const { shard, event, packet } = deliver(shards, steering.ask(asked));
      if (event.conntrack !== "new" || event.verdict !== "PASS") continue;
      noteWay(asked, event, packet);
      converse(shards, shard, asked, packet);
    }
    demandDisjoint(shards);
  }

  function noteWay(asked: Tuple, { service, masquerade }: PacketEvent, packet: Uint8Array): void {
    const left = tupleOf(packet);
    const kept = left.sport === asked.sport ? "" : ", other port";
    count(met, `${service === null ? "direct" : masquerade ? "masqueraded" : "translated"}${kept}`);
    if (left.daddr === asked.saddr) count(met, "hairpin");
    if (steering.isLocal(asked)) count(met, "from the node");
    if (steering.isLocal({ saddr: asked.daddr })) count(met, "to the node");
    count(met, asked.proto);
  }

  test(
    "every packet of a connection comes to the engine that has it, and leaves as it should",
    () => fc.assert(fc.asyncProperty(setting, fc.nat(), play), runs<[Setting, number]>(150)),
    TIMEOUT,
  );

  test.each([
    ...["direct", "direct, other port", "translated", "translated, other port"],
    ...["masqueraded", "masqueraded, other port", "hairpin", "from the node", "to the node"],
    ...["tcp", "udp", "sctp"],
  ])("%s was met", (way) => {
    expect(met.get(way) ?? 0).toBeGreaterThan(0);
  });
});

describe("one conversation alone", () => {
  let [sent, refused] = [0, 0];

  /** What does not depend on the port that is chosen. */
  const known = ({ before, after, ...event }: PacketEvent) => ({
    ...event,
    before,
    daddr: after?.daddr,
    dport: after?.dport,
    saddr: after?.saddr,
  });

  async function play(one: Setting, seed: number): Promise<void> {
    const dice = createDice(seed);
    const objects = steering.cluster(dice);
    const shards = await share(one);
    const alone = await createModel({ ...optionsOf(one), capacity: CAPACITY });
    shards.apply(objects);
    alone.apply(parseObjects([...objects]));
    const targets = targetsIn(alone.maps);
    for (let count = 0; count < CONVERSATIONS; count++) {
      for (const each of [shards, alone]) each.flush();
      const asked = steering.ask(steering.dial(targets, dice));
      const { event } = deliver(shards, asked);
      const expected = alone.process(asked.bytes, { ...asked.options, now: 0 }).event;
      sent++;
      if (needsPort(one, targets, expected) && !isFollowed(event)) refused++;
      else expect(known(event)).toEqual(known(expected));
    }
  }

  /** By addresses a pod that dials from where it serves may need another port, and no other is of its shard. */
  function needsPort(
    { by }: Setting,
    { endpoints }: steering.Targets,
    event: PacketEvent,
  ): boolean {
    const { saddr, sport, proto } = event.before!;
    const isSource = (one: Target) =>
      one.address === saddr && one.port === sport && one.proto === proto;
    return by === "address" && endpoints.some(isSource);
  }

  const isFollowed = ({ conntrack, reason }: PacketEvent) =>
    conntrack === "new" && reason !== "port-exhausted";

  test(
    "goes as it does with one engine, but for the source port",
    () => fc.assert(fc.asyncProperty(setting, fc.nat(), play), runs<[Setting, number]>(150)),
    TIMEOUT,
  );

  test("hardly ever is there no such port", () => expect(refused / sent).toBeLessThan(0.02));
});

describe("anything that may be said", () => {
  const HAPPENINGS = 40;

  /** The engine that has a connection with the tuple of a packet. */
  function holderOf({ pairs }: Shards, { bytes, options }: Packet): number | undefined {
    const parsed = parse(bytes, linkOf(options.linkType ?? "ethernet").type, options.wireLength);
    if (parsed.found !== "flow") return undefined;
    const wanted = text(parsed.tuple);
    const holder = pairs.findIndex((pair) =>
      [...tuplesOf(pair)].some((tuple) => text(tuple) === wanted),
    );
    return holder < 0 ? undefined : holder;
  }

  /** As if all engines were one. */
  function mapsOf({ pairs }: Shards): Maps {
    const all = pairs.map(({ model }) => model.maps);
    const lookup: Maps["conntrack"]["lookup"] = (orig) =>
      all.map(({ conntrack }) => conntrack.lookup(orig)).find((found) => found !== undefined);
    return { ...all[0]!, conntrack: { ...all[0]!.conntrack, lookup } };
  }

  async function play(one: Setting, objects: object[], seed: number): Promise<void> {
    const dice = createDice(seed);
    const shards = await share(one);
    shards.apply(objects);
    const maps = mapsOf(shards);
    const memory: Memory = {
      flows: [],
      trail: createTrail(64),
      late: [],
      targets: lookAround(maps),
    };
    for (let count = 0; count < HAPPENINGS; count++) {
      for (const packet of talk(memory, maps, dice)) {
        const shard = shards.steer(packet);
        const isUnknown = shard === SHARD_UNKNOWN;
        if (!isUnknown) expect(shard).toBeLessThan(one.shards);
        const holder = holderOf(shards, packet);
        if (holder !== undefined) expect(shard).toBe(holder);
        const [fate] = send(shards.pairs[isUnknown ? 0 : shard]!, [packet], 0, false);
        memory.trail.note(packet, fate!.packet);
      }
    }
    demandDisjoint(shards);
  }

  test(
    "a packet of a connection comes to the engine that has it",
    () => {
      const property = fc.asyncProperty(setting, cluster, fc.nat(), play);
      return fc.assert(property, runs<[Setting, object[], number]>(150));
    },
    TIMEOUT,
  );
});

describe("hostile frames", () => {
  const LINK_TYPES = [0, 1, 12, 101, 108, 113, 147, 276];
  const SHARDS = 3;
  let both: readonly Shards[];
  beforeAll(async () => {
    const options = { node: SCENE_NODE, seed: 9, capacity: CAPACITY };
    both = await Promise.all([
      createShards(SHARDS, "port", options),
      createShards(SHARDS, "address", options),
    ]);
    for (const shards of both) shards.apply(OBJECTS);
  });

  function demandShard(packet: Packet): void {
    for (const shards of both) {
      const shard = shards.steer(packet);
      if (shard !== SHARD_UNKNOWN) expect(shard).toBeLessThan(SHARDS);
    }
  }

  test(
    "random bytes have a shard, or none",
    () => {
      const noise = fc.tuple(
        fc.constantFrom([], [0x45], [0x60], [...new Array(12).fill(2), 8, 0, 0x45]),
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom(...LINK_TYPES),
        fc.nat(80),
      );
      const property = fc.property(noise, ([lead, rest, linkType, unseen]) => {
        const bytes = Uint8Array.of(...lead, ...rest);
        demandShard({ bytes, options: { linkType, wireLength: bytes.length + unseen } });
      });
      fc.assert(property, runs(3000));
    },
    TIMEOUT,
  );

  test(
    "packets, damaged",
    () =>
      fc.assert(
        fc.property(sending, (one) => demandShard(packetOf(one))),
        runs(5000),
      ),
    TIMEOUT,
  );

  test("every prefix of a packet and of an error about it", () => {
    const asked = {
      saddr: "203.0.113.9",
      sport: 4000,
      daddr: "10.96.0.10",
      dport: 80,
      proto: "tcp",
    };
    const whole = steering.ask(asked).bytes;
    for (const frame of [whole, steering.complain(whole, asked).bytes]) {
      for (let length = 0; length <= frame.length; length++) {
        const bytes = frame.subarray(0, length);
        demandShard({ bytes, options: {} });
        demandShard({ bytes, options: { wireLength: frame.length } });
      }
    }
  });
});
