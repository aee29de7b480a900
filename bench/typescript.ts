/**
 * The same job as one writes it in TypeScript when nobody asks for speed: objects, Maps with text for keys, a
 * DataView. It parses, verifies checksums, follows connections with their TCP windows, chooses endpoints,
 * masquerades and translates both directions, for IPv4 and IPv6; no fragments, no ICMP, no affinity.
 */
import { draw, initial } from "../src/model/random.ts";
import { parse as parseAddress } from "../src/packet/address.ts";
import {
  dialledBy,
  flagsOf,
  hasGoodChecksums,
  keyOf,
  keyText,
  type Packet,
  parse,
  type Rewrite,
  rewrite,
  serviceKey,
  TCP,
  tupleOf,
  UDP,
} from "./typescript-packet.ts";

interface Endpoint {
  readonly address: Uint8Array;
  readonly port: number;
  packets: number;
  bytes: number;
}

interface Service {
  readonly endpoints: Endpoint[];
  /** The node's address, which takes the place of the client's when answers must come back this way. */
  readonly masquerade: Uint8Array | null;
}

interface Side {
  /** Sequence number behind what was sent, and behind what may be. */
  end: number;
  maxEnd: number;
  maxWindow: number;
}

type State = "opening" | "answered" | "established" | "closing";
type Direction = "forward" | "reply";

interface Connection {
  readonly keys: readonly [string, string];
  readonly endpoint: Endpoint;
  readonly rewrites: Readonly<Record<Direction, Rewrite>>;
  readonly sides: Readonly<Record<Direction, Side>>;
  readonly protocol: number;
  state: State;
  expires: number;
}

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
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
/** Oldest acknowledgement that is still taken: nf_conntrack's MAXACKWINCONST. */
const ACK_WINDOW = 66000;

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

  /** Objects of the API: Services, EndpointSlices, and of a Node its first address. */
  apply(objects: readonly unknown[]): void {
    const node = all(objects, "Node").map((each) => each.status.addresses[0].address)[0];
    for (const { metadata, spec } of all(objects, "Service")) {
      const endpoints = endpointsOf(objects, metadata.name);
      const { port, protocol } = spec.ports[0];
      const add = (vip: string, masquerade: Uint8Array | null) =>
        this.services.set(serviceKey(vip, port, protocol), { endpoints, masquerade });
      add(spec.clusterIP, null);
      for (const vip of spec.externalIPs ?? []) add(vip, parseAddress(node));
    }
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
    let own = sport;
    let back = keyText(packet.protocol, address, port, source, own);
    while (this.connections.has(back)) {
      own = own === 65535 ? 1024 : own + 1;
      back = keyText(packet.protocol, address, port, source, own);
    }
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
    if (this.options.windows && !isInWindow(connection, direction, packet)) return false;
    connection.state = nextState(connection.state, direction, flagsOf(packet));
    connection.expires = now + TCP_TIMEOUTS[connection.state];
    return true;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: objects of the API, which the benchmark itself has made
function all(objects: readonly unknown[], kind: string): any[] {
  return (objects as { kind: string }[]).filter((each) => each.kind === kind);
}

const slicesOf = new WeakMap<readonly unknown[], Map<string, Endpoint[]>>();

/** In the order of their names, as the engine lays out its rings. */
function endpointsOf(objects: readonly unknown[], service: string): Endpoint[] {
  let byService = slicesOf.get(objects);
  if (byService === undefined) {
    byService = new Map(
      all(objects, "EndpointSlice").map((slice) => [
        slice.metadata.labels["kubernetes.io/service-name"],
        slice.endpoints
          .map((each: { addresses: string[] }) => each.addresses[0])
          .sort()
          .map((address: string) => ({
            address: parseAddress(address),
            port: slice.ports[0].port,
            packets: 0,
            bytes: 0,
          })),
      ]),
    );
    slicesOf.set(objects, byService);
  }
  return byService.get(service) ?? [];
}

function silent(): Side {
  return { end: 0, maxEnd: 0, maxWindow: 0 };
}

/** Whether sequence number `a` comes after `b`. */
function isAfter(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

/** Guido van Rooij's rules, as nf_conntrack has them, without options. */
function isInWindow({ sides }: Connection, direction: Direction, packet: Packet): boolean {
  const { view, transport, end: packetEnd } = packet;
  const sender = sides[direction];
  const receiver = sides[direction === "forward" ? "reply" : "forward"];
  const flags = flagsOf(packet);
  const seq = view.getUint32(transport + 4);
  const header = (view.getUint8(transport + 12) >> 4) * 4;
  const length = packetEnd - transport - header + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
  const end = (seq + length) >>> 0;
  const window = view.getUint16(transport + 14);
  const ack = flags & ACK ? view.getUint32(transport + 8) : receiver.end;
  if (sender.maxWindow === 0) {
    sender.end = end;
    sender.maxEnd = end;
    sender.maxWindow = Math.max(window, 1);
  }
  const oldest = Math.max(sender.maxWindow, ACK_WINDOW);
  if (isAfter(seq, sender.maxEnd)) return false;
  if (!isAfter(end, sender.end - receiver.maxWindow - 1)) return false;
  if (isAfter(ack, receiver.end) || !isAfter(ack, receiver.end - oldest - 1)) return false;
  if (isAfter(end, sender.end)) sender.end = end;
  sender.maxWindow = Math.max(sender.maxWindow, window);
  const offered = (ack + Math.max(window, 1)) >>> 0;
  if (isAfter(offered, receiver.maxEnd)) receiver.maxEnd = offered;
  return true;
}

function nextState(state: State, direction: Direction, flags: number): State {
  if (flags & (RST | FIN)) return "closing";
  if (state === "opening" && direction === "reply" && flags & SYN) return "answered";
  if (state === "answered" && direction === "forward" && flags & ACK) return "established";
  return state;
}
