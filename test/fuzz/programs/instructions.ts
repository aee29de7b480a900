/** Random programs: a few things that programs do, one after another, whatever comes of it. */
import fc from "fast-check";
import {
  CTX_DATA,
  CTX_DATA_END,
  CTX_ENDED,
  CTX_MARK,
  CTX_PRIORITY,
  CTX_REASON,
  CTX_WIRE_LENGTH,
  MAP_TYPE_ARRAY,
  MAP_TYPE_HASH,
  MAP_TYPE_LPM_TRIE,
  MAP_TYPE_LRU_HASH,
  MAP_TYPE_PERCPU_ARRAY,
  MAP_TYPE_PERCPU_HASH,
  MAP_TYPE_PROG_ARRAY,
  MAP_TYPE_RINGBUF,
  UPDATE_ANY,
} from "../../../abi/program.ts";
import type { MapShape } from "../../../src/dataplane/runtime.ts";
import { ctx, field, IMPORTS, i32, setField } from "../../conformance/programs/wat.ts";

/** Maps of every type, so small that they are full soon. */
export const MAPS = {
  hash: { type: MAP_TYPE_HASH, keySize: 4, valueSize: 8, maxEntries: 6, flags: 0 },
  lru: { type: MAP_TYPE_LRU_HASH, keySize: 4, valueSize: 12, maxEntries: 4, flags: 0 },
  array: { type: MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 5, flags: 0 },
  percpuArray: { type: MAP_TYPE_PERCPU_ARRAY, keySize: 4, valueSize: 8, maxEntries: 3, flags: 0 },
  percpuHash: { type: MAP_TYPE_PERCPU_HASH, keySize: 4, valueSize: 8, maxEntries: 5, flags: 0 },
  lpm: { type: MAP_TYPE_LPM_TRIE, keySize: 8, valueSize: 8, maxEntries: 3, flags: 1 },
} as const satisfies Record<string, MapShape>;
export const RING: MapShape = {
  type: MAP_TYPE_RINGBUF,
  keySize: 0,
  valueSize: 0,
  maxEntries: 4096,
  flags: 0,
};
export const PROGRAMS: MapShape = {
  type: MAP_TYPE_PROG_ARRAY,
  keySize: 4,
  valueSize: 4,
  maxEntries: 4,
  flags: 0,
};

export type MapName = keyof typeof MAPS;

/** Where one engine has what programs use. */
export interface Equipment {
  readonly maps: Readonly<Record<MapName, number>>;
  readonly ring: number;
  readonly programs: number;
  /** SCRATCH_SIZE bytes, zeroed. */
  readonly scratch: number;
}

/** | key | value | tuple | connection | service | */
const [KEY, VALUE, TUPLE, CONNECTION, SERVICE] = [0, 16, 64, 128, 160];
export const SCRATCH_SIZE = 192;

/** A program by what it does; numbers that are drawn, made fit where they are used. */
export interface Instruction {
  readonly does: string;
  readonly at: number;
  readonly with: number;
  readonly map: MapName;
}

const mark = field(CTX_MARK);
const setMark = (value: string) => setField(CTX_MARK, value);
/** The mark remembers everything that was answered. */
const remember = (answer: string) => setMark(`(i32.add (i32.mul ${mark} ${i32(31)}) ${answer})`);
const byte = (at: number) => `(call $byte ${ctx} ${i32(at)})`;
const frameLength = `(i32.sub ${field(CTX_DATA_END)} ${field(CTX_DATA)})`;

function update(equipment: Equipment, one: Instruction, flags: number, behind = 0): string {
  const value = i32(equipment.scratch + VALUE);
  return `${putKey(equipment, one, behind)} (i32.store ${value} ${mark})
    ${remember(mapCall("map_update", equipment, one, `${value} ${i32(flags)}`))}`;
}

type Write = (equipment: Equipment, one: Instruction) => string;

/** Ends what a function does for its packet when a byte of the frame says so. */
function endIf({ at, with: value }: Instruction, then: string): string {
  return `(if (i32.eq (i32.and ${byte(at)} ${i32(3)}) ${i32(value & 3)}) (then ${then}))`;
}

