/**
 * The kernel's own chains (tcx) against `dataplane.hooks` of both engines: the same changes, asked by bpf(2), the same
 * frames, and what comes of them compared. Skipped where that is not allowed, unless WAXDP_REQUIRE_TOOLS=1 says that
 * it is.
 */
import { constants } from "node:os";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CTX_MARK, CTX_REDIRECT } from "../../abi/program.ts";
import { runs, TIMEOUT } from "../fuzz/runs.ts";
import { DROP, NEXT, PASS } from "../program/module.ts";
import { FRAME, SCENES } from "../program/scene.ts";
import {
  type Attachment,
  askKernel,
  attach,
  type Change,
  change,
  SERVICE_NAT,
  withLink,
} from "./changes.ts";
import { DIFFERENCES, isApart } from "./hook-differences.ts";
import { codeOf, REFUSALS, STANDING } from "./hook-errors.ts";
import { Mirror } from "./mirror.ts";
import {
  type Chains,
  createTcx,
  HOOKS,
  type HookName,
  skipped,
  TCX_VERDICTS,
  type Tcx,
} from "./tcx.ts";

/** A number that is no verdict, here or there. */
const ODD = 9;
/** What programs return here. XDP_REDIRECT needs a row of an interface in the context. */
const BODIES = {
  NEXT,
  PASS,
  DROP,
  REDIRECT: `(i32.store offset=${CTX_REDIRECT} (local.get $ctx) (i32.const 1)) (i32.const 4)`,
  ODD: `(i32.const ${ODD})`,
};
const VERDICTS = { ...TCX_VERDICTS, ODD };
type Verdict = keyof typeof BODIES;
const verdictOf = (program: string) => program.replace(/\d+$/, "") as Verdict;
/** They walk; each writes its number, a hexadecimal digit, behind those in the mark of the packet. */
const WALKERS = (["NEXT", "PASS", "DROP", "REDIRECT"] as const).flatMap((verdict) =>
  [0, 1, 2].map((i) => `${verdict}${i}`),
);
/** More than either keeps in one chain. */
const FILLERS = Array.from({ length: 66 }, (_, i) => `NEXT${i}`);
const PROGRAMS = [...new Set([...WALKERS, "ODD0", ...FILLERS])];
const bodyOf = (program: string, number: number) =>
  `(i32.store offset=${CTX_MARK} (local.get $ctx) (i32.or (i32.const ${number & 15})
    (i32.shl (i32.load offset=${CTX_MARK} (local.get $ctx)) (i32.const 4)))) ${BODIES[verdictOf(program)]}`;
/** BPF_MPROG_MAX, of which one stays empty. */
const KERNEL_LINKS_MAX = 63;
const LINKS_MAX = 64;

