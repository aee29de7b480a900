/** What a map refuses. */
import { MapError } from "../../src/maps/error.ts";

/** The code of the MapError that is thrown, or "nothing". */
export function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof MapError) return error.code;
    throw error;
  }
  return "nothing";
}
