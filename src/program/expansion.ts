/**
 * Fields of many bytes. The language has numbers only, so `name: Text64` in a record becomes 64 fields of a byte and an
 * accessor `name` that gives the address of the first.
 */
import type * as AssemblyScript from "assemblyscript";
import type { Layout } from "../maps/map.ts";
import { type Api, kindsOf } from "./compiler.ts";

type ClassDeclaration = AssemblyScript.ClassDeclaration;
type FieldDeclaration = AssemblyScript.FieldDeclaration;
type Member = AssemblyScript.DeclarationStatement;

/** How `waxdp/program` is imported. */
const SDK_MODULE = "waxdp/program";
const SIZED = /^(Text|Bytes)(\d{1,4})$/;
const MAC_SIZE = 6;
/** What no name in a source has in it. */
const MARK = "$";

interface Row {
  readonly name: string;
  readonly size: number;
  readonly layout: Layout;
}

/** The rows that were expanded, by the first of their bytes' fields. */
export type Expansions = ReadonlyMap<FieldDeclaration, Row>;

export function expand(api: Api, program: AssemblyScript.Program): Expansions {
  const found = new Map<FieldDeclaration, Row>();
  for (const source of program.sources) {
    const names = importedNames(api, source.statements);
    if (names.size === 0) continue;
    for (const declaration of classesOf(api, source.statements)) {
      declaration.members = declaration.members.flatMap((member) => {
        const row = rowOf(api, member, names);
        return row ? expandRow(api, member, row, found) : [member];
      });
    }
  }
  return found;
}

/** What the source calls the SDK's types: its own name of each, and `name.` for the whole of it. */
function importedNames(api: Api, statements: AssemblyScript.Statement[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const statement of statements) {
    if (statement.kind !== kindsOf(api).NodeKind.Import) continue;
    const { path, declarations, namespaceName } = statement as AssemblyScript.ImportStatement;
    if (path.value !== SDK_MODULE) continue;
    if (namespaceName) names.set(`${namespaceName.text}.`, "");
    for (const each of declarations ?? []) names.set(each.name.text, each.foreignName.text);
  }
  return names;
}

function classesOf(api: Api, statements: AssemblyScript.Statement[]): ClassDeclaration[] {
  return statements.flatMap((each) => {
    if (each.kind === kindsOf(api).NodeKind.ClassDeclaration) return [each as ClassDeclaration];
    if (each.kind !== kindsOf(api).NodeKind.NamespaceDeclaration) return [];
    return classesOf(api, (each as AssemblyScript.NamespaceDeclaration).members);
  });
}

function rowOf(api: Api, member: Member, names: ReadonlyMap<string, string>): Row | undefined {
  if (member.kind !== kindsOf(api).NodeKind.FieldDeclaration) return undefined;
  const { type } = member as FieldDeclaration;
  if (type?.kind !== kindsOf(api).NodeKind.NamedType) return undefined;
  const { identifier, next } = (type as AssemblyScript.NamedTypeNode).name;
  const isWhole = next !== null && names.has(`${identifier.text}.`);
  const foreign = isWhole ? next.identifier.text : names.get(identifier.text);
  if (foreign === "Mac") return { name: member.name.text, size: MAC_SIZE, layout: "mac" };
  const [, kind, digits] = SIZED.exec(foreign ?? "") ?? [];
  const size = Number(digits);
  if (!kind || size === 0) return undefined;
  const layout = kind === "Text" ? { text: size } : { bytes: size };
  return { name: member.name.text, size, layout };
}

function expandRow(
  api: Api,
  member: Member,
  row: Row,
  found: Map<FieldDeclaration, Row>,
): Member[] {
  const { name, size } = row;
  const bytes = Array.from({ length: size }, (_, index) => `private ${name}${MARK}${index}: u8;`);
  const members = parseMembers(
    api,
    `class Row { ${bytes.join(" ")} get ${name}(): usize {
      return changetype<usize>(this) + offsetof<this>("${name}${MARK}0");
    } }`,
  );
  // What the compiler says of the accessor is said of the field.
  members.at(-1)!.name.range = member.name.range;
  found.set(members[0] as FieldDeclaration, row);
  return members;
}

function parseMembers(api: Api, text: string): Member[] {
  const parser = new api.Parser();
  parser.parseFile(text, "~lib/waxdp/program/expansion.ts", false);
  return (parser.sources[0]!.statements[0] as ClassDeclaration).members;
}

/** Whether the field is a byte behind the first one of a row. */
export function isInRow(name: string): boolean {
  return name.includes(MARK) && !name.endsWith(`${MARK}0`);
}
