import { describe, expect, test } from "vitest";
import { sysctlsOf } from "../../src/control/sysctls.ts";
import { config, desired } from "./objects.ts";

describe("sysctls", () => {
  test("of the kernel hold where nothing is said", () => {
    expect(sysctlsOf()).toMatchObject({
      checksum: true,
      tcpLoose: true,
      tcpBeLiberal: false,
      tcpNoWindowCheck: false,
      tcpMaxRetrans: 3,
    });
    const { timeouts } = sysctlsOf();
    expect(timeouts.UNACKNOWLEDGED).toBe(300_000);
    expect(sysctlsOf().fragmentTimeouts).toEqual({ ipv4: 30_000, ipv6: 60_000 });
  });

  test.each([
    { name: "nf_conntrack_checksum", value: 0, field: "checksum", expected: false },
    {
      name: "net.netfilter.nf_conntrack_tcp_loose",
      value: "0",
      field: "tcpLoose",
      expected: false,
    },
    { name: "nf_conntrack_tcp_be_liberal", value: "1", field: "tcpBeLiberal", expected: true },
    {
      name: "net.netfilter.nf_conntrack_tcp_no_window_check",
      value: 1,
      field: "tcpNoWindowCheck",
      expected: true,
    },
    { name: "nf_conntrack_tcp_max_retrans", value: 5, field: "tcpMaxRetrans", expected: 5 },
  ])("$name is taken", ({ name, value, field, expected }) => {
    expect(sysctlsOf({ [name]: value })).toMatchObject({ [field]: expected });
  });

  test.each([
    ["nf_conntrack_tcp_timeout_syn_recv", "SYN_RECV"],
    ["nf_conntrack_tcp_timeout_max_retrans", "MAX_RETRANS"],
    ["nf_conntrack_tcp_timeout_unacknowledged", "UNACKNOWLEDGED"],
    ["nf_conntrack_udp_timeout", "UDP"],
    ["net.netfilter.nf_conntrack_udp_timeout_stream", "UDP_STREAM"],
    ["nf_conntrack_sctp_timeout_cookie_wait", "SCTP_COOKIE_WAIT"],
    ["nf_conntrack_sctp_timeout_established", "SCTP_ESTABLISHED"],
  ] as const)("%s is seconds of %s", (name, timer) => {
    expect(sysctlsOf({ [name]: 7 }).timeouts[timer]).toBe(7000);
  });

  test("of reassembly are told apart by family", () => {
    const given = { "net.ipv4.ipfrag_time": 3, "net.netfilter.nf_conntrack_frag6_timeout": 4 };
    expect(sysctlsOf(given).fragmentTimeouts).toEqual({ ipv4: 3000, ipv6: 4000 });
  });

  test.each([
    [{ nf_conntrack_helper: 1 }, /means nothing to a dataplane; known are/],
    [{ "net.netfilter.nf_conntrack_max": 1 }, /capacity\.connections and capacity\.connections6/],
    [{ constructor: 1 }, /means nothing/],
    [{ nf_conntrack_tcp_loose: 2 }, /is 2: it must be an integer from 0 to 1/],
    [{ nf_conntrack_udp_timeout: "ten" }, /is "ten": it must be/],
    [{ nf_conntrack_udp_timeout: -1 }, /is -1/],
    [{ nf_conntrack_udp_timeout: 1e9 }, /from 0 to 1073741/],
    [{ nf_conntrack_tcp_timeout_syn_sent2: 1 }, /means nothing/],
  ])("that the kernel would refuse are refused: %j", (given, message) => {
    expect(() => sysctlsOf(given as never)).toThrow(message);
  });
});

describe("beside a KubeProxyConfiguration", () => {
  const sysctls = { nf_conntrack_tcp_timeout_established: 100 };
  const establishedOf = (conntrack: object | undefined, given = {}) =>
    desired([config(conntrack ? { conntrack } : {})], { sysctls: given }).config.timeouts
      .ESTABLISHED;

  test("what it says goes before a sysctl, and a sysctl before its default", () => {
    expect(establishedOf(undefined)).toBe(86_400_000);
    expect(establishedOf(undefined, sysctls)).toBe(100_000);
    expect(establishedOf({ tcpEstablishedTimeout: "1h" }, sysctls)).toBe(3_600_000);
    expect(establishedOf({ tcpEstablishedTimeout: "0s" }, sysctls)).toBe(100_000);
  });

  test("either of them makes TCP liberal", () => {
    const liberalOf = (tcpBeLiberal: boolean, sysctl: number) =>
      desired([config({ conntrack: { tcpBeLiberal } })], {
        sysctls: { nf_conntrack_tcp_be_liberal: sysctl },
      }).config.tcpBeLiberal;
    expect([liberalOf(false, 0), liberalOf(true, 0), liberalOf(false, 1)]).toEqual([
      false,
      true,
      true,
    ]);
  });
});
