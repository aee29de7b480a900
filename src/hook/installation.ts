/** Both chains of a dataplane as its engine has them. */
import {
  type Chains,
  isServiceNatAlone,
  type LinkTally,
  type Runtime,
  type Step,
} from "../dataplane/runtime.ts";
import type { HookName } from "./hook.ts";
import { NO_TALLY } from "./standing.ts";

export type Steps = { readonly [Name in HookName]: readonly Step[] };

export interface Installation {
  /** Packets go through something else than service NAT alone. */
  readonly active: boolean;
  install(steps: Partial<Steps>): void;
  tallyOf(link: number): LinkTally;
}

/** An engine begins with `steps`, and is left asleep until they change. */
export function createInstallation(
  runtime: () => Pick<Runtime, "install" | "tally">,
  chains: Pick<Chains, "trapped" | "clock">,
  steps: Steps,
): Installation {
  let [installed, isAwake] = [steps, false];
  return {
    get active() {
      return !isServiceNatAlone(installed);
    },
    install(changed) {
      const next = { ...installed, ...changed };
      runtime().install({ ...chains, ...next });
      [installed, isAwake] = [next, true];
    },
    tallyOf: (link) => (isAwake ? runtime().tally(link) : NO_TALLY),
  };
}
