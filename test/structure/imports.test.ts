/** Who may import whom, read from the import lines: the table at the end of the design, held. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface Import {
  /** Both without extension, from the root: "src/model/tcp". */
  readonly from: string;
  readonly to: string;
  readonly names: string;
  /** Erased by the compiler: no code comes with it. */
  readonly typeOnly: boolean;
}

const STATEMENT = /^(?:import|export)\s+(type\s)?([^"';]*?)(?:\bfrom\s+)?"([^"]+)";/gm;
const DYNAMIC = /\bimport\("([^"]+)"\)/g;

function importsOf(folder: string): Import[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => importsIn(posix.join(folder, file)));
}

function importsIn(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const from = bare(file);
  const resolve = (to: string) =>
    to.startsWith(".") ? bare(posix.join(posix.dirname(file), to)) : to;
  const fixed = [...text.matchAll(STATEMENT)].map(([, type, names = "", to = ""]) => {
    return { from, to: resolve(to), names, typeOnly: type !== undefined };
  });
  const lazy = [...text.matchAll(DYNAMIC)].map(([, to = ""]) => {
    return { from, to: resolve(to), names: "", typeOnly: false };
  });
  return [...fixed, ...lazy];
}

function bare(file: string): string {
  return file.replace(/(\.d)?\.[tj]s$/, "");
}

/** The room a module stands in: its folder under src/ or assembly/, or its own name when it has none. */
function room(module: string): string {
  return module.split("/")[1] ?? module;
}

function lines(imports: readonly Import[]): string[] {
  return imports.map(({ from, to }) => `${from} -> ${to}`);
}

describe("assembly", () => {
  const ALLOWED: Record<string, readonly string[]> = {
    index: ["program", "flow", "wire", "maps", "packet"],
    program: ["program", "flow", "wire", "maps", "packet"],
    flow: ["flow", "wire", "maps", "packet"],
    /** A module of its own: what it takes from the packet path is compiled into it a second time. */
    runtime: ["runtime", "wire", "maps", "flow", "packet"],
    /** What programs are compiled with. */
    sdk: ["sdk", "wire"],
    wire: ["wire", "packet"],
    maps: ["maps", "packet"],
    packet: [],
  };
  const imports = importsOf("assembly");

  test("index -> program -> flow -> {wire, maps} -> packet -> abi", () => {
    const breaches = imports.filter(
      ({ from, to }) => !to.startsWith("abi/") && !ALLOWED[room(from)]?.includes(room(to)),
    );
    expect(lines(breaches)).toEqual([]);
  });

  test("the runtime takes pure functions from the packet path, never its maps or its state", () => {
    const pure = /^assembly\/(runtime|wire)\/|^assembly\/(maps\/(hash|index)|flow\/random|packet)$/;
    const breaches = imports.filter(
      ({ from, to }) => room(from) === "runtime" && !to.startsWith("abi/") && !pure.test(to),
    );
    expect(lines(breaches)).toEqual([]);
  });

  test("nothing but itself and abi", () => {
    const foreign = imports.filter(({ to }) => !/^(assembly|abi)\//.test(to));
    expect(lines(foreign)).toEqual([]);
  });
});

test("abi imports nothing", () => {
  expect(importsOf("abi")).toEqual([]);
});

describe("src", () => {
  const imports = importsOf("src");
  const EDGES = ["cli", "web"];
  /** The interface of a dataplane, apart from what makes one. */
  const CONTRACTS = [
    "dataplane",
    "engine",
    "entries",
    "event",
    "counters",
    "transaction",
    "error",
  ].map((name) => `src/dataplane/${name}`);
  const LOWER: Record<string, readonly string[]> = {
    control: ["control", "dataplane", "packet", "murmur3"],
    dataplane: ["dataplane", "packet"],
    model: ["model", "dataplane", "packet", "murmur3"],
    pool: ["pool", "dataplane", "packet"],
    pcap: ["pcap", "packet"],
    packet: ["packet", "dataplane"],
  };
  /** What a dataplane is spoken of with: types that stand above it, and come without code. */
  const SPOKEN = ["src/control/kubernetes", "src/hook/hook", "src/maps/map", "src/program/loaded"];
  /** What stands on them. None of it says which engine it runs on. */
  const UPPER: Record<string, readonly string[]> = {
    replay: ["replay", "dataplane", "packet", "pcap", "order", "vip"],
    diff: ["diff", "explain", "control", "dataplane", "packet", "pcap", "order", "vip"],
    health: ["health", "control", "dataplane"],
    explain: ["dataplane", "packet", "vip"],
    maps: ["maps", "dataplane", "packet"],
    program: ["program", "maps", "dataplane"],
    hook: ["hook", "program", "dataplane"],
    programming: ["hook", "program", "maps", "control", "dataplane"],
    vip: ["dataplane", "packet"],
    order: [],
    murmur3: [],
  };
  /** The files of `dataplane` that only the Wasm engine is made of. */
  const LOADER =
    /^src\/dataplane\/(wasm|module|codec|commit|conntrack|descriptor|extents|frames|holes|released|retire|tables|totals|traffic|(?:maps|records|runtime)\/.*)$/;
  const inside = imports.filter(({ to }) => to.startsWith("src/"));
  const within = (names: readonly string[]) =>
    imports.filter(({ from }) => names.includes(room(from)));

  test("nothing imports an edge but the edges", () => {
    const breaches = inside.filter(
      ({ from, to }) => EDGES.includes(room(to)) && !EDGES.includes(room(from)),
    );
    expect(lines(breaches)).toEqual([]);
  });

  test("control, dataplane, model, pool, pcap and packet import nothing above them", () => {
    const breaches = inside.filter(({ from, to, typeOnly }) => {
      const lower = LOWER[room(from)];
      const isSpoken = typeOnly && SPOKEN.includes(to);
      return lower !== undefined && !lower.includes(room(to)) && !isSpoken;
    });
    expect(lines(breaches)).toEqual([]);
  });

  test("what stands on a dataplane imports nothing beside or above it but what is said", () => {
    const breaches = inside.filter(({ from, to, typeOnly }) => {
      const upper = UPPER[room(from)];
      const isSpoken = typeOnly && SPOKEN.includes(to);
      return upper !== undefined && !upper.includes(room(to)) && !isSpoken;
    });
    expect(lines(breaches)).toEqual([]);
  });

  test("what stands on a dataplane knows none of the Wasm loader", () => {
    const breaches = within(Object.keys(UPPER)).filter(({ to }) => LOADER.test(to));
    expect(lines(breaches)).toEqual([]);
  });

  test("control and packet know a dataplane by its interface, never the Wasm loader", () => {
    const breaches = within(["control", "packet"]).filter(
      ({ to, typeOnly }) => room(to) === "dataplane" && !CONTRACTS.includes(to) && !typeOnly,
    );
    expect(lines(breaches)).toEqual([]);
  });

  test("the model and the packet readers know headers by themselves, not by abi/layout", () => {
    const breaches = within(["model", "packet", "pcap"]).filter(
      ({ from, to, names }) =>
        to === "abi/layout" && !(room(from) === "model" && onlyLinkSlots(names)),
    );
    expect(lines(breaches)).toEqual([]);
  });

  test("the model shares no code with the Wasm loader", () => {
    expect(lines(within(["model"]).filter(({ to }) => LOADER.test(to)))).toEqual([]);
  });

  test("only the command line touches Node", () => {
    const breaches = imports.filter(
      ({ from, to }) => to.startsWith("node:") && room(from) !== "cli",
    );
    expect(lines(breaches)).toEqual([]);
  });

  test("assembly is never imported: the compiled module is", () => {
    expect(lines(imports.filter(({ to }) => to.startsWith("assembly/")))).toEqual([]);
  });
});

function onlyLinkSlots(names: string): boolean {
  const list = names
    .replace(/[{}\s]/g, "")
    .split(",")
    .filter(Boolean);
  return list.length > 0 && list.every((name) => name.startsWith("LINK_SLOT_"));
}
