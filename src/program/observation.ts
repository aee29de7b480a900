/** What is seen of a compilation from outside: where in the program's own files the compiler is, and what it makes. */
import type * as AssemblyScript from "assemblyscript";
import type { Api } from "./compiler.ts";
import type { Describer } from "./description.ts";
import type { Callers } from "./diagnostics.ts";
import { LIBRARY } from "./sources.ts";

type Range = AssemblyScript.Range;
type Expression = AssemblyScript.Expression;

export interface Observation {
  /** By what the compiler said of a library: where it was called. */
  readonly callers: Callers;
  /** Where memory is taken from a heap. */
  readonly heap: readonly Range[];
  /** By module and name of a function that is imported: where it is called first. */
  readonly imports: ReadonlyMap<string, Range>;
}

export interface Subject {
  readonly api: Api;
  readonly compiler: AssemblyScript.Compiler;
  readonly describer: Describer;
}

/** Methods of the compiler that are wrapped, on one object only. */
interface Steps {
  compileExpression(expression: Expression, ...rest: unknown[]): number;
  compileCallDirect(
    instance: AssemblyScript.Function,
    operands: Expression[],
    node: AssemblyScript.Node,
    ...rest: unknown[]
  ): number;
  compileFunction(instance: AssemblyScript.Function, ...rest: unknown[]): boolean;
}

/** Functions of the language's runtime that ask for memory. */
const ALLOCATORS = new Set(
  ["__new", "__alloc", "__renew"].map((name) => `${LIBRARY}rt/stub/${name}`),
);
/** Parameters of the SDK's functions that say what a map's keys and values are, by the type they name. */
const TYPE_PARAMETERS: Readonly<Record<string, string>> = { keyType: "K", valueType: "V" };
const SDK = `${LIBRARY}waxdp/program/`;

export function observe(subject: Subject): Observation {
  const { compiler } = subject;
  const steps = compiler as unknown as Steps;
  const callers = new Map<AssemblyScript.DiagnosticMessage, Range>();
  const heap: Range[] = [];
  const here = track(steps);
  const { diagnostics } = compiler.program;
  const push = diagnostics.push.bind(diagnostics);
  diagnostics.push = (...messages) => {
    const range = here();
    if (range) for (const each of messages) callers.set(each, range);
    return push(...messages);
  };
  const compileFunction = steps.compileFunction.bind(compiler);
  steps.compileFunction = (instance, ...rest) => {
    const range = here();
    if (range && ALLOCATORS.has(instance.internalName)) heap.push(range);
    return compileFunction(instance, ...rest);
  };
  describeCalls(steps, subject);
  return { callers, heap, imports: noteImports(compiler.module, here) };
}

function noteImports(
  module: AssemblyScript.Module,
  here: () => Range | undefined,
): ReadonlyMap<string, Range> {
  const imports = new Map<string, Range>();
  const addFunctionImport = module.addFunctionImport.bind(module);
  module.addFunctionImport = (internalName, from, name, ...rest) => {
    const range = here();
    if (range) imports.set(`${from}.${name}`, range);
    addFunctionImport(internalName, from, name, ...rest);
  };
  return imports;
}

/** The innermost expression of the program's own files that is being compiled. */
function track(steps: Steps): () => Range | undefined {
  let current: Range | undefined;
  const compileExpression = steps.compileExpression.bind(steps);
  steps.compileExpression = (expression, ...rest) => {
    const outer = current;
    if (!expression.range.source.normalizedPath.startsWith(LIBRARY)) current = expression.range;
    try {
      return compileExpression(expression, ...rest);
    } finally {
      current = outer;
    }
  };
  return () => current;
}

/** Calls that make maps are given the names of their types, which the language itself forgets: `Ipv4` is u32 to it. */
function describeCalls(steps: Steps, subject: Subject): void {
  const compileCallDirect = steps.compileCallDirect.bind(steps);
  steps.compileCallDirect = (instance, operands, node, ...rest) => {
    const named = instance.prototype.internalName.startsWith(SDK)
      ? nameTypes(instance, operands, node as AssemblyScript.CallExpression, subject)
      : operands;
    return compileCallDirect(instance, named, node, ...rest);
  };
}

function nameTypes(
  instance: AssemblyScript.Function,
  operands: Expression[],
  { typeArguments, range }: AssemblyScript.CallExpression,
  { api, compiler, describer }: Subject,
): Expression[] {
  const missing = instance.prototype.functionTypeNode.parameters.slice(operands.length);
  const named = [...operands];
  for (const { name, initializer } of missing) {
    // What has no default is missing indeed: the compiler says so.
    if (!initializer) return operands;
    const parameter = TYPE_PARAMETERS[name.text];
    const index = typeParameterIndex(instance, parameter);
    const [node, type] = [typeArguments?.[index], instance.typeArguments?.[index]];
    if (parameter && !(node && type)) return operands;
    const context = compiler.currentFlow.sourceFunction.parent;
    named.push(
      node && type
        ? api.Node.createStringLiteralExpression(describer.name(node, type, context), range)
        : initializer,
    );
  }
  return named;
}

function typeParameterIndex({ prototype }: AssemblyScript.Function, name = ""): number {
  return prototype.typeParameterNodes?.findIndex((each) => each.name.text === name) ?? -1;
}
