/**
 * Makes the capture of the golden case `mixture`: conversations that hold together, of every protocol, on every
 * link layer, to every kind of frontend, with what goes wrong on a network between them. The same bytes on every
 * machine; what endpoints answer follows from the model's translations.
 */
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { PROTOS, type Proto } from "../../src/dataplane/entries.ts";
import * as address from "../../src/packet/address.ts";
import type { PacketSpec } from "../../src/packet/build.ts";
import { concat } from "../../src/packet/bytes.ts";
import * as checksum from "../../src/packet/checksum.ts";
import { TCP } from "../../src/packet/parse.ts";
import { writeBytes } from "../../src/pcap/index.ts";
import { talkDamaged, talkOdd, talkOffloaded } from "./mixture/damage.ts";
import { talkBadErrors, talkEcho, talkErrors } from "./mixture/icmp.ts";
import { talkAssociationPieces, talkSctp, talkStrangeSctp } from "./mixture/sctp.ts";
import {
  createDialogue,
  createStage,
  type Line,
  playTogether,
  type Stage,
  type Talk,
} from "./mixture/stage.ts";
import {
  ask,
  createSegments,
  type Ending,
  open,
  talkAgain,
  talkHeaderPieces,
  talkMidway,
  talkRefused,
  talkStrange,
  talkStray,
  talkTcp,
} from "./mixture/tcp.ts";
import {
  talkBadPieces,
  talkManyPieces,
  talkPieces,
  talkUdp,
  talkUnsummed,
  talkVainPieces,
} from "./mixture/udp.ts";

/** Every way a packet is wrapped, one after another. */
const LINKS: readonly Partial<PacketSpec>[] = [
  {},
  { vlan: [7] },
  { link: "raw" },
  { link: "null" },
  { link: "linux-sll" },
  { vlan: [100, { id: 7, priority: 5 }] },
  { link: "loop" },
  { link: "linux-sll2" },
  { link: "null", byteOrder: "big" },
];

/** Who dials what: pods, clients outside, an endpoint itself; addresses are those of objects.json. */
const POD = "10.244.1.21";
const FAR_POD = "10.244.2.30";
const OUTSIDE = "203.0.113.7";
const STRANGER = "192.0.2.9";
const ENDPOINT = "10.244.1.10";
const POD6 = "fd00:10:244:1::21";
const OUTSIDE6 = "2001:db8:f::7";
const ENDPOINT6 = "fd00:10:244:1::10";
const ROUTER = "10.244.0.1";
const ROUTER6 = "fd00:10:244::1";
const WEB = { daddr: "10.96.0.10", dport: 80 };
const WEB_OUTSIDE = { daddr: "198.51.100.10", dport: 80 };
const WEB_NODE = { daddr: "192.168.0.2", dport: 30080 };
const WEB6 = { daddr: "fd00:96::10", dport: 80 };
const WEB6_NODE = { daddr: "2001:db8::2", dport: 30080 };
const POOL = { daddr: "10.96.0.20", dport: 80 };
const STICKY = { daddr: "10.96.0.30", dport: 80 };
const VACANT = { daddr: "10.96.0.40", dport: 80 };
const VACANT_NODE = { daddr: "192.168.0.2", dport: 30040 };
const VACANT6 = { daddr: "fd00:96::40", dport: 80 };
const GATE = { daddr: "198.51.100.50", dport: 80 };
const FAR = { daddr: "198.51.100.60", dport: 80 };

type Frontend = Pick<Line, "daddr" | "dport">;

/** Pairs in which a connection works. */
const SERVED: readonly (readonly [client: string, frontend: Frontend])[] = [
  [POD, POOL],
  [OUTSIDE, WEB_NODE],
  [POD6, WEB6],
  [FAR_POD, WEB],
  [OUTSIDE, GATE],
  [OUTSIDE6, WEB6_NODE],
  [STRANGER, WEB_OUTSIDE],
  [ENDPOINT, WEB],
  [ENDPOINT6, WEB6],
  [OUTSIDE, POOL],
];