/** A key of few values, taken from the frame, or so many behind it; for an lpm_trie its prefix length in front. */
function putKey({ scratch }: Equipment, { at, map, with: value }: Instruction, behind = 0): string {
  const number = `(i32.add ${byte(at)} ${i32(behind)})`;
  const key = `(i32.store ${i32(scratch + KEY)} (i32.and ${number} ${i32(7)}))`;
  if (map !== "lpm") return key;
  return `(i32.store ${i32(scratch + KEY)} ${i32((value + behind) % 35)})
    (i32.store ${i32(scratch + KEY + 4)} (i32.and ${byte(at)} ${i32(0x81)}))`;
}

const mapCall = (name: string, { maps, scratch }: Equipment, { map }: Instruction, rest = "") =>
  `(call $${name} ${i32(maps[map])} ${i32(scratch + KEY)} ${rest})`;

const WRITERS: Readonly<Record<string, Write>> = {
  mark: (_, { with: value }) => remember(i32(value)),
  look: (_, { at }) => remember(byte(at)),
  poke: (_, { at, with: value }) => `(call $poke ${ctx} ${i32(at)} ${i32(value)})`,
  head: (_, one) => remember(`(call $adjust_head ${ctx} ${i32(distance(one))})`),
  tail: (_, one) => remember(`(call $adjust_tail ${ctx} ${i32(distance(one))})`),
  sizes: () => remember(`(i32.add ${frameLength} ${field(CTX_WIRE_LENGTH)})`),
  checksum: (_, { with: seed, at }) =>
    `(local.set $a (i32.shr_u ${frameLength} ${i32(1)}))
     ${remember(
       `(call $csum_diff ${field(0)} (local.get $a) (i32.add ${field(0)} (local.get $a))
         (select (local.get $a) ${i32(at % 5)} ${i32(seed & 1)}) ${i32(seed)})`,
     )}`,
  tuple: ({ scratch }) =>
    `(if (call $tuple ${ctx} ${i32(scratch + TUPLE)})
       (then ${remember(`(i32.load ${i32(scratch + TUPLE + 32)})`)}))`,
  connection: ({ scratch }) =>
    remember(`(call $conntrack ${i32(scratch + TUPLE)} ${i32(scratch + CONNECTION)})`),
  service: ({ scratch }) =>
    remember(`(call $service ${i32(scratch + TUPLE)} ${i32(scratch + SERVICE)})`),
  backend: (_, { with: number }) => remember(`(call $set_backend ${ctx} ${i32(number % 24)})`),
  redirect: (_, { with: row }) => remember(`(call $redirect ${ctx} ${i32((row % 5) - 1)})`),
  /** As programs do it that mean it: the answer is the verdict, and the row one that has a name mostly. */
  forward: (_, one) =>
    endIf(one, `(return (call $redirect ${ctx} ${i32(1 + ((one.with >>> 2) % 3))}))`),
  reason: (_, { with: reason }) => setField(CTX_REASON, i32(reason)),
  chance: () => remember("(call $random)"),
  time: () => setField(CTX_PRIORITY, "(i32.wrap_i64 (call $time))"),
  cpu: () => remember("(call $cpu)"),
  lookup: (equipment, one) =>
    `${putKey(equipment, one)} (local.set $a ${mapCall("map_lookup", equipment, one)})
     (if (local.get $a) (then
       (i32.store offset=4 (local.get $a) (i32.add (i32.load offset=4 (local.get $a)) ${i32(1)}))
       ${remember("(i32.load (local.get $a))")}))`,
  update: (equipment, one) => update(equipment, one, one.with % 4),
  /** Until a map is full: one update after another seldom gets there. */
  fill: (equipment, one) =>
    Array.from({ length: 1 + (one.at % 8) }, (_, behind) =>
      update(equipment, one, UPDATE_ANY, behind),
    ).join("\n"),
  delete: (equipment, one) =>
    `${putKey(equipment, one)} ${remember(mapCall("map_delete", equipment, one))}`,
  output: ({ ring, scratch }, { with: size }) =>
    `(i32.store ${i32(scratch + VALUE)} ${mark})
     ${remember(`(call $ringbuf_output ${i32(ring)} ${i32(scratch + VALUE)} ${i32(size % 170)})`)}`,
  reserve: ({ ring }, { with: size, at }) =>
    `(local.set $a (call $ringbuf_reserve ${i32(ring)} ${i32(4 + (size % 600))}))
     (if (local.get $a) (then (i32.store (local.get $a) ${mark})
       (call ${at % 3 === 0 ? "$ringbuf_discard" : "$ringbuf_submit"} (local.get $a))))`,
  ring: ({ ring }, { at }) =>
    remember(`(i32.wrap_i64 (call $ringbuf_query ${i32(ring)} ${i32(at % 5)}))`),
  hand: ({ programs }, { with: index }) =>
    `(if (call $tail_call ${ctx} ${i32(programs)} ${i32(index % 5)}) (then (return ${i32(-2)})))`,
  end: (_, one) => endIf(one, `(return ${i32((one.with >>> 2) % 8)})`),
  trap: (_, one) => endIf(one, endIf({ ...one, at: one.at + 1 }, "unreachable")),
  stray: (_, one) => endIf(one, endIf({ ...one, at: one.at + 1 }, `(drop (i32.load ${i32(-8)}))`)),
};

