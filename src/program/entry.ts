/** What the source has to export: a function `program` or `batch`. */
import type * as AssemblyScript from "assemblyscript";
import { type Api, kindsOf } from "./compiler.ts";
import { errorAt } from "./diagnostics.ts";
import type { Diagnostic } from "./program.ts";
import { LIBRARY } from "./sources.ts";

type Element = AssemblyScript.DeclaredElement;

const FORMS = {
  program: { parameters: 1, returns: true, wanted: "program(ctx: Context): i32" },
  batch: { parameters: 2, returns: false, wanted: "batch(contexts: Contexts, count: u32): void" },
} as const;
type Form = keyof typeof FORMS;
const NAMES: readonly Form[] = ["program", "batch"];
/** As many letters may be wrong for a name to count as misspelt. */
const DISTANCE_MAX = 2;

export function checkEntry(api: Api, program: AssemblyScript.Program): Diagnostic[] {
  const { UserEntry } = kindsOf(api).SourceKind;
  // The compiler has its own spelling of the path; parts of the SDK are entries, too.
  const file = [...program.filesByName.values()].find(
    ({ source }) =>
      Number(source.sourceKind) === UserEntry && !source.normalizedPath.startsWith(LIBRARY),
  );
  const exported = file?.exports ?? new Map<string, Element>();
  const found = NAMES.filter((name) => exported.has(name));
  if (found.length === 0) return [missing(file, exported)];
  if (found.length === 2) {
    return [
      errorAt(rangeOf(exported.get("batch")!), "a program exports program or batch, not both"),
    ];
  }
  return found.flatMap((name) => checkForm(api, name, exported.get(name)!));
}

function rangeOf(element: Element): AssemblyScript.Range {
  return element.declaration.name.range;
}

function missing(
  file: AssemblyScript.File | undefined,
  exported: ReadonlyMap<string, Element>,
): Diagnostic {
  const wanted = `a program exports function ${FORMS.program.wanted}, or ${FORMS.batch.wanted}`;
  for (const name of NAMES) {
    const hidden = file?.members?.get(name);
    if (hidden)
      return errorAt(rangeOf(hidden), `${name} is not exported: write export in front of it`);
  }
  for (const [name, element] of exported) {
    const meant = NAMES.find((each) => distance(name.toLowerCase(), each) <= DISTANCE_MAX);
    if (meant) return errorAt(rangeOf(element), `${wanted}: is ${name} meant to be ${meant}?`);
  }
  return errorAt(file?.source.range.atStart ?? null, wanted);
}

/** Levenshtein's, of names that are short. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...from.slice(0, 64)].entries()) {
    const next = [index + 1];
    for (let at = 0; at < to.length; at++) {
      const change = row[at]! + (to[at] === letter ? 0 : 1);
      next.push(Math.min(change, row[at + 1]! + 1, next[at]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}

function checkForm(api: Api, name: Form, element: Element): Diagnostic[] {
  const { parameters, returns, wanted } = FORMS[name];
  const at = rangeOf(element);
  if (element.kind !== kindsOf(api).ElementKind.FunctionPrototype) {
    return [errorAt(at, `${name} is no function: a program exports function ${wanted}`)];
  }
  const instance = (element as AssemblyScript.FunctionPrototype).getResolvedInstance("");
  const signature = instance?.signature;
  if (!signature)
    return [errorAt(at, `${name} takes no types: a program exports function ${wanted}`)];
  const fits =
    signature.parameterTypes.length === parameters &&
    signature.parameterTypes.every((type) => isWord(api, type)) &&
    (returns ? isWord(api, signature.returnType) : signature.returnType === api.Type.void);
  return fits ? [] : [errorAt(at, `${name}${described(signature)} has to be ${wanted}`)];
}

function described(signature: AssemblyScript.Signature): string {
  return signature.toString().replace(" => ", ": ");
}

/** An integer of 32 bits or fewer, or a record. */
function isWord(api: Api, type: AssemblyScript.Type): boolean {
  const isRecord = type.isReference && !type.isManaged && type.getClass() !== null;
  return isRecord || (type.isIntegerValue && type.size <= 32 && type !== api.Type.void);
}
