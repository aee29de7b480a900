/**
 * The same job as one writes it in TypeScript when nobody asks for speed: objects, Maps with text for keys, a
 * DataView. It parses, verifies checksums, follows connections with their TCP windows, chooses endpoints,
 * masquerades and translates both directions, for IPv4 and IPv6; no fragments, no ICMP, no affinity.
 */
import { draw, initial } from "../../src/model/random.ts";
import {
  ACK,
  dialledBy,
  FIN,
  flagsOf,
  hasGoodChecksums,
  keyOf,
  keyText,
  type Packet,
  parse,
  type Rewrite,
  RST,
  rewrite,
  SYN,
  TCP,
  tupleOf,
  UDP,
} from "./typescript/packet.ts";
import { type Endpoint, type Service, servicesOf } from "./typescript/service.ts";
import { type Direction, isInWindow, type Sides, silent } from "./typescript/window.ts";

type State = "opening" | "answered" | "established" | "closing";

interface Connection {
  readonly keys: readonly [string, string];
  readonly endpoint: Endpoint;
  readonly rewrites: Readonly<Record<Direction, Rewrite>>;
  readonly sides: Sides;
  readonly protocol: number;
  state: State;
  expires: number;
}

const SECOND = 1000;
const TCP_TIMEOUTS: Readonly<Record<State, number>> = {
  opening: 120 * SECOND,
  answered: 60 * SECOND,
  established: 432_000 * SECOND,
  closing: 120 * SECOND,
};
const UDP_TIMEOUTS: Readonly<Record<State, number>> = {
  opening: 30 * SECOND,
  answered: 120 * SECOND,
  established: 120 * SECOND,
  closing: 30 * SECOND,
};

export interface ProxyOptions {
  readonly seed: number;
  /** Most connections. */
  readonly capacity: number;
  /** Whether segments are held against their windows. */
  readonly windows: boolean;
}

export class ServiceProxy {
  readonly options: ProxyOptions;
  readonly services = new Map<string, Service>();
  readonly connections = new Map<string, { connection: Connection; direction: Direction }>();
  readonly chance: { random: number };
  swept = 0;

  constructor(options: ProxyOptions) {
    this.options = options;
    this.chance = { random: initial(options.seed) };
  }

  /** Objects of the Kubernetes API. */
  apply(objects: readonly unknown[]): void {
    for (const [key, service] of servicesOf(objects)) this.services.set(key, service);
  }

  flush(): void {
    this.connections.clear();
  }

  /** Translates a frame where it stands; false when it is not to go on. */
  process(frame: Uint8Array, now: number): boolean {
    this.sweep(now);
    const packet = parse(frame);
    if (packet === null || !hasGoodChecksums(packet)) return false;
    const key = keyOf(packet);
    const known = this.connections.get(key);
    const found =
      known && known.connection.expires > now ? known : this.open(packet, key, known?.connection);
    if (found === undefined) return false;
    const { connection, direction } = found;
    if (!this.follow(connection, direction, packet, now)) return false;
    connection.endpoint.packets++;
    connection.endpoint.bytes += frame.length;
    rewrite(packet, connection.rewrites[direction]);
    return true;
  }

  private sweep(now: number): void {
    if (now < this.swept + SECOND) return;
    this.swept = now;
    for (const { connection } of this.connections.values()) {
      if (connection.expires <= now) this.close(connection);
    }
  }

  private close({ keys }: Connection): void {
    for (const key of keys) this.connections.delete(key);
  }

  private open(packet: Packet, key: string, expired: Connection | undefined) {
    if (expired) this.close(expired);
    if (this.connections.size >= 2 * this.options.capacity) return undefined;
    const service = this.services.get(dialledBy(packet));
    if (service === undefined || service.endpoints.length === 0) return undefined;
    if (packet.protocol === TCP && (flagsOf(packet) & (SYN | ACK)) !== SYN) return undefined;
    const endpoint = service.endpoints[draw(this.chance, service.endpoints.length)] as Endpoint;
    const connection = this.connect(packet, key, endpoint, service.masquerade);
    const opened = { connection, direction: "forward" as const };
    this.connections.set(key, opened);
    this.connections.set(connection.keys[1], { connection, direction: "reply" });
    return opened;
  }

  private connect(
    packet: Packet,
    key: string,
    endpoint: Endpoint,
    masquerade: Uint8Array | null,
  ): Connection {
    const { saddr, sport, daddr, dport } = tupleOf(packet);
    const source = masquerade ?? saddr;
    const { address, port } = endpoint;
    const [own, back] = this.choosePort(packet.protocol, endpoint, source, sport);
    return {
      keys: [key, back],
      endpoint,
      rewrites: {
        forward: { saddr: source, sport: own, daddr: address, dport: port },
        reply: { saddr: daddr, sport: dport, daddr: saddr, dport: sport },
      },
      sides: { forward: silent(), reply: silent() },
      protocol: packet.protocol,
      state: "opening",
      expires: 0,
    };
  }

  /** The client's own port or the next that is free, and the key of what comes back to it. */
  private choosePort(
    protocol: number,
    { address, port }: Endpoint,
    source: Uint8Array,
    sport: number,
  ): [number, string] {
    let own = sport;
    let back = keyText(protocol, address, port, source, own);
    while (this.connections.has(back)) {
      own = own === 65535 ? 1024 : own + 1;
      back = keyText(protocol, address, port, source, own);
    }
    return [own, back];
  }

  private follow(
    connection: Connection,
    direction: Direction,
    packet: Packet,
    now: number,
  ): boolean {
    if (packet.protocol === UDP) {
      if (direction === "reply") connection.state = "answered";
      connection.expires = now + UDP_TIMEOUTS[connection.state];
      return true;
    }
    if (this.options.windows && !isInWindow(connection.sides, direction, packet)) return false;
    connection.state = nextState(connection.state, direction, flagsOf(packet));
    connection.expires = now + TCP_TIMEOUTS[connection.state];
    return true;
  }
}

function nextState(state: State, direction: Direction, flags: number): State {
  if (flags & (RST | FIN)) return "closing";
  if (state === "opening" && direction === "reply" && flags & SYN) return "answered";
  if (state === "answered" && direction === "forward" && flags & ACK) return "established";
  return state;
}
