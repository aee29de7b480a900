/** What is asked of `programs.load`, checked. */
import { show } from "../dataplane/field.ts";
import { isName, NAME_RULE } from "../dataplane/name.ts";
import { loadProgram } from "./check.ts";
import { isProgram } from "./inspection.ts";
import type { Request } from "./linker.ts";
import type { LoadOptions } from "./loaded.ts";
import { type Program, ProgramError } from "./program.ts";

const OPTIONS: readonly (keyof LoadOptions)[] = ["name", "maps"];

/** Throws ProgramError "bad-option", and whatever there is to say of bytes that are no program. */
export function requestOf(given: Program | Uint8Array, options: LoadOptions): Request {
  if (typeof options !== "object" || options === null) {
    throw bad(`the options of load are ${show(options)}: they must be an object`);
  }
  for (const name of Object.keys(options)) {
    if (OPTIONS.includes(name as keyof LoadOptions)) continue;
    throw bad(`${name} is not known: an option of load is one of ${OPTIONS.join(", ")}`);
  }
  const { name, maps = {} } = options;
  if (name !== undefined && !isName(name)) {
    throw bad(`name is ${show(name)}: it must be ${NAME_RULE}`);
  }
  if (typeof maps !== "object" || maps === null || Array.isArray(maps)) {
    throw bad(`maps is ${show(maps)}: it must be an object of maps by the program's names`);
  }
  const program = programOf(given);
  // The caller may change them while the program waits for its turn.
  return { program, name: name ?? program.name, replacements: { ...maps } };
}

function programOf(given: Program | Uint8Array): Program {
  if (isProgram(given)) return given;
  if (given instanceof Uint8Array) return loadProgram(given);
  throw bad(
    `load takes what Program.load or Program.compile has returned, or a program's bytes, not ${show(given)}`,
  );
}

function bad(message: string): ProgramError {
  return new ProgramError("bad-option", message);
}
