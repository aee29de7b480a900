/** Source ports drawn at random: where the kernel drew one, the dataplane draws its own. */
import { type Ends, type Headers, read, rewrite } from "./packet.ts";
import type { PacketStep } from "./recording.ts";

/** nf_nat_l4proto_unique_tuple of net/netfilter/nf_nat_core.c draws from the class of the original port. */
const CLASSES = [
  { below: 512, first: 1, last: 511 },
  { below: 1024, first: 600, last: 1023 },
  { below: 65536, first: 1024, last: 65535 },
] as const;

/** Which of the dataplane's ports stands for which of the kernel's, by the tuple of the answers. */
export class DrawnPorts {
  readonly #own = new Map<string, number>();

  /** Notes a port drawn in this step; complains when the dataplane should have drawn one and has not. */
  learn(step: PacketStep, sent: Headers, kernel: Headers, own: Headers): string[] {
    if (step.random_port === undefined || kernel.sport !== step.random_port) return [];
    const answer = answerOf(kernel);
    const isKnown = this.#own.has(keyOf(kernel.proto, answer));
    const isElsewhere = own.saddr !== kernel.saddr || own.daddr !== kernel.daddr;
    if (isElsewhere || isKnown) return [];
    this.#own.set(keyOf(kernel.proto, answer), own.sport);
    if (own.sport === sent.sport) return [`keeps port ${sent.sport}, which is taken`];
    const { first, last } = CLASSES.find(({ below }) => sent.sport < below)!;
    if (own.sport >= first && own.sport <= last) return [];
    return [`port ${own.sport} is not of the class of ${sent.sport}`];
  }

  /** A recorded packet, request or answer, with the dataplane's port in it. */
  substitute(l3: Uint8Array): Uint8Array {
    const headers = read(l3);
    if (headers === undefined) return l3;
    const asAnswer = this.#own.get(keyOf(headers.proto, headers));
    if (asAnswer !== undefined) return rewrite(l3, { dport: asAnswer });
    const asRequest = this.#own.get(keyOf(headers.proto, answerOf(headers)));
    return asRequest === undefined ? l3 : rewrite(l3, { sport: asRequest });
  }

  /** The port that answers `ends` go to. */
  answered(proto: number, ends: Ends): number {
    return this.#own.get(keyOf(proto, ends)) ?? ends.dport;
  }
}

function answerOf({ saddr, sport, daddr, dport }: Ends): Ends {
  return { saddr: daddr, sport: dport, daddr: saddr, dport: sport };
}

function keyOf(proto: number, { saddr, sport, daddr, dport }: Ends): string {
  return `${proto} ${saddr} ${sport} ${daddr} ${dport}`;
}