/** Some nearby, some at the ends of what there is, some far beyond. */
const DISTANCES = [
  0, 1, -1, 4, -4, 14, -14, 20, -20, -64, 64, -128, -192, -193, 200, 1900, 0x7fffffff,
];

function distance({ with: value }: Instruction): number {
  return DISTANCES[value % DISTANCES.length] as number;
}

/** What would else be met too seldom. */
const OFTEN = ["fill", "fill", "forward"];

const instruction: fc.Arbitrary<Instruction> = fc.record({
  does: fc.constantFrom(...Object.keys(WRITERS), ...OFTEN),
  at: fc.oneof(fc.nat(60), fc.constantFrom(12, 13, 23, 34, 35, 36, 37)),
  with: fc.oneof(fc.nat(40), fc.nat(0xffffff)),
  map: fc.constantFrom(...(Object.keys(MAPS) as MapName[])),
});

export interface ProgramPlan {
  readonly form: "packet" | "batch";
  readonly instructions: readonly Instruction[];
  /** What it says when nothing has ended it before. */
  readonly last: number;
}

/** NEXT mostly, or anything else, numbers without a meaning too. */
const passing = fc.constantFrom(...new Array<number>(28).fill(-1), -2, 0, 1, 2, 3, 4, 5);
const ending = fc.constantFrom(0, 1, 1, 2, 3, 3, 4);

function programWith(last: fc.Arbitrary<number>): fc.Arbitrary<ProgramPlan> {
  return fc.record({
    form: fc.constantFrom("packet", "packet", "batch"),
    instructions: fc.array(instruction, { minLength: 1, maxLength: 8, size: "max" }),
    last,
  });
}

/** How many programs there are; behind the first few come those that let nothing by. */
export const PASSING = 3;
export const PROGRAMS_MAX = 6;

export const programs: fc.Arbitrary<ProgramPlan[]> = fc.tuple(
  ...Array.from({ length: PROGRAMS_MAX }, (_, index) =>
    programWith(index < PASSING ? passing : ending),
  ),
);

/** Reads and writes a byte of the frame, if it has so many. */
const FUNCTIONS = `
  (func $byte (param $ctx i32) (param $at i32) (result i32)
    (local.set $at (i32.add ${field(0)} (local.get $at)))
    (if (result i32) (i32.lt_u (local.get $at) ${field(CTX_DATA_END)})
      (then (i32.load8_u (local.get $at))) (else ${i32(0)})))
  (func $poke (param $ctx i32) (param $at i32) (param $value i32)
    (local.set $at (i32.add ${field(0)} (local.get $at)))
    (if (i32.lt_u (local.get $at) ${field(CTX_DATA_END)})
      (then (i32.store8 (local.get $at) (local.get $value)))))`;

const FORMS = {
  packet: `(func (export "program") (param $ctx i32) (result i32) (call $run ${ctx}))`,
  batch: `(func (export "batch") (param $ctx i32) (param $count i32)
    (loop $next
      (i32.store offset=${CTX_ENDED} ${ctx} (i32.add (call $run ${ctx}) ${i32(1)}))
      (local.set $ctx (i32.add ${ctx} ${i32(64)}))
      (local.set $count (i32.sub (local.get $count) ${i32(1)}))
      (br_if $next (local.get $count))))`,
} as const;

/** Its text, for the engine that has this equipment. */
export function textOf({ form, instructions, last }: ProgramPlan, equipment: Equipment): string {
  const body = instructions.map((one) => (WRITERS[one.does] as Write)(equipment, one));
  return `(module ${IMPORTS} ${FUNCTIONS} ${FORMS[form]}
    (func $run (param $ctx i32) (result i32) (local $a i32)
      ${body.join("\n")} ${i32(last)}))`;
}
