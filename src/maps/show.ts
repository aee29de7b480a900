/** A value for a message: on one line, and short. */
const SHOWN_MAX = 60;

export function show(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) {
    if (value instanceof Uint8Array) return `a Uint8Array of ${value.length} bytes`;
    return Array.isArray(value) ? `an array of ${value.length}` : "an object";
  }
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  const shown = typeof value === "bigint" ? `${text}n` : text;
  return shown.length > SHOWN_MAX ? `${shown.slice(0, SHOWN_MAX)}...` : shown;
}
