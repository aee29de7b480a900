/**
 * The kernel's own netfilter, with kube-proxy's rules, against waxdp: the same frames into both, and what comes out
 * compared byte for byte. Skipped where there is no such kernel, unless WAXDP_REQUIRE_TOOLS=1 says that there is.
 */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runs, TIMEOUT } from "../fuzz/runs.ts";
import { type Cluster, cluster, type Frontend, formatCluster, frontendsOf } from "./clusters.ts";
import { complain, open, proceed, say } from "./conversation.ts";
import { NAMES } from "./datagram.ts";
import { createDuel, type Duel } from "./duel.ts";
import type { Flow } from "./flow.ts";
import type { Lab } from "./lab.ts";
import { type Command, clientFor, command, ERRORS, strayPacket } from "./packets.ts";
import { requireLab, skipped } from "./requirement.ts";
import { sweep } from "./sweep.ts";
import { familyOf, linkOf } from "./topology.ts";

/** A cluster, what is done with it, and the services that take the place of its own on the way. */
const scenario = fc.record({
  cluster,
  later: cluster,
  seed: fc.nat(),
  commands: fc.array(command, { minLength: 10, maxLength: 40, size: "max" }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

describe.skipIf(skipped)("the kernel and waxdp", () => {
  /** One per test: a search that is cut short may have a packet under way. */
  let lab: Lab;
  beforeEach(async () => {
    lab = await requireLab();
  });
  afterEach(() => lab?.close());

  test(
    "do the same to every packet, whatever the cluster",
    async () => {
      const reached = new Set<string>();
      const play = async (one: Scenario) => {
        const duel = await createDuel(lab, one.cluster, one.seed);
        await run(duel, one);
        for (const word of duel.reached) reached.add(word);
      };
      await fc.assert(fc.asyncProperty(scenario, play), {
        ...runs<[Scenario]>(150),
        interruptAfterTimeLimit: TIMEOUT * 0.8,
      });
      expect(WORDS.filter((word) => !reached.has(word))).toEqual([]);
    },
    TIMEOUT,
  );

  test(
    "give every client the same choice of endpoints",
    async () => {
      const swept = async (one: Cluster) => {
        const lines = await sweep(lab, one);
        if (lines.length > 0) throw new Error([...lines, formatCluster(one)].join("\n"));
      };
      await fc.assert(fc.asyncProperty(cluster, swept), {
        ...runs<[Cluster]>(20),
        interruptAfterTimeLimit: TIMEOUT * 0.8,
      });
    },
    TIMEOUT,
  );
});

/** What a search has to come to. */
const WORDS = [
  "dnat",
  "reply",
  "related",
  "reject",
  "drop",
  "pass",
  "masquerade",
  "other port",
  "remembered",
  "invalid",
  "checksum",
  "martian",
  "no-endpoints",
  "no-local-endpoints",
  "source-range",
];

async function run(duel: Duel, { cluster, later, commands }: Scenario): Promise<void> {
  const frontends = [...frontendsOf(cluster), ...frontendsOf(later)];
  let shift = 0;
  for (const one of commands) {
    if (one.kind === "apply") {
      duel.apply({ ...cluster, services: later.services });
      shift = PORT_SHIFT;
    }
    const frontend = "which" in one ? frontends[one.which % frontends.length] : undefined;
    if (frontend !== undefined) await approach(duel, frontend, one, shift);
    const flow = "flow" in one ? duel.flows[one.flow % duel.flows.length] : undefined;
    if (flow !== undefined) await carryOn(duel, flow, one, shift);
  }
}

/** What the kernel may have tracked untranslated before is not dialled with the same ports again. */
const PORT_SHIFT = 20;

async function approach(
  duel: Duel,
  frontend: Frontend,
  one: Command,
  shift: number,
): Promise<void> {
  if (one.kind === "open") {
    const { address, port } = clientFor(frontend.address, one.client);
    await open(duel, frontend, { address, port: port + shift }, one.shape);
  } else if (one.kind === "stray") {
    const bytes = strayPacket(frontend, one.client, one.odd);
    const { address } = clientFor(frontend.address, one.client);
    await duel.send(linkOf(address), bytes);
  }
}

async function carryOn(duel: Duel, flow: Flow, one: Command, shift: number): Promise<void> {
  if (one.kind === "proceed") await proceed(duel, flow, one.shape);
  if (one.kind === "say") await say(duel, flow, one.from, one.shape);
  if (one.kind === "complain") {
    const [type, code] = ERRORS[one.complaint.error][familyOf(flow.orig.daddr)];
    await complain(duel, flow, { ...one.complaint, type, code });
  }
  if (one.kind === "direct") {
    const { daddr, dport, proto } = flow.translated ?? flow.orig;
    const endpoint = { address: daddr, port: dport, proto: NAMES[proto] as Frontend["proto"] };
    const { address, port } = clientFor(daddr, one.client);
    await open(duel, endpoint, { address, port: port + shift });
  }
}
