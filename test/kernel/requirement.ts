/** What a machine needs to be a lab: Linux, root's rights, a few programs, and kube-proxy's matches in the kernel. */
import { spawnSync } from "node:child_process";
import { createLab, type Lab, RESTORE } from "./lab.ts";

/** One rule of each kind that rules.ts writes. */
const RULES = `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -m comment --comment "x" -m addrtype --dst-type LOCAL -j MARK --or-mark 0x4000
-A PREROUTING -m recent --name x --rcheck --seconds 1 --reap -j ACCEPT
-A PREROUTING -m statistic --mode random --probability 0.5 -p sctp -m sctp --dport 1 -j ACCEPT
-A PREROUTING -m statistic --mode nth --every 2 --packet 0 -p udp -m udp --dport 1 -j ACCEPT
-A PREROUTING -p tcp -m tcp --dport 1 -j DNAT --to-destination ADDRESS
-A POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A POSTROUTING -j MASQUERADE --random-fully
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate NEW -p tcp -j REJECT
COMMIT
`;

const missing = lack();

/** Tests that need a lab are left out where there can be none, unless WAXDP_REQUIRE_TOOLS=1 says that there is. */
export const skipped = missing !== null && process.env.WAXDP_REQUIRE_TOOLS !== "1";

export async function requireLab(): Promise<Lab> {
  if (missing !== null) throw new Error(`this machine cannot be a lab: ${missing}`);
  return createLab();
}

/** A sentence, or null when nothing is missing. */
function lack(): string | null {
  if (process.platform !== "linux") return "it is not Linux";
  if (process.getuid?.() !== 0) return "only root makes network namespaces";
  const programs = ["python3", "ip", "unshare", "nsenter"];
  const absent = programs.find((program) => spawnSync(program, ["-V"]).error !== undefined);
  if (absent !== undefined) return `${absent} is not there`;
  if (RESTORE === undefined) return "iptables-restore is not there";
  return (
    refusal(RESTORE.ipv4, RULES.replace("ADDRESS", "10.0.0.1:1")) ??
    refusal(RESTORE.ipv6, RULES.replace("ADDRESS", "[fd00::1]:1"))
  );
}

function refusal(restore: string, rules: string): string | null {
  const { status, stderr } = spawnSync("unshare", ["--net", restore, "-w"], {
    input: rules,
    encoding: "utf8",
  });
  return status === 0 ? null : `${restore} refuses kube-proxy's rules: ${stderr.trim()}`;
}
