/** Texts with manifests, opened into documents. A text is JSON when JSON.parse takes it, and YAML otherwise. */

import { createFinder } from "./json.ts";
import type { Document, Source } from "./kubernetes.ts";
import { createLines } from "./lines.ts";
import type { ProblemList } from "./problem.ts";
import { parseYaml } from "./yaml.ts";

/** Characters of one text: 256 Mi, half of what a JavaScript string can be. */
const TEXT_LENGTH_MAX = 268_435_456;

export function* readDocuments(
  sources: readonly Source[],
  problems: ProblemList,
): Generator<Document> {
  for (const source of sources) {
    if (source.text.length > TEXT_LENGTH_MAX) problems.add("too-large", tooLarge(source));
    else
      yield* readSource({ file: source.file, text: source.text.replace(/^\uFEFF/, "") }, problems);
  }
}

function* readSource(source: Source, problems: ProblemList): Generator<Document> {
  const json = parseJson(source.text);
  if (json === undefined) yield* readYaml(source, problems);
  else yield jsonDocument(source, json);
}

/** Undefined when the text is no JSON; whether it is anything else, YAML says with a line. */
function parseJson(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function jsonDocument({ file, text }: Source, value: unknown): Document {
  const find = createFinder(text);
  const lines = createLines(text);
  return { file, value, position: (path) => lines(find(path)) };
}

function* readYaml({ file, text }: Source, problems: ProblemList): Generator<Document> {
  const lines = createLines(text);
  for (const { value, faults, offset } of parseYaml(text)) {
    for (const { offset: at, message, fix } of faults) {
      problems.add("bad-syntax", { file, ...lines(at), object: "", path: "", message, fix });
    }
    const isEmpty = value === undefined || value === null;
    if (!isEmpty) yield { file, value, position: (path) => lines(offset(path)) };
  }
}

function tooLarge({ file, text }: Source) {
  const message = `has ${text.length} characters, more than ${TEXT_LENGTH_MAX}`;
  return {
    file,
    line: 1,
    column: 1,
    object: "",
    path: "",
    message,
    fix: "split it into several texts",
  };
}
