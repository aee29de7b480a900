/** A Map whose keys are objects and count as equal when their texts do. */
export interface Keyed<Key, Value> {
  readonly length: number;
  lookup(key: Key): Value | undefined;
  update(key: Key, value: Value): void;
  /** False when there was no such entry. */
  delete(key: Key): boolean;
  clear(): void;
  entries(): IterableIterator<[Key, Value]>;
  copy(): Keyed<Key, Value>;
}

export function createKeyed<Key, Value>(
  text: (key: Key) => string,
  stored: Iterable<readonly [string, [Key, Value]]> = [],
): Keyed<Key, Value> {
  const rows = new Map(stored);
  return {
    get length() {
      return rows.size;
    },
    lookup: (key) => rows.get(text(key))?.[1],
    update: (key, value) => void rows.set(text(key), [key, value]),
    delete: (key) => rows.delete(text(key)),
    clear: () => rows.clear(),
    entries: () => rows.values(),
    copy: () => createKeyed(text, rows),
  };
}