/** Lines of their own, so that no talk disturbs another but where it should. */
interface Lines {
  line(client: string, frontend: Frontend, proto: Proto): Line;
  /** The next of the pairs that work. */
  served(proto: Proto): Line;
}

function createLines(): Lines {
  let made = 0;
  let served = 0;
  const line: Lines["line"] = (saddr, frontend, proto) => {
    const wrapped = LINKS[made % LINKS.length];
    return { ...wrapped, saddr, sport: 40000 + 7 * made++, ...frontend, proto };
  };
  return {
    line,
    served(proto) {
      const [client, frontend] = SERVED[served++ % SERVED.length]!;
      return line(client, frontend, proto);
    },
  };
}

/** A whole capture file. */
export function mixture(dataplane: Dataplane): Uint8Array {
  const stage = createStage(dataplane);
  const lines = createLines();
  playTogether(stage, ordinary(stage, lines), 6);
  playTogether(stage, slow(stage, lines), 3);
  // Everything but TCP is over now.
  stage.wait(200_000);
  playTogether(stage, strange(stage, lines), 5);
  stage.wait(200_000);
  playTogether(stage, pieces(stage, lines), 3);
  exhaust(talkManyPieces(stage, lines.line(FAR_POD, POOL, "udp"), 1200, 26));
  stage.wait(65_000);
  flood(stage, lines);
  crowd(stage, lines);
  return writeBytes(stage.packets, { format: "pcapng", resolution: "ns" });
}

/** What a node sees on a good day. */
function ordinary(stage: Stage, lines: Lines): Talk[] {
  const endings: readonly Ending[] = ["client", "server", "both", "reset", "abort"];
  const tcp = (ending: Ending) => talkTcp(stage, lines.served("tcp"), ending, 1 + stage.roll(3));
  const udp = () => talkUdp(stage, lines.served("udp"), 2);
  const sctp = (ending: "shutdown" | "abort") => talkSctp(stage, lines.served("sctp"), ending);
  return [
    ...endings.flatMap((ending) => [tcp(ending), udp(), tcp(ending)]),
    ...endings.map(tcp),
    sctp("shutdown"),
    sctp("abort"),
    talkUnsummed(stage, lines.line(POD, POOL, "udp")),
    ...[1, 2, 3, 4, 5].map(udp),
    sctp("shutdown"),
    talkSctp(stage, lines.line(POD6, WEB6, "sctp"), "shutdown", 2),
    talkSctp(stage, lines.line(OUTSIDE6, WEB6_NODE, "sctp"), "abort"),
    talkSamePort(stage, lines),
    ...bypass(stage, lines),
  ];
}

/** Talks in which time passes, more than others would live through. */
function slow(stage: Stage, lines: Lines): Talk[] {
  return [
    talkSticky(stage, lines),
    talkUdp(stage, lines.served("udp"), 4, 900),
    talkUdp(stage, lines.served("udp"), 4, 900),
  ];
}

/** Clients that stay with their endpoint for ten seconds, and more of them than there is room for. */
function* talkSticky(stage: Stage, lines: Lines): Talk {
  const dial = (client: string) => talkUdp(stage, lines.line(client, STICKY, "udp"), 1);
  for (let round = 0; round < 3; round++) yield* dial(POD);
  for (let client = 1; client <= 6; client++) yield* dial(`203.0.113.${client}`);
  stage.wait(11_000);
  yield* dial(POD);
}

/** One port of a client to one endpoint, through three frontends and none: answers must stay apart. */
function* talkSamePort(stage: Stage, lines: Lines): Talk {
  const first = lines.line(POD, WEB, "udp");
  for (const frontend of [WEB, WEB_OUTSIDE, WEB_NODE, { daddr: ENDPOINT, dport: 8080 }]) {
    yield* talkUdp(stage, { ...first, ...frontend }, 2);
  }
}

