/** What the compiler knows of map keys and values -> Layout, by the names the program has for them. */
import type * as AssemblyScript from "assemblyscript";
import type { FieldType, Layout, Struct } from "../maps/map.ts";
import { type Expansions, isInRow } from "./expansion.ts";
import type { Layouts } from "./layouts.ts";
import { LIBRARY } from "./sources.ts";

type Class = AssemblyScript.Class;
type Element = AssemblyScript.Element;
type Type = AssemblyScript.Type;
type TypeNode = AssemblyScript.TypeNode;

/** Types of the SDK that mean more than the numbers they are made of: assembly/sdk/fields.ts. */
const MEANINGS: Readonly<Record<string, Layout>> = {
  Be16: "be16",
  Be32: "be32",
  Be64: "be64",
  Ipv4: "ipv4",
  Ipv6: "ipv6",
  Addr16: "addr16",
  Prefix4: "prefix4",
  Prefix6: "prefix6",
};
const FIELDS = `${LIBRARY}waxdp/program/fields/`;
const NUMBERS: Readonly<Record<string, Layout>> = {
  ...{ u8: "u8", u16: "u16", u32: "u32", u64: "u64", i8: "i8", i16: "i16", i32: "i32", i64: "i64" },
  ...{ f32: "f32", f64: "f64", bool: "bool", usize: "u32", isize: "i32", v128: { bytes: 16 } },
};
/** ReportMode.Swallow: what cannot be resolved, the compiler says itself. */
const SWALLOW = 1;
/** What a field stands at a multiple of, where the codec of maps (src/maps/layout.ts) has another rule than its size. */
const ROW_ALIGNMENT = 1;

export interface Describer {
  /** The name under which a key's or value's type is described from now on. */
  name(node: TypeNode, type: Type, context: Element): string;
  readonly layouts: Layouts;
}

export function createDescriber(
  program: AssemblyScript.Program,
  expansions: Expansions,
): Describer {
  // Keys of arrays are these, and nobody writes so.
  const layouts: Record<string, Layout> = { u32: "u32" };
  const describe = (node: TypeNode | null, type: Type, context: Element): Layout =>
    meaningOf(program, node, context) ??
    numberOf(type) ??
    structOf(type.getClass()!, describe, expansions);
  return {
    layouts,
    name(node, type, context) {
      const layout = describe(node, type, context);
      return register(layouts, nameOf(node, type), layout);
    },
  };
}

function nameOf(node: TypeNode, type: Type): string {
  const name = (node as AssemblyScript.NamedTypeNode).name;
  let last = name;
  while (last.next) last = last.next;
  return type.getClass()?.name ?? last.identifier.text;
}

/** Two types of one name get two names. */
function register(layouts: Record<string, Layout>, name: string, layout: Layout): string {
  const text = JSON.stringify(layout);
  let free = name;
  for (let count = 2; Object.hasOwn(layouts, free); count++) {
    if (JSON.stringify(layouts[free]) === text) return free;
    free = `${name}_${count}`;
  }
  layouts[free] = layout;
  return free;
}

/** Follows the names that the source gives to other types, to one of the SDK's. */
function meaningOf(
  program: AssemblyScript.Program,
  node: TypeNode | null,
  context: Element,
): Layout | undefined {
  const name = (node as AssemblyScript.NamedTypeNode | null)?.name;
  if (!name) return undefined;
  const { resolver } = program;
  const element = resolver.resolveTypeName(name, null, context, SWALLOW);
  if (!element) return undefined;
  if (element.internalName.startsWith(FIELDS)) return MEANINGS[element.name];
  const alias = (element as { typeNode?: TypeNode }).typeNode;
  return alias && element.parent !== program.nativeFile
    ? meaningOf(program, alias, element.parent)
    : undefined;
}

/** Of a number; references that are fields are addresses. */
function numberOf(type: Type): Layout | undefined {
  return type.isReference ? undefined : (NUMBERS[type.toString()] ?? "u32");
}

type Describe = (node: TypeNode | null, type: Type, context: Element) => Layout;

interface Field {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly alignment: number;
  readonly layout: FieldType;
}

function structOf(instance: Class, describe: Describe, expansions: Expansions): Layout {
  if (instance.prototype.internalName.startsWith(FIELDS)) {
    const meaning = MEANINGS[instance.prototype.name];
    if (meaning) return meaning;
  }
  const fields = fieldsOf(instance, describe, expansions).sort((a, b) => a.offset - b.offset);
  return fields.length > 0 ? pack(fields) : { bytes: Math.max(1, instance.nextMemoryOffset) };
}

function fieldsOf(instance: Class, describe: Describe, expansions: Expansions): Field[] {
  const found = new Map<string, Field>();
  for (let each: Class | null = instance; each; each = each.base) {
    for (const [name, member] of each.members ?? []) {
      const property = (member as Partial<AssemblyScript.PropertyPrototype>).instance;
      if (!property?.isField || found.has(name) || isInRow(name)) continue;
      found.set(name, fieldOf(property, each, describe, expansions));
    }
  }
  return [...found.values()];
}

function fieldOf(
  property: AssemblyScript.Property,
  owner: Class,
  describe: Describe,
  expansions: Expansions,
): Field {
  const { memoryOffset: offset, type, name } = property;
  const declaration = property.prototype.fieldDeclaration!;
  const row = expansions.get(declaration);
  if (row) {
    const { size, layout } = row;
    return { name: row.name, offset, size, alignment: ROW_ALIGNMENT, layout: layout as FieldType };
  }
  const size = type.byteSize;
  const layout = type.isReference
    ? "u32"
    : describe(declaration.type, type, owner.prototype.parent);
  const alignment = typeof layout === "object" ? ROW_ALIGNMENT : size;
  return { name, offset, size, alignment, layout: layout as FieldType };
}

/** Fields in their order, with bytes between those that the codec would put closer together. */
function pack(fields: readonly Field[]): Struct {
  const struct: Record<string, FieldType> = {};
  let end = 0;
  for (const { name, offset, size, alignment, layout } of fields) {
    if (Math.ceil(end / alignment) * alignment < offset)
      struct[`_${end}`] = { bytes: offset - end };
    struct[name] = layout;
    end = offset + size;
  }
  return struct;
}
