/** Whatever the number of workers: what becomes of packets is what one dataplane makes of them. */
import { beforeAll, describe, expect, test } from "vitest";
import type { DataplanePool } from "../../src/index.ts";
import { createDataplanePool, parseObjects } from "../../src/index.ts";
import {
  type Group,
  MIXTURE,
  MIXTURE_OBJECTS,
  outcomeOf,
  type Recording,
  record,
} from "./mixture.ts";

const FLOWS = 400;
const SEED = 5;

let recording: Recording;
beforeAll(async () => {
  recording = await record(SEED, FLOWS);
});

async function play(pool: DataplanePool, { groups }: Recording): Promise<void> {
  let before: Promise<void> = Promise.resolve();
  for (const [number, group] of groups.entries()) {
    const done = send(pool, number, group);
    done.catch(() => {});
    // The next group is filled in and handed over while this one is with the workers.
    await before;
    before = done;
  }
  await before;
}

async function send({ batches }: DataplanePool, number: number, group: Group): Promise<void> {
  const batch = batches[number % 2]!;
  batch.clear();
  for (const { bytes, options } of group.packets) batch.push(bytes, options);
  await batch.process(group.now, { events: true });
  const { fates, released } = outcomeOf(batch, batch.length);
  for (const [index, fate] of fates.entries()) {
    expect(fate, `group ${number}, packet ${index}`).toEqual(group.outcome.fates[index]);
  }
  expect(sorted(released), `group ${number}, released`).toEqual(sorted(group.outcome.released));
}

function sorted<Each extends { readonly by: number }>(released: readonly Each[]): Each[] {
  return released.toSorted((a, b) => a.by - b.by);
}

describe.each([1, 2, 3, 4, 7])("%i workers", (workers) => {
  test("packets, events, counters and statistics are those of one engine", async () => {
    const pool = await createDataplanePool({ ...MIXTURE, workers });
    try {
      await pool.apply(parseObjects([...MIXTURE_OBJECTS]));
      await play(pool, recording);
      expect(pool.counters()).toEqual(recording.dataplane.counters());
      expect(pool.statistics()).toEqual(recording.dataplane.statistics());
    } finally {
      await pool.close();
    }
  });
});

test("the mixture has something of everything", () => {
  const { actions, reasons, conntrack, fragments } = recording.dataplane.counters();
  const { dnat, reply, related, reject, pass, hold } = actions;
  for (const count of [dnat, reply, related, reject, pass, hold]) expect(count).toBeGreaterThan(10);
  expect(conntrack.new).toBeGreaterThan(100);
  expect(fragments.held).toBeGreaterThan(10);
  expect(fragments.released).toBeGreaterThan(10);
  expect(reasons["no-endpoints"]).toBeGreaterThan(0);
  const events = recording.groups.flatMap(({ outcome }) => outcome.fates.map(({ event }) => event));
  const met = (what: (event: (typeof events)[number]) => boolean) => events.filter(what).length;
  expect(met(({ masquerade }) => masquerade)).toBeGreaterThan(50);
  expect(met(({ before, after }) => before?.saddr === after?.daddr)).toBeGreaterThan(0);
  for (const proto of ["tcp", "udp", "sctp"]) {
    expect(
      met(({ before, action }) => before?.proto === proto && action === "dnat"),
    ).toBeGreaterThan(20);
  }
  expect(met(({ before }) => before?.saddr.includes(":") === true)).toBeGreaterThan(100);
});