/** What is no Service's. */
function bypass(stage: Stage, lines: Lines): Talk[] {
  const elsewhere = { daddr: "198.51.100.200", dport: 443 };
  const elsewhere6 = { daddr: "2001:db8:e::1", dport: 443 };
  return [
    talkUdp(stage, lines.line(POD, elsewhere, "udp"), 2),
    talkTcp(stage, lines.line(POD6, elsewhere6, "tcp"), "client"),
    talkTcp(stage, lines.line(POD, { daddr: "10.244.2.1", dport: 8080 }, "tcp"), "client"),
    talkEcho(stage, lines.line(POD, WEB, "udp"), elsewhere.daddr),
    talkEcho(stage, lines.line(POD6, WEB6, "udp"), elsewhere6.daddr),
  ];
}

/** What goes wrong between them, and a few with whom all goes well. */
function strange(stage: Stage, lines: Lines): Talk[] {
  const { line, served } = lines;
  return [
    ...refused(stage, lines),
    ...misled(stage, lines),
    ...errors(stage, lines),
    ...damaged(stage, lines),
    talkStrange(stage, served("tcp")),
    talkStrange(stage, line(POD6, WEB6, "tcp")),
    talkMidway(stage, served("tcp")),
    talkMidway(stage, line(OUTSIDE6, WEB6, "tcp")),
    talkAgain(stage, served("tcp")),
    talkRefused(stage, line(POD, POOL, "tcp")),
    talkStray(stage, line(POD, POOL, "tcp")),
    talkStray(stage, line(POD, { daddr: "10.244.2.1", dport: 8080 }, "tcp")),
    talkStrangeSctp(stage, line(POD, POOL, "sctp")),
    ...[1, 2, 3, 4, 5, 6].map(() => talkTcp(stage, served("tcp"), "both", 2)),
    ...[1, 2, 3, 4].map(() => talkUdp(stage, served("udp"), 3)),
  ];
}

/** By what the objects say: no endpoints, none on this node, not from there. */
function refused(stage: Stage, { line }: Lines): Talk[] {
  const everyProto = (frontend: Frontend) =>
    PROTOS.map((proto) => talkVain(stage, line(POD, frontend, proto)));
  return [
    ...everyProto(VACANT),
    ...everyProto(VACANT_NODE),
    talkVain(stage, line(POD6, VACANT6, "tcp")),
    talkVain(stage, line(OUTSIDE6, VACANT6, "udp")),
    talkVain(stage, line(STRANGER, GATE, "tcp")),
    talkVain(stage, line(STRANGER, GATE, "udp")),
    talkVain(stage, line(OUTSIDE, FAR, "tcp")),
    talkVain(stage, line(OUTSIDE, FAR, "udp")),
  ];
}

/** From addresses that nobody has. */
function misled(stage: Stage, { line }: Lines): Talk[] {
  const martians = ["127.0.0.5", "240.0.0.9", "224.0.0.5"];
  return [
    ...martians.map((saddr) => talkVain(stage, line(saddr, POOL, "udp"))),
    ...["fe80::9", "::1"].map((saddr) => talkVain(stage, line(saddr, WEB6, "tcp"))),
  ];
}

function errors(stage: Stage, { line }: Lines): Talk[] {
  const about = (client: string, frontend: Frontend, proto: Proto) =>
    talkErrors(stage, line(client, frontend, proto), routerOf(client));
  return [
    ...SERVED.slice(0, 6).map(([client, frontend]) => about(client, frontend, "udp")),
    about(ENDPOINT, WEB, "udp"),
    about(POD, POOL, "tcp"),
    about(OUTSIDE6, WEB6, "tcp"),
    about(OUTSIDE, WEB_NODE, "sctp"),
    talkBadErrors(stage, line(POD, POOL, "udp"), ROUTER),
    talkBadErrors(stage, line(POD6, WEB6, "udp"), ROUTER6),
  ];
}

