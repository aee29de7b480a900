/** The chains of the kernel at hand, as tcx.py shows them. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { start } from "./process.ts";

/** Of include/uapi/linux/bpf.h. */
export const [BPF_F_REPLACE, BPF_F_BEFORE, BPF_F_AFTER] = [1 << 2, 1 << 3, 1 << 4];
/** Of the same. */
export const TCX_VERDICTS = { NEXT: -1, PASS: 0, DROP: 2, REDIRECT: "redirect" } as const;

export const HOOKS = ["ingress", "egress"] as const;
export type HookName = (typeof HOOKS)[number];

/** What a place is relative to: a program or a link, by its descriptor or by its number. */
export type Relative =
  | readonly [by: "program" | "program id", program: string]
  | readonly [by: "link" | "link id", number: number];

export interface Chain {
  readonly revision: number;
  /** Programs in their order, and the numbers of their links: null for those that stand without one. */
  readonly links: readonly (readonly [program: string, link: number | null])[];
}

/** `bare` is a hook whose chain the kernel frees when it is empty. */
export type Chains = Readonly<Record<HookName | "bare", Chain>>;

export interface Answer<Result = number> {
  /** A negated error number when it was refused. */
  readonly result: Result;
  readonly chains: Chains;
}

export interface Tcx {
  ask<Result = number>(...request: readonly unknown[]): Promise<Answer<Result>>;
  close(): Promise<void>;
}

const SCRIPT = fileURLToPath(new URL("tcx.py", import.meta.url));
const absent = spawnSync("python3", [SCRIPT], { input: "" }).status !== 0;

/** Where neither bpf(2) nor a network namespace can be had, unless WAXDP_REQUIRE_TOOLS=1 says that they can. */
export const skipped = absent && process.env.WAXDP_REQUIRE_TOOLS !== "1";

export async function createTcx(): Promise<Tcx> {
  const script = start("python3", [SCRIPT]);
  await script.readLine();
  return {
    async ask(...request) {
      script.write(`${JSON.stringify(request)}\n`);
      const [result, chains] = JSON.parse(await script.readLine());
      const named = Object.entries(chains as Record<string, [number, Chain["links"]]>).map(
        ([hook, [revision, links]]) => [hook, { revision, links }],
      );
      return { result, chains: Object.fromEntries(named) };
    },
    close: () => script.end(),
  };
}
