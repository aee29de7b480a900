/** Why programs drop packets, in their own words: a number for each, the same for the same text, from 1. */

export interface Reasons {
  /** Throws RangeError when there are too many. */
  numberOf(text: string): number;
  textOf(number: number): string | undefined;
  /** How many there are. */
  readonly length: number;
  /** Forgets those that came after there were `length`. */
  truncate(length: number): void;
}

/** Nobody reads as many. They outlive their programs, because events name them. */
const REASONS_MAX = 65536;

export function createReasons(): Reasons {
  const texts: string[] = [];
  const numbers = new Map<string, number>();
  return {
    get length() {
      return texts.length;
    },
    numberOf(text) {
      const known = numbers.get(text);
      if (known !== undefined) return known;
      if (texts.length === REASONS_MAX) {
        throw new RangeError(`there are ${REASONS_MAX} reasons already: take those there are`);
      }
      numbers.set(text, texts.push(text));
      return texts.length;
    },
    textOf: (number) => texts[number - 1],
    truncate(length) {
      for (const text of texts.splice(length)) numbers.delete(text);
    },
  };
}
