/** Which new flows the kernel sent where their client had been before, and not by chance. */
import { ETHERNET, type Headers, read } from "./packet.ts";
import { bytesOf, type KubernetesObject, type PacketStep, type Scenario } from "./recording.ts";

interface Visit {
  readonly client: string;
  readonly endpoint: string;
  readonly at: number;
}

/** Steps whose client was remembered: a flow of its own, within the timeout of the one before, to the same place. */
export function rememberedSteps({ objects, steps }: Scenario): ReadonlySet<number> {
  const timeout = timeoutOf(objects);
  const [visits, flows, remembered] = [[] as Visit[], new Set<string>(), new Set<number>()];
  for (const step of steps) {
    if (step.action !== undefined || step.endpoint === undefined) continue;
    const { client, flow } = flowOf(step);
    if (flows.has(flow)) continue;
    flows.add(flow);
    const { endpoint, at_ms: at } = step;
    const last = visits.findLast((visit) => visit.client === client);
    if (last?.endpoint === endpoint && at - last.at <= timeout) remembered.add(step.n);
    visits.push({ client, endpoint, at });
  }
  return remembered;
}

function timeoutOf(objects: readonly KubernetesObject[]): number {
  const seconds = objects.map(({ spec }) => spec?.sessionAffinityConfig?.clientIP?.timeoutSeconds);
  return 1000 * Math.max(0, ...seconds.map((value) => value ?? 0));
}

function flowOf({ frame }: PacketStep): { client: string; flow: string } {
  const { saddr, sport, daddr, dport } = read(bytesOf(frame!).subarray(ETHERNET)) as Headers;
  return { client: saddr, flow: `${saddr} ${sport} ${daddr} ${dport}` };
}
