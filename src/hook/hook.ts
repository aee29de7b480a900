/** Hooks as people use them: chains of programs with the order and the words of tcx (kernel/bpf/mprog.c). */
import type { Verdict } from "../dataplane/event.ts";
import type { LoadedProgram } from "../program/loaded.ts";

export type HookName = "ingress" | "egress";

/** Where in the chain: at most one of these. Default last. A link or the name of one. */
export interface Place {
  readonly first?: boolean;
  readonly last?: boolean;
  readonly before?: Link | string;
  readonly after?: Link | string;
  /** Takes the place of another in one step: no packet meets both or neither. */
  readonly replace?: Link | string;
}

export interface AttachOptions extends Place {
  /** Default: the program's. Names in one hook differ. */
  readonly name?: string;
  /** Refused with "stale-revision" unless the hook still has this `revision` (BPF_F expected_revision). */
  readonly revision?: number;
  /** Traps after which it is detached, 1 or more; Infinity never does. Default 16. */
  readonly maxTraps?: number;
}

/** What bpftool net and bpftool prog say about it. */
export interface LinkInfo {
  readonly id: number;
  readonly hook: HookName;
  readonly name: string;
  readonly program: { readonly id: number; readonly name: string; readonly tag: string };
  /** True for service NAT, which every dataplane starts with. */
  readonly builtin: boolean;
  readonly attached: boolean;
  /** Milliseconds of the dataplane's clock (the latest `now` seen then). */
  readonly attachedAt: number;
  /** Packets it was called for. */
  readonly runCount: number;
  /** Nanoseconds; 0 unless kernel.bpf_stats_enabled is 1. */
  readonly runTime: number;
  readonly verdicts: Readonly<Record<Verdict | "NEXT", number>>;
  readonly traps: number;
  /** Message of the last trap. */
  readonly lastTrap: string | null;
}

export interface Link {
  readonly id: number;
  readonly hook: HookName;
  readonly name: string;
  info(): LinkInfo;
  /** Another program in its place, counters kept (BPF_LINK_UPDATE). */
  update(program: LoadedProgram): void;
  /** No packet meets it any more. Once only; a second time is nothing. */
  detach(): void;
}

export interface Hook {
  readonly name: HookName;
  /** Counts every change of the chain, as tcx's revision; from 1. */
  readonly revision: number;
  /** In the order in which packets meet them. */
  links(): readonly Link[];
  list(): readonly LinkInfo[];
  /** Throws HookError: "unknown-link", "name-taken", "bad-place", "stale-revision", "too-many-links" (64), "wrong-hook", "unloaded", "bad-option". */
  attach(program: LoadedProgram, options?: AttachOptions): Link;
}

export interface Hooks {
  /** Packets go through something else than service NAT alone: programs, or not even that. */
  readonly active: boolean;
  readonly ingress: Hook;
  readonly egress: Hook;
}
