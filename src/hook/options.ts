/** The options of an attachment, checked and completed. */
import { show } from "../dataplane/field.ts";
import { isName, NAME_RULE } from "../dataplane/name.ts";
import { HookError } from "./error.ts";
import type { AttachOptions } from "./hook.ts";

/** Enough to tell a bad packet from a bad program. */
const MAX_TRAPS = 16;

const NAMES: readonly (keyof AttachOptions)[] = [
  "name",
  "first",
  "last",
  "before",
  "after",
  "replace",
  "revision",
  "maxTraps",
];

/** Throws HookError "bad-option" for what no type checker has seen. */
export function checkAttach(options: AttachOptions): AttachOptions & { readonly maxTraps: number } {
  if (typeof options !== "object" || options === null) {
    throw bad(`the options of attach are ${show(options)}: they must be an object`);
  }
  for (const name of Object.keys(options)) {
    if (NAMES.includes(name as keyof AttachOptions)) continue;
    throw bad(`${name} is not known: an option of attach is one of ${NAMES.join(", ")}`);
  }
  const { name, revision, maxTraps = MAX_TRAPS } = options;
  if (name !== undefined && !isName(name)) {
    throw bad(`name is ${show(name)}: it must be ${NAME_RULE}`);
  }
  if (revision !== undefined && !isCount(revision)) {
    throw bad(`revision is ${show(revision)}: it must be what the hook's \`revision\` was`);
  }
  if (isCount(maxTraps) || maxTraps === Number.POSITIVE_INFINITY) return { ...options, maxTraps };
  throw bad(`maxTraps is ${show(maxTraps)}: it must be an integer from 1, or Infinity`);
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1;
}

function bad(message: string): HookError {
  return new HookError("bad-option", message);
}