function damaged(stage: Stage, { line }: Lines): Talk[] {
  return [
    talkDamaged(stage, line(POD, POOL, "udp")),
    talkDamaged(stage, line(POD6, WEB6, "udp")),
    talkDamaged(stage, line(STRANGER, WEB_OUTSIDE, "udp")),
    talkOffloaded(stage, line(POD, POOL, "tcp"), pseudoHeaderSum),
    talkOffloaded(stage, line(POD6, WEB6, "tcp"), pseudoHeaderSum),
    talkOdd(stage, line(POD, POOL, "udp")),
    talkOdd(stage, line(POD6, WEB6, "udp")),
  ];
}

function routerOf(client: string): string {
  return client.includes(":") ? ROUTER6 : ROUTER;
}

/** A first packet that gets nowhere, and the same once more. */
function* talkVain(stage: Stage, line: Line): Talk {
  const { ask } = createDialogue(stage, line);
  const payload = line.proto === "udp" ? stage.bytes(30) : new Uint8Array(0);
  const init = { type: "INIT", value: new Uint8Array(16).fill(1) } as const;
  const spec = line.proto === "sctp" ? { chunks: [init] } : { flags: "S", payload };
  yield ask(spec);
  yield ask(spec);
}

/** What Linux leaves in the checksum's field for the network card: CHECKSUM_PARTIAL of linux/skbuff.h. */
function pseudoHeaderSum({ saddr, daddr, payload = "" }: PacketSpec): number {
  const addresses = concat([address.parse(saddr), address.parse(daddr)]);
  return checksum.pseudoHeader(addresses, TCP, 20 + payload.length);
}

/** Datagrams in fragments. */
function pieces(stage: Stage, lines: Lines): Talk[] {
  const { line } = lines;
  return [
    talkPieces(stage, line(POD, POOL, "udp"), 1000),
    talkPieces(stage, line(OUTSIDE, WEB_NODE, "udp"), 1010),
    talkPieces(stage, line(POD6, WEB6, "udp"), 1020),
    talkPieces(stage, line(OUTSIDE6, WEB6_NODE, "udp"), 1030),
    talkPieces(stage, line(POD, { daddr: "198.51.100.200", dport: 443 }, "udp"), 1040),
    talkBadPieces(stage, line(POD, POOL, "udp"), 1050),
    talkBadPieces(stage, line(POD6, WEB6, "udp"), 1060),
    talkVainPieces(stage, line(POD, VACANT, "udp"), 1070),
    talkVainPieces(stage, line(STRANGER, GATE, "udp"), 1072),
    talkHeaderPieces(stage, line(POD, POOL, "tcp"), 1080),
    talkHeaderPieces(stage, line(OUTSIDE, WEB_NODE, "tcp"), 1090),
    talkAssociationPieces(stage, line(POD, POOL, "sctp"), 1100),
  ];
}

/** SYNs that nobody answers, more than there is room for; who is established stays. */
function flood(stage: Stage, lines: Lines): void {
  const established = createSegments(stage, lines.line(POD, POOL, "tcp"));
  exhaust(open(established));
  for (let count = 0; count < 90; count++) {
    const { say } = createSegments(stage, lines.line(`203.0.113.${count % 250}`, POOL, "tcp"));
    say("client", "S");
    if (count % 30 === 29) exhaust(ask(stage, established));
  }
}

/** One place is taken by who came before. */
const CROWD = 63;

/** Clients that are all answered, as many as there is room for, and those that then find none. */
function crowd(stage: Stage, lines: Lines): void {
  for (let count = 0; count < 66; count++) {
    const segments = createSegments(stage, lines.line(POD6, WEB6, "tcp"));
    if (count < CROWD) exhaust(open(segments));
    else segments.say("client", "S");
  }
}

function exhaust(talk: Talk): void {
  for (const _ of talk);
}
