/**
 * What kube-proxy answers about itself on healthzBindAddress, port 10256 unless told otherwise:
 * pkg/proxy/healthcheck/proxy_health.go, as of Kubernetes 1.33.
 */
import type { Node } from "../control/kubernetes.ts";
import { FAMILIES, type Family } from "../dataplane/entries.ts";
import { badOption } from "../dataplane/error.ts";
import { show } from "../dataplane/field.ts";
import { type Answer, JSON_HEADERS, statusOf } from "./answer.ts";

/** The proxier of one family. Times are milliseconds since 1970. */
export interface ProxierState {
  /** When its rules were last brought up to date; null before the first time. */
  readonly lastUpdated: number | null;
  /** Since when the oldest change waits that is not in the rules yet; null when none does. */
  readonly queuedSince: number | null;
}

/** What a node tells of its proxy and itself. */
export interface ProxyState {
  /** A proxier for each family that the node serves. */
  readonly families: { readonly [Name in Family]?: ProxierState };
  /** iptables.syncPeriod of KubeProxyConfiguration in milliseconds; default 30000. */
  readonly syncPeriod?: number;
  /** Of `isEligible`. */
  readonly nodeEligible: boolean;
}

/** The answers at one moment. */
export interface ProxyHealth {
  /** No proxier is late. This, not the node's eligibility, is what the answers for Services tell. */
  readonly healthy: boolean;
  /** 503 too when the node is about to go, though the body says healthy. */
  readonly healthz: Answer;
  /** The same without the node. */
  readonly livez: Answer;
}

/** Defaults of KubeProxyConfiguration: pkg/proxy/apis/config/v1alpha1/defaults.go. */
const SYNC_PERIOD = 30_000;
/** A proxier is late after this many sync periods: cmd/kube-proxy/app/server.go. */
const LATE_PERIODS = 2;
/** Set by the cluster autoscaler before it removes a node: ToBeDeletedTaint. */
const TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler";
/** Go's zero time.Time, its word for never. */
const NEVER = "0001-01-01T00:00:00Z";
/** The years that time.Time.MarshalJSON writes, 0 to 9999. */
const TIME_MIN = Date.parse("0000-01-01T00:00:00Z");
const TIME_MAX = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * The answers to GET /healthz and GET /livez at `now`, in milliseconds since 1970.
 * A proxier that has been up to date once is late when a change has waited for two sync periods or longer;
 * one that is starting or idle is not. Throws DataplaneError "bad-option".
 */
export function proxyHealth(state: ProxyState, now: number): ProxyHealth {
  checkState(state, now);
  const timeout = LATE_PERIODS * (state.syncPeriod ?? SYNC_PERIOD);
  const proxiers = FAMILIES.flatMap((family) =>
    proxierHealth(family, state.families[family], now, timeout),
  );
  const healthy = proxiers.every((proxier) => proxier.healthy);
  const { nodeEligible } = state;
  return {
    healthy,
    healthz: answerOf(proxiers, now, healthy && nodeEligible, { nodeEligible }),
    livez: answerOf(proxiers, now, healthy, {}),
  };
}

/**
 * Whether load balancers may send new connections to the node: it is there, has no
 * metadata.deletionTimestamp, and no taint of the cluster autoscaler says that it will be removed. Throws
 * DataplaneError "bad-option" for what is no Node object.
 */
export function isEligible(node: Node | undefined): boolean {
  if (!node) return false;
  if (typeof node !== "object" || !("metadata" in node))
    throw badOption(
      `isEligible takes a Node object (of ObjectSet.nodes the field "object"), not ${show(node)}`,
    );
  const { deletionTimestamp } = node.metadata ?? {};
  if (deletionTimestamp && deletionTimestamp !== NEVER) return false;
  return !(node.spec?.taints ?? []).some(({ key }) => key === TO_BE_DELETED);
}

interface ProxierHealth {
  readonly family: "IPv4" | "IPv6";
  readonly lastUpdated: number;
  readonly healthy: boolean;
}

/** None for a proxier that was never up to date: kube-proxy does not know it yet. */
function proxierHealth(
  family: Family,
  state: ProxierState | undefined,
  now: number,
  timeout: number,
): ProxierHealth[] {
  if (!state || state.lastUpdated === null) return [];
  const { lastUpdated, queuedSince } = state;
  const healthy = queuedSince === null || now - queuedSince < timeout;
  return [{ family: family === "ipv4" ? "IPv4" : "IPv6", lastUpdated, healthy }];
}

/** A good answer always calls the last update recent: kube-proxy's sync used to run without a change too. */
function answerOf(
  proxiers: readonly ProxierHealth[],
  now: number,
  good: boolean,
  node: { readonly nodeEligible?: boolean },
): Answer {
  const body = {
    lastUpdated: good ? timeText(now) : newest(proxiers),
    currentTime: timeText(now),
    ...node,
    healthy: proxiers.every((proxier) => proxier.healthy),
    status: proxiers.length > 0 ? statusByFamily(proxiers) : undefined,
  };
  return { status: statusOf(good), headers: { ...JSON_HEADERS }, body: JSON.stringify(body) };
}

function newest(proxiers: readonly ProxierHealth[]): string {
  if (proxiers.length === 0) return NEVER;
  return timeText(Math.max(...proxiers.map(({ lastUpdated }) => lastUpdated)));
}

function statusByFamily(proxiers: readonly ProxierHealth[]): Record<string, unknown> {
  return Object.fromEntries(
    proxiers.map(({ family, lastUpdated, healthy }) => [
      family,
      { lastUpdated: timeText(lastUpdated), healthy },
    ]),
  );
}

/** RFC 3339 without zeros at the end of the fraction, as Go writes time.Time into JSON; in UTC. */
function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.?0*Z$/, "Z");
}

function checkState(state: ProxyState, now: number): void {
  if (typeof state !== "object" || state === null) throw badOption("the state must be an object");
  const { families, syncPeriod = SYNC_PERIOD, nodeEligible } = state;
  checkTime("now", now);
  if (typeof nodeEligible !== "boolean")
    throw badOption(`nodeEligible is ${show(nodeEligible)}: it must be true or false`);
  if (typeof syncPeriod !== "number" || !(syncPeriod > 0 && syncPeriod < Number.POSITIVE_INFINITY))
    throw badOption(`syncPeriod is ${show(syncPeriod)}: it must be milliseconds above 0`);
  if (typeof families !== "object" || families === null)
    throw badOption(`families is ${show(families)}: it must be an object with ipv4, ipv6 or both`);
  const stranger = Object.keys(families).find((name) => !FAMILIES.some((each) => each === name));
  if (stranger !== undefined)
    throw badOption(`families.${stranger} is not known: the families are ipv4 and ipv6`);
  for (const family of FAMILIES) {
    const proxier = families[family];
    if (proxier !== undefined) checkProxier(family, proxier);
  }
}

function checkProxier(family: Family, state: ProxierState | null): void {
  if (typeof state !== "object" || state === null)
    throw badOption(`families.${family} is ${show(state)}: it must be an object`);
  for (const field of ["lastUpdated", "queuedSince"] as const) {
    if (state[field] !== null) checkTime(`families.${family}.${field}`, state[field]);
  }
}

function checkTime(name: string, time: number): void {
  if (typeof time === "number" && time >= TIME_MIN && time <= TIME_MAX) return;
  throw badOption(
    `${name} is ${show(time)}: it must be milliseconds since 1970, in the years 0 to 9999`,
  );
}
