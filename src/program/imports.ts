/** What a program may import, and what it has to export: the import modules "env" and "waxdp". */
import { HELPERS, type HelperType } from "../dataplane/helpers.ts";
import { malformed } from "./binary.ts";
import {
  type Export,
  type FunctionType,
  type Image,
  type Import,
  LIMITS_MAXIMUM,
} from "./image.ts";
import { ProgramError } from "./program.ts";

/** Value types as they stand in a module: i32 and i64. */
const I32 = "\x7f";
const I64 = "\x7e";

function type(parameters: number, results = I32): FunctionType {
  return { parameters: I32.repeat(parameters), results };
}

const RESULTS: Readonly<Record<HelperType["result"], string>> = { i32: I32, i64: I64, none: "" };

function helper([name, { parameters, result }]: [string, HelperType]): [string, FunctionType] {
  return [name, type(parameters, RESULTS[result])];
}

/** Helpers by name: those of the runtime, and those that only answer while the program is loaded. */
const KNOWN: ReadonlyMap<string, FunctionType> = new Map([
  ...Object.entries(HELPERS).map(helper),
  ["map_create", type(11)],
  ["map_create_inner", type(11)],
  ["reason", type(2)],
]);

const ABORT = type(4, "");
const BASES = new Set(["__memory_base", "__table_base"]);
export const STACK_POINTER = "__stack_pointer";
const TABLES = new Set(["table", "__indirect_function_table"]);

/** What a program exports. */
const VERSION = "waxdp_abi_version";
const VERSION_TYPE = type(0);
const FORMS = { program: "packet", batch: "batch" } as const;
const FORM_TYPES = { program: type(1), batch: type(2, "") };

/** Names of the helpers; throws for what programs are not given. */
export function checkImports({ imports }: Image): string[] {
  for (const each of imports) {
    const refusal = refusalOf(each);
    if (refusal !== undefined) throw new ProgramError("bad-program", refusal);
  }
  const helpers = imports.filter(({ module }) => module === "waxdp");
  return [...new Set(helpers.map(({ name }) => name))];
}

/** Why programs are not given it; undefined for what they are. */
export function refusalOf(found: Import): string | undefined {
  if (found.module === "waxdp") return refusalOfHelper(found);
  return found.module === "env" ? refusalOfEnvironment(found) : foreign(found);
}

function refusalOfHelper(found: Import): string | undefined {
  const expected = KNOWN.get(found.name);
  if (!expected) return `there is no helper "${found.name}" in module "waxdp"`;
  if (found.kind === "function" && isType(found.type!, expected)) return undefined;
  return `helper "${found.name}" is imported as ${describe(found)}, but it is ${describeType(expected)}`;
}

function refusalOfEnvironment(found: Import): string | undefined {
  const isMemory = found.kind === "memory" && found.name === "memory";
  if (isMemory || (found.kind === "table" && TABLES.has(found.name))) return refusalOfLimits(found);
  if (found.kind === "function" && found.name === "abort" && isType(found.type!, ABORT)) {
    return undefined;
  }
  if (found.kind === "global" && found.value === I32.charCodeAt(0)) {
    if (found.name === STACK_POINTER && found.mutable) return undefined;
    if (BASES.has(found.name) && !found.mutable) return undefined;
  }
  return foreign(found);
}

/** The memory and the table of a dataplane have no maximum, are not shared and have places of 32 bits. */
function refusalOfLimits({ name, limits }: Import): string | undefined {
  if (limits!.flags === 0) return undefined;
  const what = limits!.flags === LIMITS_MAXIMUM ? "with a maximum" : "as shared or of 64 bits";
  return `the program imports env.${name} ${what}, which dataplanes do not give`;
}

/** What AssemblyScript imports from module "env" for what JavaScript has, and programs have in another way. */
const INSTEAD: readonly (readonly [imports: RegExp, instead: string])[] = [
  [/^(console\.|trace$)/, "send records to a ringbuf, or give reasons, which events show"],
  [/^(seed|Math\.random)$/, "for what Math.random says take random() of waxdp/program"],
  [/^(Date|performance)\.now$/, "take time() of waxdp/program"],
];
const GIVEN =
  "it gives the helpers of module waxdp, and env.memory, table, abort and the bases of dynamic linking";

function foreign(found: Import): string {
  const name = `${found.module}.${found.name}`;
  const subject = `the program imports ${name} as ${describe(found)}, which a dataplane does not give`;
  if (found.module.startsWith("GOT.")) {
    return `${subject}: compile with -fvisibility=hidden, so that nothing is looked up by name`;
  }
  const known =
    found.module === "env" ? INSTEAD.find(([names]) => names.test(found.name)) : undefined;
  return known ? `${subject}: ${known[1]}` : `${subject}; ${GIVEN}`;
}

function isType(found: FunctionType, expected: FunctionType): boolean {
  return found.parameters === expected.parameters && found.results === expected.results;
}

const VALUE_TYPES: Readonly<Record<string, string>> = {
  [I32]: "i32",
  [I64]: "i64",
  "\x7d": "f32",
  "\x7c": "f64",
  "\x7b": "v128",
};

function describe(found: Import): string {
  if (found.kind === "function") return describeType(found.type!);
  return found.kind === "global"
    ? `a ${found.mutable ? "mutable" : "constant"} global`
    : `a ${found.kind}`;
}

function describeType({ parameters, results }: FunctionType): string {
  return `(${describeTypes(parameters)}) -> (${describeTypes(results)})`;
}

function describeTypes(types: string): string {
  return [...types].map((each) => VALUE_TYPES[each] ?? "a reference").join(", ");
}

/** The form of the program; throws unless it exports one entry and what ABI it was built for. */
export function checkExports(image: Image): "packet" | "batch" {
  if (!hasFunction(image, VERSION, VERSION_TYPE)) {
    throw new ProgramError(
      "abi-mismatch",
      `the program does not say what it was built for: it exports no function ${VERSION}() -> i32`,
    );
  }
  const found = (["program", "batch"] as const).filter((name) =>
    hasFunction(image, name, FORM_TYPES[name]),
  );
  const [name] = found;
  if (found.length === 1) return FORMS[name!];
  throw new ProgramError(
    "bad-program",
    found.length > 1
      ? "a program exports program or batch, not both"
      : "a program exports a function program(context: i32) -> i32, or batch(contexts: i32, count: i32)",
  );
}

function hasFunction({ exports, functions }: Image, name: string, expected: FunctionType): boolean {
  const found = exports.find((each: Export) => each.name === name);
  if (!found) return false;
  const of = found.kind === "function" ? functions[found.index] : undefined;
  if (of && isType(of, expected)) return true;
  throw new ProgramError(
    "bad-program",
    `the program exports ${name} as ${of ? describeType(of) : `a ${found.kind}`}, but it has to be ${describeType(expected)}`,
  );
}

/** What a global is called that a segment begins at; only imported ones can be meant. */
export function globalNamed({ imports }: Image, index: number): string {
  const globals = imports.filter(({ kind }) => kind === "global");
  const found = globals[index];
  if (!found) throw malformed("a segment begins at a global that is not imported", 0);
  return found.name;
}
