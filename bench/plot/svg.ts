/** Pictures as text: elements with attributes, and scales that are logarithmic. */

export type Attributes = Readonly<Record<string, string | number>>;

/** `content` is markup. */
export function element(name: string, attributes: Attributes, content = ""): string {
  const pairs = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === "number" ? round(value) : escaped(value)}"`,
  );
  return content === ""
    ? `<${name}${pairs.join("")}/>`
    : `<${name}${pairs.join("")}>${content}</${name}>`;
}

export function text(x: number, y: number, words: string, attributes: Attributes = {}): string {
  return element("text", { x, y, ...attributes }, escaped(words));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escaped(words: string): string {
  return words
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** From a range of values to a range of places. */
export type Scale = (value: number) => number;

export function logScale(
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
): Scale {
  const span = Math.log(high / low);
  return (value) => from + (Math.log(value / low) / span) * (to - from);
}

/** The narrowest range with ends of 1, 2 or 5 times a power of ten that holds all values. */
export function rangeOf(values: readonly number[]): readonly [number, number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const steps = [1, 2, 5, 10];
  const unit = (value: number) => 10 ** Math.floor(Math.log10(value));
  const floor = steps.findLast((step) => step * unit(low) <= low) ?? 1;
  const ceiling = steps.find((step) => step * unit(high) >= high) ?? 10;
  return [floor * unit(low), ceiling * unit(high)];
}

export function powersOfTen([low, high]: readonly [number, number]): number[] {
  const first = Math.ceil(Math.log10(low));
  const last = Math.floor(Math.log10(high));
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
}

/** Places of labels that want to stand at `wanted`, none nearer to the next than `gap`. */
export function apart(wanted: readonly number[], gap: number): number[] {
  const order = wanted
    .map((_, index) => index)
    .sort((a, b) => (wanted[a] as number) - (wanted[b] as number));
  const places = [...wanted];
  for (let pass = 0; pass < 100; pass++) {
    for (let i = 1; i < order.length; i++) {
      const [above, below] = [order[i - 1] as number, order[i] as number];
      const lack = gap - ((places[below] as number) - (places[above] as number));
      if (lack <= 0) continue;
      places[above] = (places[above] as number) - lack / 2;
      places[below] = (places[below] as number) + lack / 2;
    }
  }
  return places;
}