describe.skipIf(skipped)("the kernel's hooks", () => {
  let kernel: Tcx;
  let mirrors: readonly Mirror[];
  /** As the kernel has them. */
  let chains: Chains;

  beforeAll(async () => {
    kernel = await createTcx();
    for (const [number, program] of PROGRAMS.entries()) {
      await kernel.ask("load", program, number, VERDICTS[verdictOf(program)]);
    }
    await kernel.ask("load", SERVICE_NAT, PROGRAMS.length, TCX_VERDICTS.NEXT);
    const bodies = PROGRAMS.map((program, at) => [program, bodyOf(program, at)] as const);
    mirrors = await Promise.all(
      SCENES.map(async ({ engine, create }) => {
        const { dataplane } = await create({ capacity: { arena: 1 << 24 } });
        return Mirror.create(engine, dataplane, Object.fromEntries(bodies));
      }),
    );
  });
  afterAll(() => kernel.close());

  const reset = async () => {
    await kernel.ask("reset");
    ({ chains } = await kernel.ask("create", "ingress", SERVICE_NAT, 0, null, 0));
    for (const mirror of mirrors) mirror.reset();
  };
  beforeEach(reset);

  /** Does it on all sides; what they say must be the same. */
  const judge = async (change: Change) => {
    const { errno, chains: changed } = await askKernel(kernel, chains, change);
    for (const mirror of mirrors) {
      const { name } = mirror;
      const wanted = errno === undefined ? undefined : codeOf(errno, change, mirror);
      const before = mirror.chains();
      expect({ name, change, code: mirror.carryOut(change) }).toEqual({
        name,
        change,
        code: wanted,
      });
      const after = mirror.chains();
      for (const hook of HOOKS) {
        const moved = (to: Pick<Chains, typeof hook>, from: Pick<Chains, typeof hook>) => ({
          name,
          change,
          links: to[hook].links,
          revision: to[hook].revision - from[hook].revision,
        });
        expect(moved(after, before)).toEqual(moved(changed, chains));
      }
    }
    chains = changed;
    return errno;
  };

  test(
    "any changes: the same order, the same revisions, the same refusals",
    async () => {
      const property = fc.asyncProperty(
        fc.array(change, { maxLength: 40, size: "max" }),
        async (changes) => {
          await reset();
          let links = 1;
          for (const each of changes) {
            const asked = withLink(each, links);
            if (isApart(asked, chains)) continue;
            const errno = await judge(asked);
            if (errno === undefined && asked.do === "attach" && asked.linked) links += 1;
          }
        },
      );
      await fc.assert(property, runs(60));
    },
    TIMEOUT,
  );

  describe("errors", () => {
    test.each(REFUSALS)("$what: $errno", async ({ before = [], change, errno }) => {
      for (const each of [...STANDING, ...before]) expect(await judge(each)).toBeUndefined();
      expect(await judge(change)).toBe(constants.errno[errno]);
    });

    test("a chain that is full: what stands there, then the room, then the place", async () => {
      for (let i = 0; i < LINKS_MAX; i++) {
        const filler = attach(`NEXT${i}`);
        if (i < KERNEL_LINKS_MAX) await askKernel(kernel, chains, filler);
        for (const mirror of mirrors) mirror.carryOut(filler);
      }
      for (const [wanted, fields] of WHEN_FULL) {
        const change = attach("DROP0", fields);
        const { errno } = await askKernel(kernel, chains, change);
        for (const mirror of mirrors) {
          expect({ fields, errno, code: mirror.carryOut(change) }).toEqual({
            fields,
            errno: wanted && constants.errno[wanted],
            code: errno && codeOf(errno, change, mirror),
          });
        }
      }
    });
  });

  describe("differences that are on purpose", () => {
    test.each(DIFFERENCES)("$what", async ({ before, request, errno, ours, code }) => {
      for (const each of before) expect(await judge(each)).toBeUndefined();
      const { result } = await kernel.ask(...request);
      expect(result < 0 ? -result : undefined).toBe(errno && constants.errno[errno]);
      for (const mirror of mirrors) {
        const done = () => ours(mirror);
        if (code === undefined) expect(done).not.toThrow();
        else expect(done).toThrow(expect.objectContaining({ name: "HookError", code }));
      }
    });

    test("the kernel keeps one place of 64 empty; here it is service NAT's", async () => {
      for (const program of FILLERS) {
        const filler = attach(program, { hook: "ingress" });
        ({ chains } = await askKernel(kernel, chains, filler));
        for (const mirror of mirrors) mirror.carryOut(filler);
      }
      expect(chains.ingress.links.length).toBe(KERNEL_LINKS_MAX);
      for (const mirror of mirrors) {
        expect(mirror.chains().ingress.links.length).toBe(LINKS_MAX);
      }
    });

    test("a chain that is empty begins anew in the kernel when no qdisc keeps it", async () => {
      const { chains: one } = await kernel.ask("attach", "bare", "NEXT0", 0, null, null, 0);
      const { chains: none } = await kernel.ask("detach", "bare", "NEXT0", 0, null, 0);
      expect([one.bare.revision, none.bare.revision]).toEqual([2, 1]);
      for (const { dataplane } of mirrors) {
        const { egress } = dataplane.hooks;
        const { revision } = egress;
        egress.attach(dataplane.programs.get("NEXT0")!).detach();
        expect(egress.revision - revision).toBe(2);
      }
    });
  });

  describe("walks", () => {
    /** Who ran, in that order, and what became of the frame. */
    const walk = (mirror: Mirror, hook: HookName) => {
      const { dataplane } = mirror;
      const { verdict, event } = dataplane.process(FRAME, { now: 0 });
      const marks = [...(event.mark ?? 0).toString(16)].map((digit) => Number.parseInt(digit, 16));
      const infos = dataplane.hooks[hook].list().filter(({ runCount }) => runCount > 0);
      const counted = infos.map(({ program }) => program.name);
      return { ran: marks.map((number) => PROGRAMS[number]!), counted, verdict };
    };
    const send = async (hook: HookName) => {
      const { result } = await kernel.ask<[number[], string]>("send", hook);
      const counted = result[0].map((number) => PROGRAMS[number] ?? SERVICE_NAT);
      return { ran: counted.filter((name) => name !== SERVICE_NAT), counted, verdict: result[1] };
    };

    test.each(HOOKS)(
      "%s: the same programs run, and the same one has the last word",
      async (hook) => {
        const side = fc.constantFrom("before" as const, "after" as const);
        // Every chain begins with one that is sure to run, and so to write its mark.
        const chain = fc.uniqueArray(
          fc.tuple(fc.constantFrom(...WALKERS.filter((name) => name !== "NEXT1")), side),
          {
            selector: ([name]) => name,
            maxLength: 6,
          },
        );
        const property = fc.asyncProperty(chain, async (posts) => {
          await reset();
          for (const [name, where] of posts) await judge(attach(name, { hook, sides: [where] }));
          await judge(attach("NEXT1", { hook, sides: ["before"] }));
          const wanted = await send(hook);
          for (const mirror of mirrors) {
            expect({ name: mirror.name, posts, ...walk(mirror, hook) }).toEqual({
              name: mirror.name,
              posts,
              ...wanted,
            });
          }
        });
        await fc.assert(property, runs(25));
      },
      TIMEOUT,
    );

    test("a number that is no verdict lets the packet pass; here the next link is asked first", async () => {
      for (const program of ["NEXT1", "ODD0", "DROP0"]) await judge(attach(program));
      expect(await send("egress")).toMatchObject({ ran: ["NEXT1", "ODD0"], verdict: "PASS" });
      for (const mirror of mirrors) {
        const ran = ["NEXT1", "ODD0", "DROP0"];
        expect(walk(mirror, "egress")).toMatchObject({ ran, verdict: "DROP" });
      }
    });
  });
});

const ABSENT = ["program", "PASS0"] as const;
/** Of DROP0, into a chain that is full. */
const WHEN_FULL: readonly (readonly [
  keyof typeof constants.errno | undefined,
  Partial<Attachment>,
])[] = [
  ["ERANGE", {}],
  ["ERANGE", { linked: true, sides: ["before"] }],
  ["ERANGE", { sides: ["before"], relative: ["program", "NEXT0"] }],
  ["ERANGE", { sides: ["after"], relative: ABSENT }],
  ["EEXIST", { program: "NEXT0", sides: ["after"], relative: ABSENT }],
  ["ENOENT", { replace: "PASS0" }],
  [undefined, { replace: "NEXT7" }],
];
