/** The compiled entries of a dataplane, read once, by the names that two dataplanes have in common. */
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Config, RingName, Service, Vip } from "../dataplane/entries.ts";
import type { FlowSpec } from "../explain.ts";
import { order } from "../order.ts";
import * as address from "../packet/address.ts";
import { dialledVip } from "../vip.ts";

/** A vip, and what it leads to. */
export interface Frontend {
  readonly vip: Vip;
  readonly service: Service;
}

/** An endpoint of a ring. */
export interface Member {
  /** "ip:port". */
  readonly name: string;
  readonly address: string;
  /** Source of masqueraded connections to it; "" when the node has none. */
  readonly masquerade: string;
}

/** One side of a comparison. */
export interface View {
  readonly dataplane: Dataplane;
  /** By `vipKey`. */
  readonly frontends: ReadonlyMap<string, Frontend>;
  /** Addresses of the node; whether they serve nodePorts. */
  readonly addresses: ReadonlyMap<string, boolean>;
  readonly podRanges: Config["podRanges"];
  readonly localhostNodePorts: boolean;
  /** Every address that an endpoint has. */
  readonly endpointAddresses: ReadonlySet<string>;
  /** In the order of their names. */
  members(service: number, ring: RingName): readonly Member[];
}

/** Reads the maps; the view does not follow what is applied later. */
export function createView(dataplane: Dataplane): View {
  const { maps } = dataplane;
  const config = maps.config.lookup("config");
  const members = readMembers(dataplane);
  return {
    dataplane,
    frontends: readFrontends(dataplane),
    addresses: new Map(
      [...maps.addresses.entries()].map(([key, value]) => [key.address, value.nodePorts]),
    ),
    podRanges: config?.podRanges ?? { ipv4: [], ipv6: [] },
    localhostNodePorts: config?.localhostNodePorts ?? false,
    endpointAddresses: new Set([...members.values()].flat().map((member) => member.address)),
    members: (service, ring) => members.get(`${service} ${ring}`) ?? [],
  };
}

/** Of a nodePort the address is "". */
export function vipKey({ family, address: text, port, proto }: Vip): string {
  return `${family} ${text} ${port} ${proto}`;
}

function readFrontends({ maps }: Dataplane): Map<string, Frontend> {
  const frontends = new Map<string, Frontend>();
  for (const [vip, service] of maps.services.entries())
    frontends.set(vipKey(vip), { vip, service });
  return frontends;
}

/** By number of the service port and name of the ring. */
function readMembers({ maps }: Dataplane): Map<string, readonly Member[]> {
  const rings = new Map<string, Member[]>();
  for (const [, backend] of maps.backends.entries()) {
    const { address: text, port, masquerade } = backend;
    const member = { name: address.formatEndpoint(text, port), address: text, masquerade };
    for (const ring of backend.rings) {
      const key = `${backend.service} ${ring}`;
      const known = rings.get(key);
      if (known) known.push(member);
      else rings.set(key, [member]);
    }
  }
  for (const ring of rings.values()) ring.sort((a, b) => order(a.name, b.name));
  return rings;
}

/** The frontend that is dialled; undefined when it is no Service's. */
export function dialled(
  view: View,
  flow: Pick<FlowSpec, "daddr" | "dport" | "proto">,
): Frontend | undefined {
  const vip = dialledVip(view.dataplane.maps, flow);
  return vip && view.frontends.get(vipKey(vip));
}

/** 127.0.0.0/8 is the node's as well. */
export function isLocal({ addresses }: View, text: string): boolean {
  return text.startsWith("127.") || addresses.has(text);
}
