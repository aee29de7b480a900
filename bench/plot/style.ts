/** What engines look like, on a light page and on a dark one. */
import { element } from "./svg.ts";

/** Colours on a light and on a dark page, and the dashes of what is related. */
const STYLES: Readonly<Record<string, readonly [light: string, dark: string, dashes: string]>> = {
  wasm: ["#654ff0", "#a394ff", ""],
  model: ["#2f9e44", "#69db7c", ""],
  typescript: ["#1971c2", "#4dabf7", ""],
  c: ["#495057", "#ced4da", ""],
  "c staged": ["#495057", "#ced4da", "7 4"],
  "c prefetch": ["#495057", "#ced4da", "2 4"],
  xdp: ["#e8590c", "#ff922b", ""],
  "xdp array": ["#e8590c", "#ff922b", "7 4"],
};

export function style(): string {
  const rules = (mode: 0 | 1) =>
    Object.entries(STYLES).map(([name, colours]) => `.${engineClass(name)}{--c:${colours[mode]}}`);
  const light = ".page{fill:#fff}text{fill:#1f2328}.dim{fill:#656d76}.grid{stroke:#d8dee4}";
  const dark = ".page{fill:#0d1117}text{fill:#e6edf3}.dim{fill:#8d96a0}.grid{stroke:#30363d}";
  const shared = ".line{stroke:var(--c);fill:none}.mark{fill:var(--c)}text.name{fill:var(--c)}";
  return element(
    "style",
    {},
    `${light}${rules(0).join("")}${shared}@media(prefers-color-scheme:dark){${dark}${rules(1).join("")}}`,
  );
}

/** The class of what is in an engine's colour. */
export function engineClass(name: string): string {
  return `e-${name.replaceAll(" ", "-")}`;
}

/** Empty for a line without gaps. */
export function dashesOf(name: string): string {
  return STYLES[name]?.[2] ?? "";
}
