/**
 * The kernel's settings of connection tracking, reassembly and programs, by the names `sysctl -a` prints: the
 * kernel's own values first, then what somebody sets. Documentation/networking/nf_conntrack-sysctl.rst,
 * ip-sysctl.rst and admin-guide/sysctl/kernel.rst of the kernel describe them.
 */
import { TIMEOUT_MAX } from "../../abi/limits.ts";
import type { Config, Timeouts, Timer } from "../dataplane/entries.ts";
import { DataplaneError } from "../dataplane/error.ts";

/** What they come to. */
export type Sysctls = Pick<
  Config,
  | "checksum"
  | "tcpLoose"
  | "tcpBeLiberal"
  | "tcpNoWindowCheck"
  | "tcpMaxRetrans"
  | "timeouts"
  | "fragmentTimeouts"
> & {
  /** kernel.bpf_stats_enabled: run times of programs are noted. */
  readonly bpfStats: boolean;
  /** Timers that were set, so that a default of kube-proxy's does not go before them. */
  readonly given: ReadonlySet<Timer>;
};

/**
 * Seconds: tcp_timeouts, udp_timeouts and sctp_timeouts in net/netfilter/nf_conntrack_proto_*.c,
 * IP_FRAG_TIME and IPV6_FRAG_TIMEOUT.
 */
const TIMEOUTS: { readonly [Name in Timer]: number } = {
  SYN_SENT: 120,
  SYN_RECV: 60,
  ESTABLISHED: 432_000,
  FIN_WAIT: 120,
  CLOSE_WAIT: 60,
  LAST_ACK: 30,
  TIME_WAIT: 120,
  CLOSE: 10,
  SYN_SENT2: 120,
  UDP: 30,
  UDP_STREAM: 120,
  SCTP_CLOSED: 10,
  SCTP_COOKIE_WAIT: 3,
  SCTP_COOKIE_ECHOED: 3,
  SCTP_ESTABLISHED: 210,
  SCTP_SHUTDOWN_SENT: 3,
  SCTP_SHUTDOWN_RECD: 3,
  SCTP_SHUTDOWN_ACK_SENT: 3,
  SCTP_HEARTBEAT_SENT: 30,
  MAX_RETRANS: 300,
  UNACKNOWLEDGED: 300,
};
const FRAGMENT_TIMEOUTS = { ipv4: 30, ipv6: 60 };
const TCP_MAX_RETRANS = 3;
/** proc_dou8vec_minmax bounds it. */
const TCP_MAX_RETRANS_MAX = 255;

/** By name; the kernel has no setting for SYN_SENT2. */
const TIMERS = new Map<string, Timer>(
  (Object.keys(TIMEOUTS) as Timer[])
    .filter((timer) => timer !== "SYN_SENT2")
    .map((timer) => [nameOf(timer), timer]),
);
const FLAGS = {
  nf_conntrack_checksum: "checksum",
  nf_conntrack_tcp_loose: "tcpLoose",
  nf_conntrack_tcp_be_liberal: "tcpBeLiberal",
  // Of OpenWrt's kernels: 613-netfilter_optional_tcp_window_check.patch there.
  nf_conntrack_tcp_no_window_check: "tcpNoWindowCheck",
  bpf_stats_enabled: "bpfStats",
} as const;
/** Where IPv6 is tracked, conntrack collects the fragments and its own setting holds; the other is taken alike. */
const FRAGMENTS = {
  ipfrag_time: "ipv4",
  nf_conntrack_frag6_timeout: "ipv6",
  ip6frag_time: "ipv6",
} as const;
const MAX_RETRANS = "nf_conntrack_tcp_max_retrans";

function nameOf(timer: Timer): string {
  if (timer === "UDP") return "nf_conntrack_udp_timeout";
  if (timer === "UDP_STREAM") return "nf_conntrack_udp_timeout_stream";
  if (timer.startsWith("SCTP_")) {
    return `nf_conntrack_sctp_timeout_${timer.slice("SCTP_".length).toLowerCase()}`;
  }
  return `nf_conntrack_tcp_timeout_${timer.toLowerCase()}`;
}

/**
 * A name may stand behind the folders it is in: "net.netfilter.nf_conntrack_udp_timeout". Throws DataplaneError
 * "bad-option" for a name that no dataplane knows, and for a value that the kernel would refuse.
 */
export function sysctlsOf(given: Readonly<Record<string, number | string>> = {}): Sysctls {
  const sysctls = defaults();
  for (const [name, value] of Object.entries(given)) set(sysctls, name, value);
  return sysctls;
}

type Draft = {
  -readonly [Name in Exclude<
    keyof Sysctls,
    "timeouts" | "fragmentTimeouts" | "given"
  >]: Sysctls[Name];
} & {
  timeouts: Record<Timer, number>;
  fragmentTimeouts: { ipv4: number; ipv6: number };
  given: Set<Timer>;
};

function defaults(): Draft {
  const timeouts = Object.entries(TIMEOUTS).map(([timer, seconds]) => [timer, seconds * 1000]);
  return {
    checksum: true,
    tcpLoose: true,
    tcpBeLiberal: false,
    tcpNoWindowCheck: false,
    tcpMaxRetrans: TCP_MAX_RETRANS,
    bpfStats: false,
    timeouts: Object.fromEntries(timeouts) as Timeouts,
    fragmentTimeouts: {
      ipv4: FRAGMENT_TIMEOUTS.ipv4 * 1000,
      ipv6: FRAGMENT_TIMEOUTS.ipv6 * 1000,
    },
    given: new Set(),
  };
}

function set(draft: Draft, name: string, value: number | string): void {
  const short = name.slice(name.lastIndexOf(".") + 1);
  const timer = TIMERS.get(short);
  if (timer) {
    draft.timeouts[timer] = secondsOf(name, value) * 1000;
    draft.given.add(timer);
  } else if (Object.hasOwn(FLAGS, short)) {
    draft[FLAGS[short as keyof typeof FLAGS]] = numberOf(name, value, 1) === 1;
  } else if (Object.hasOwn(FRAGMENTS, short)) {
    draft.fragmentTimeouts[FRAGMENTS[short as keyof typeof FRAGMENTS]] =
      secondsOf(name, value) * 1000;
  } else if (short === MAX_RETRANS) {
    draft.tcpMaxRetrans = numberOf(name, value, TCP_MAX_RETRANS_MAX);
  } else {
    throw unknown(name);
  }
}

/** The kernel takes longer ones; here a clock of 32 bits has to keep them. */
function secondsOf(name: string, value: number | string): number {
  return numberOf(name, value, Math.floor(TIMEOUT_MAX / 1000));
}

function numberOf(name: string, value: number | string, most: number): number {
  const isText = typeof value === "string" && /^\s*\d+\s*$/.test(value);
  const number = isText ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= 0 && number <= most)
    return number;
  throw new DataplaneError(
    "bad-option",
    `sysctls.${name} is ${typeof value === "string" ? JSON.stringify(value) : String(value)}: it must be an integer from 0 to ${most}`,
  );
}

function unknown(name: string): DataplaneError {
  if (name.endsWith("nf_conntrack_max")) {
    return new DataplaneError(
      "bad-option",
      `sysctls.${name} is set otherwise here: create the dataplane with capacity.connections and capacity.connections6`,
    );
  }
  const known = [...Object.keys(FLAGS), MAX_RETRANS, ...TIMERS.keys(), ...Object.keys(FRAGMENTS)];
  return new DataplaneError(
    "bad-option",
    `sysctls.${name} means nothing to a dataplane; known are ${known.join(", ")}`,
  );
}
