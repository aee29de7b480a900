/** The options of a dataplane, checked and completed. */
import { FRAME_MAX, HEADROOM } from "../../abi/limits.ts";
import type {
  ApplyOptions,
  Capacity,
  DataplaneOptions,
  FrameOptions,
  ProcessOptions,
} from "./dataplane.ts";
import type { FrameInput } from "./engine.ts";
import { badOption, DataplaneError } from "./error.ts";
import { show } from "./field.ts";

const DEFAULT_CAPACITY: Capacity = {
  services: 16384,
  frontends: 32768,
  backends: 65536,
  slots: 1048576,
  ranges: 16384,
  addresses: 1024,
  interfaces: 256,
  connections: 65536,
  connections6: 65536,
  affinity: 65536,
  datagrams: 1024,
  fragments: 256,
  batch: 256,
  frame: 1984,
  headroom: 64,
  arena: 16777216,
  cpus: 1,
};

/** The most that record numbers and addresses of 32 bits leave room for. */
export const CAPACITY_MAX: Capacity = {
  services: 2 ** 22,
  frontends: 2 ** 22,
  backends: 2 ** 24,
  slots: 2 ** 28,
  ranges: 2 ** 22,
  addresses: 2 ** 20,
  interfaces: 2 ** 16 - 1,
  connections: 2 ** 24,
  connections6: 2 ** 23,
  affinity: 2 ** 24,
  datagrams: 2 ** 20,
  fragments: 2 ** 16,
  batch: 2 ** 16,
  frame: FRAME_MAX,
  headroom: 4096,
  arena: 2 ** 31,
  cpus: 64,
};

/** The least is 1 for the others. */
const CAPACITY_MIN: Partial<Capacity> = { headroom: HEADROOM, arena: 0 };

const NAMES: readonly (keyof DataplaneOptions)[] = [
  "node",
  "seed",
  "capacity",
  "network",
  "linkType",
  "scheduler",
  "randomFully",
  "sysctls",
  "module",
];

/** Throws DataplaneError "bad-option" for what no type checker has seen. */
export function checkOptions(options: DataplaneOptions): void {
  if (typeof options !== "object" || options === null)
    throw badOption("the options must be an object");
  for (const name of Object.keys(options)) {
    if (NAMES.includes(name as keyof DataplaneOptions)) continue;
    throw badOption(`${name} is not known: an option is one of ${NAMES.join(", ")}`);
  }
  const { node = "", scheduler = "random" } = options;
  if (typeof node !== "string")
    throw badOption(`node is ${show(node)}: it must be the name of a Node`);
  checkSwitch("randomFully", options.randomFully);
  checkSysctls(options.sysctls);
  if (scheduler === "random" || scheduler === "maglev") return;
  throw badOption(`scheduler is ${show(scheduler)}: it must be "random" or "maglev"`);
}

function checkSwitch(name: string, value: unknown): void {
  if (value === undefined || typeof value === "boolean") return;
  throw badOption(`${name} is ${show(value)}: it must be true or false`);
}

/** Which names there are, and what each may be, is the control plane's to say. */
function checkSysctls(sysctls: DataplaneOptions["sysctls"]): void {
  if (sysctls === undefined) return;
  if (typeof sysctls !== "object" || sysctls === null || Array.isArray(sysctls)) {
    throw badOption(`sysctls is ${show(sysctls)}: it must be an object of names and values`);
  }
  for (const [name, value] of Object.entries(sysctls)) {
    if (typeof value === "string" || Number.isFinite(value)) continue;
    throw badOption(`sysctls.${name} is ${show(value)}: it must be a number or a string`);
  }
}

/** Throws DataplaneError "bad-option". */
export function capacityOf(options: DataplaneOptions): Capacity {
  const capacity = options.capacity ?? {};
  for (const name of Object.keys(capacity)) {
    if (Object.hasOwn(DEFAULT_CAPACITY, name)) continue;
    throw badOption(
      `capacity.${name} is not known: it is one of ${Object.keys(DEFAULT_CAPACITY).join(", ")}`,
    );
  }
  const names = Object.keys(DEFAULT_CAPACITY) as (keyof Capacity)[];
  return Object.fromEntries(
    names.map((name) => [name, oneCapacity(name, capacity[name])]),
  ) as unknown as Capacity;
}

