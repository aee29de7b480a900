/** `conntrack -D`, as far as kube-proxy uses it, for a dataplane. */
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import type { Connection, Tuple } from "../../src/dataplane/entries.ts";

/** What each option asks of a connection. */
const OPTIONS: {
  readonly [option: string]: (orig: Tuple, connection: Connection) => string | number;
} = {
  "-p": ({ proto }) => proto,
  "--orig-dst": ({ daddr }) => daddr,
  "--orig-port-dst": ({ dport }) => dport,
  "--reply-src": (_, { reply }) => reply.saddr,
};

/** Removes what `args` describe and returns how many connections that were. */
export function deleteConnections({ maps }: Dataplane, args: string): number {
  const conditions = [...args.matchAll(/(\S+) (\S+)/g)].map(([, option, value]) => ({
    of: OPTIONS[option!]!,
    value,
  }));
  const matching = [...maps.conntrack.entries()].filter(([orig, connection]) =>
    conditions.every(({ of, value }) => String(of(orig, connection)) === value),
  );
  return matching.filter(([orig]) => maps.conntrack.delete(orig)).length;
}
