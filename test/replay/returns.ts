/** Captured packets sent there and back. */
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import type { PacketSpec } from "../../src/packet/build.ts";
import type { Packet } from "../../src/pcap/index.ts";
import { createBothWays, type Returned } from "../../src/replay/bothways.ts";

export function play(dataplane: Dataplane, packets: readonly Packet[]): Returned[] {
  const bothWays = createBothWays(dataplane);
  return packets.map((packet, index) => bothWays.take(packet, index + 1));
}

export function results(dataplane: Dataplane, packets: readonly Packet[]): string[] {
  return play(dataplane, packets).map(({ direction, result }) => `${direction} ${result}`);
}

export function last(dataplane: Dataplane, ...packets: readonly Packet[]): Returned {
  const returned = play(dataplane, packets).at(-1);
  if (!returned) throw new Error("nothing was played");
  return returned;
}

export function reply(spec: PacketSpec): PacketSpec {
  return { ...spec, saddr: spec.daddr, sport: spec.dport, daddr: spec.saddr, dport: spec.sport };
}