function oneCapacity(name: keyof Capacity, value = DEFAULT_CAPACITY[name]): number {
  const [least, most] = [CAPACITY_MIN[name] ?? 1, CAPACITY_MAX[name]];
  const isMeant = name !== "headroom" || value % HEADROOM === 0;
  if (Number.isInteger(value) && value >= least && value <= most && isMeant) return value;
  const what = name === "headroom" ? `a multiple of ${HEADROOM}` : "an integer";
  throw badOption(
    `capacity.${name} is ${show(value)}: it must be ${what} from ${least} to ${most}`,
  );
}

/** Throws DataplaneError "bad-option". */
export function seedOf({ seed = 0 }: DataplaneOptions): number {
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return seed;
  throw badOption(`seed is ${show(seed)}: it must be an integer from 0 to 4294967295`);
}

/** Throws DataplaneError "bad-option"; what is in them others look at. */
export function checkObject<Options extends object>(options: Options, of: string): Options {
  if (typeof options === "object" && options !== null) return options;
  throw badOption(`the options of ${of} are ${show(options)}: they must be an object`);
}

/** Throws DataplaneError "bad-option". */
export function checkApply(options: ApplyOptions): ApplyOptions {
  checkObject(options, "apply");
  for (const name of Object.keys(options)) {
    if (name === "keepStaleFlows") continue;
    throw badOption(`${name} is not known: the only option of apply is keepStaleFlows`);
  }
  checkSwitch("keepStaleFlows", options.keepStaleFlows);
  return options;
}

/** Throws DataplaneError "bad-option". */
export function checkNow(now: ProcessOptions["now"] | undefined): void {
  if (typeof now === "number" && Number.isFinite(now) && Math.abs(now) <= Number.MAX_SAFE_INTEGER)
    return;
  throw badOption(`now is ${show(now)}: it must be a finite number of milliseconds`);
}

/** Throws DataplaneError "bad-option". */
export function cpuOf(cpu = 0, { cpus }: Pick<Capacity, "cpus">): number {
  if (Number.isInteger(cpu) && cpu >= 0 && cpu < cpus) return cpu;
  throw badOption(`cpu is ${show(cpu)}: it must be an integer below capacity.cpus, ${cpus}`);
}

/** Throws DataplaneError "bad-option". */
export function checkInterface(name: string): string {
  if (typeof name === "string" && name !== "") return name;
  throw badOption(`interface is ${show(name)}: it must be the name of a device`);
}

/** Throws DataplaneError "bad-option"; a device of a capture may have an empty name. */
export function deviceOf({ interface: name }: FrameOptions): string | undefined {
  if (name === undefined || typeof name === "string") return name;
  throw badOption(`interface is ${show(name)}: it must be the name of a device`);
}

/** Throws DataplaneError "bad-option" or "frame-too-large". */
export function checkFrame(frame: Uint8Array, largest: number): void {
  if (!(frame instanceof Uint8Array)) throw badOption("a frame must be a Uint8Array");
  if (frame.length <= largest) return;
  throw new DataplaneError(
    "frame-too-large",
    `the frame has ${frame.length} bytes, the most is ${largest}` +
      (largest < FRAME_MAX
        ? ": create the dataplane with a larger capacity.frame, or use process"
        : ""),
  );
}

/** Never less than what is there: a lower number is no length a frame on the wire can have had. */
function wireLengthOf({ wireLength }: FrameOptions, length: number): number {
  if (wireLength === undefined || wireLength <= length) return length;
  if (Number.isInteger(wireLength) && wireLength < 2 ** 31) return wireLength;
  throw badOption(`wireLength is ${show(wireLength)}: it must be an integer below 2^31`);
}

/**
 * What an engine is told of a frame of `length` bytes, whose interface and link layer are known by their numbers.
 * Throws DataplaneError "bad-option".
 */
export function inputOf(
  frame: FrameOptions,
  length: number,
  numbers: Pick<FrameInput, "interface" | "link">,
): FrameInput {
  return {
    interface: numbers.interface,
    link: numbers.link,
    local: frame.local === true,
    wireLength: wireLengthOf(frame, length),
    mark: wordOf("mark", frame.mark),
    priority: wordOf("priority", frame.priority),
    backend: 0,
  };
}

function wordOf(name: "mark" | "priority", value = 0): number {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  throw badOption(`${name} is ${show(value)}: it must be an integer from 0 to 4294967295`);
}
