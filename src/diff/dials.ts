/** Everything that can be dialled on either side. */
import {
  type Family,
  FRONTENDS,
  type Frontend as FrontendKind,
  type Proto,
} from "../dataplane/entries.ts";
import { order } from "../order.ts";
import * as address from "../packet/address.ts";
import { dialled, type Frontend, type View, vipKey } from "./view.ts";

/** An address, port and protocol that a Service is dialled at, on one side at least. */
export interface Dial {
  readonly family: Family;
  readonly daddr: string;
  readonly dport: number;
  readonly proto: Proto;
  /** The addresses of the node that this one speaks for, itself among them; one unless it is a nodePort. */
  readonly addresses: readonly string[];
  /** Of the new side where both have one. */
  readonly frontend: FrontendKind;
  readonly old: Frontend | undefined;
  readonly next: Frontend | undefined;
}

/** All nodePorts on 127.0.0.0/8 go by this address. */
export const LOCALHOST = "127.0.0.1";

/** In no order that means anything. */
export function* dialsOf(old: View, next: View): Generator<Dial> {
  const own = new Set([...old.frontends.keys(), ...next.frontends.keys()]);
  const groups = nodePortGroups(old, next);
  for (const key of own) {
    const { vip } = (next.frontends.get(key) ?? old.frontends.get(key)) as Frontend;
    if (vip.address !== "") yield* dialOf(old, next, vip, [vip.address]);
    else {
      for (const group of groups[vip.family]) {
        const free = group.filter((text) => !own.has(vipKey({ ...vip, address: text })));
        if (free.length > 0) yield* dialOf(old, next, vip, free);
      }
    }
  }
}

/** Nothing where neither side serves it. */
function* dialOf(
  old: View,
  next: View,
  { family, port: dport, proto }: Frontend["vip"],
  addresses: readonly string[],
): Generator<Dial> {
  const dial = { family, daddr: addresses[0] as string, dport, proto };
  const [before, after] = [dialled(old, dial), dialled(next, dial)];
  const frontend = (after ?? before)?.service.frontend;
  if (frontend) yield { ...dial, addresses, frontend, old: before, next: after };
}

/** Addresses of the node that no nodePort tells apart: those served on the same sides. */
function nodePortGroups(old: View, next: View): Readonly<Record<Family, readonly string[][]>> {
  const groups = new Map<string, string[]>();
  const texts = [...new Set([...old.addresses.keys(), ...next.addresses.keys()])].sort(order);
  for (const text of texts) {
    const served = [old, next].map(({ addresses }) => addresses.get(text) ?? false);
    if (!served.includes(true)) continue;
    // The packet path asks whether an address is the node's as well.
    const known = [old, next].map(({ addresses }) => addresses.has(text));
    const key = `${address.family(text)} ${served} ${known}`;
    groups.set(key, [...(groups.get(key) ?? []), text]);
  }
  const of = (family: Family) =>
    [...groups].filter(([key]) => key.startsWith(family)).map(([, group]) => group);
  const localhost = [old, next].some(({ localhostNodePorts }) => localhostNodePorts);
  return { ipv4: [...of("ipv4"), ...(localhost ? [[LOCALHOST]] : [])], ipv6: of("ipv6") };
}

/** By kind, family and address, as people look for them. */
export function orderDials(a: Dial, b: Dial): number {
  return (
    FRONTENDS.indexOf(a.frontend) - FRONTENDS.indexOf(b.frontend) ||
    order(a.family, b.family) ||
    address.compare(a.daddr, b.daddr) ||
    a.dport - b.dport ||
    order(a.proto, b.proto)
  );
}
