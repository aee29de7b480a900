/** Custom section "waxdp.types": what the keys and values of a program's maps are, as JSON of Layout by name. */
import { show } from "../dataplane/field.ts";
import { MapError } from "../maps/error.ts";
import { compileLayout } from "../maps/layout.ts";
import type { Layout } from "../maps/map.ts";
import { malformed, text } from "./binary.ts";
import type { Image } from "./image.ts";

const LAYOUT_SECTION = "waxdp.types";

export type Layouts = Readonly<Record<string, Layout>>;

export function encodeLayouts(layouts: Layouts): number[] {
  return [...text(LAYOUT_SECTION), ...new TextEncoder().encode(JSON.stringify(layouts))];
}

export function readLayouts(bytes: Uint8Array, image: Image): Layouts {
  const span = image.custom.get(LAYOUT_SECTION);
  if (!span) return {};
  const found = parse(bytes.subarray(span.from, span.to));
  if (!isRecord(found)) throw malformed(`${LAYOUT_SECTION} does not describe types`, span.from);
  for (const [name, layout] of Object.entries(found)) check(layout, name, span.from);
  return found as Layouts;
}

/** By the rules of the maps that are to have it. */
function check(layout: unknown, name: string, at: number): void {
  try {
    compileLayout(layout as Layout, show(name));
  } catch (error) {
    if (!(error instanceof MapError)) throw error;
    throw malformed(`${LAYOUT_SECTION}: ${error.message}`, at);
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
