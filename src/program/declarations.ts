/**
 * What a program declares while it is loaded: maps and reasons, by helpers that answer only then. All of it is taken
 * back when the load fails.
 */
import { NAME_SIZE_MAX } from "../../abi/program.ts";
import { show } from "../dataplane/field.ts";
import type { MapShape } from "../dataplane/runtime.ts";
import type { Layout, UserMap } from "../maps/map.ts";
import type { LinkedMap, MapDeclaration, Maps } from "../maps/registry.ts";
import { type Program, ProgramError } from "./program.ts";
import type { Reasons } from "./reasons.ts";
import { readUtf8 } from "./text.ts";

/** The maps of the dataplane, as far as programs need them; what throws is a MapError. */
export type MapDesk = Pick<Maps, "declare" | "adopt" | "use" | "release" | "holders">;

interface DeclarationOptions {
  readonly program: Program;
  /** What it is called here. */
  readonly name: string;
  readonly memory: WebAssembly.Memory;
  readonly maps: MapDesk;
  readonly reasons: Reasons;
  /** By the names the program has for them. */
  readonly replacements: Readonly<Record<string, unknown>>;
}

/** What a map of maps holds: the address of a map, as a u32. */
const HANDLE_SIZE = 4;
const WORD_SIZE = 4;

export class Declarations {
  readonly #options: DeclarationOptions;
  /** By the names that the program has for them. */
  readonly #linked = new Map<string, LinkedMap>();
  readonly #reasonsBefore: number;
  #isOpen = true;
  /** For import module "waxdp". Every argument is an i32. */
  readonly helpers: WebAssembly.ModuleImports;

  constructor(options: DeclarationOptions) {
    this.#options = options;
    this.#reasonsBefore = options.reasons.length;
    this.helpers = {
      map_create: (...given: number[]) => this.#mapCreate(given),
      map_create_inner: (...given: number[]) => this.#mapCreateInner(given),
      reason: (text: number, length: number) => this.#reason(text, length),
    };
  }

  /** The maps it has declared, by its own names. From now on it can declare nothing. */
  close(): ReadonlyMap<string, UserMap> {
    this.#isOpen = false;
    const { replacements, program } = this.#options;
    for (const name of Object.keys(replacements)) {
      if (this.#linked.has(name)) continue;
      const names = [...this.#linked.keys()].join(", ") || "none";
      throw new ProgramError(
        "bad-option",
        `maps.${name} replaces nothing: the maps that ${program.name} declares are ${names}`,
      );
    }
    return new Map([...this.#linked].map(([name, { map }]) => [name, map]));
  }

  /** As it was before; the maps that it has made are gone. */
  undo(): void {
    this.#isOpen = false;
    const { maps, name, reasons } = this.#options;
    for (const { map, created } of [...this.#linked.values()].reverse()) {
      maps.release(map, name);
      if (created) map.close();
    }
    this.#linked.clear();
    reasons.truncate(this.#reasonsBefore);
  }

  #mapCreate([name, length, ...given]: readonly number[]): number {
    const [key = 0, keyLength = 0, value = 0, valueLength = 0] = given.slice(SHAPE_LENGTH);
    return this.#link("map_create", {
      name: this.#text(name, length),
      shape: shapeOf(given),
      key: this.#layout(key, keyLength),
      value: this.#layout(value, valueLength),
    });
  }

  #mapCreateInner([name, length, type, keySize, maxEntries, flags, ...inner]: readonly number[]) {
    return this.#link("map_create_inner", {
      name: this.#text(name, length),
      shape: shapeOf([type, keySize, HANDLE_SIZE, maxEntries, flags]),
      // Nobody says what its keys are like: an index, or a number in the hash.
      key: keySize === WORD_SIZE ? "u32" : undefined,
      inner: shapeOf(inner),
    });
  }

  #link(helper: string, declaration: MapDeclaration): number {
    this.#demandOpen(helper);
    const { maps, replacements, name } = this.#options;
    const linked = Object.hasOwn(replacements, declaration.name)
      ? maps.adopt(replacements[declaration.name], declaration)
      : maps.declare(declaration);
    // Twice declared is once made.
    if (!this.#linked.has(declaration.name)) this.#linked.set(declaration.name, linked);
    maps.use(linked.map, name);
    return linked.handle;
  }

  #reason(text: number, length: number): number {
    this.#demandOpen("reason");
    const reason = this.#text(text, length);
    if (length >= 1 && length <= NAME_SIZE_MAX && !CONTROL.test(reason)) {
      return this.#options.reasons.numberOf(reason);
    }
    throw new RangeError(
      `${show(reason)} is no reason: it must be 1 to ${NAME_SIZE_MAX} bytes of text on one line`,
    );
  }

  /** Undefined when nobody has said what the type is like. */
  #layout(name: number, length: number): Layout | undefined {
    const { types } = this.#options.program;
    const text = this.#text(name, length);
    return Object.hasOwn(types, text) ? types[text] : undefined;
  }

  #text(address = 0, length = 0): string {
    return readUtf8(this.#options.memory, address, length);
  }

  #demandOpen(helper: string): void {
    if (this.#isOpen) return;
    throw new Error(`${helper} is for when a program is loaded: call it at the top of the file`);
  }
}

/** Control characters, C0, C1 and DEL. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

const SHAPE_LENGTH = 5;

function shapeOf([type, keySize, valueSize, maxEntries, flags]: readonly (
  | number
  | undefined
)[]): MapShape {
  const unsigned = (number = 0) => number >>> 0;
  return {
    type: unsigned(type),
    keySize: unsigned(keySize),
    valueSize: unsigned(valueSize),
    maxEntries: unsigned(maxEntries),
    flags: unsigned(flags),
  };
}
