/**
 * Maps with typed keys and values. A map is its handle, the address of its header: abi/program. Default arguments are
 * literals, because the compiler looks for names in them where the call stands; 0 of `update` is UPDATE_ANY.
 */
import {
  LPM_DATA,
  LPM_PREFIX_LENGTH,
  MAP_FLAG_NO_PREALLOC,
  MAP_HEADER_MAX_ENTRIES,
  MAP_HEADER_VALUES,
  MAP_TYPE_ARRAY,
  MAP_TYPE_HASH,
  MAP_TYPE_LPM_TRIE,
  MAP_TYPE_LRU_HASH,
  MAP_TYPE_PERCPU_ARRAY,
  MAP_TYPE_PERCPU_HASH,
  UPDATE_NOEXIST,
  VALUE_ALIGNMENT,
} from "../../abi/program";
import * as helpers from "./helpers";
import { lengthOf, place } from "./names";
import { addressOf, KEY, sizeOf, VALUE } from "./values";

/** Keys and values are numbers or @unmanaged records. */
@unmanaged
export class KeyedMap<K, V> {
  /** The value, to be read and written in place; null when there is none. Of maps whose values are records. */
  lookup(key: K): V | null {
    return changetype<V | null>(this.find(key));
  }

  /** The value, which is made of zeros when there is none; null when there is no room for it. */
  lookupOrInit(key: K): V | null {
    const at = this.find(key);
    if (at != 0) return changetype<V>(at);
    const zeros = memory.data(offsetof<V>(), VALUE_ALIGNMENT);
    const map = changetype<usize>(this);
    helpers.mapUpdate(map, addressOf<K>(key, KEY), zeros, UPDATE_NOEXIST);
    return changetype<V | null>(this.find(key));
  }

  /** Address of the value, 0 when there is none. */
  find(key: K): usize {
    return helpers.mapLookup(changetype<usize>(this), addressOf<K>(key, KEY));
  }

  has(key: K): bool {
    return this.find(key) != 0;
  }

  /** The value, or `otherwise` when there is none. Of maps whose values are numbers. */
  get(key: K, otherwise: V): V {
    const at = this.find(key);
    return at != 0 ? load<V>(at) : otherwise;
  }

  /** Adds to the number at the key, which is 0 when it was not there; false when there was no room for it. */
  add(key: K, amount: V): bool {
    const at = this.find(key);
    if (at == 0) return this.update(key, amount) == 0;
    // @ts-ignore: V is a number
    store<V>(at, <V>(load<V>(at) + amount));
    return true;
  }

  /** 0, or an error number below 0: -E2BIG, -EEXIST, -ENOENT, -EINVAL, -ENOSPC. */
  update(key: K, value: V, flags: u32 = 0): i32 {
    const at = addressOf<K>(key, KEY);
    return helpers.mapUpdate(changetype<usize>(this), at, addressOf<V>(value, VALUE), flags);
  }

  /** 0 or -ENOENT. */
  remove(key: K): i32 {
    return helpers.mapDelete(changetype<usize>(this), addressOf<K>(key, KEY));
  }

  get keySize(): u32 {
    return sizeOf<K>();
  }

  get valueSize(): u32 {
    return sizeOf<V>();
  }
}

@unmanaged
export class HashMap<K, V> extends KeyedMap<K, V> {
  get mapType(): u32 {
    return MAP_TYPE_HASH;
  }

  get mapFlags(): u32 {
    return 0;
  }
}

/** Full, it gives up the entry that was used least recently. */
@unmanaged
export class LruHashMap<K, V> extends KeyedMap<K, V> {
  get mapType(): u32 {
    return MAP_TYPE_LRU_HASH;
  }

  get mapFlags(): u32 {
    return 0;
  }
}

/** A value for each CPU: a program sees that of `cpu()`. */
@unmanaged
export class PercpuHashMap<K, V> extends KeyedMap<K, V> {
  get mapType(): u32 {
    return MAP_TYPE_PERCPU_HASH;
  }

  get mapFlags(): u32 {
    return 0;
  }
}

@unmanaged
export class PercpuArrayMap<V> extends KeyedMap<u32, V> {
  get mapType(): u32 {
    return MAP_TYPE_PERCPU_ARRAY;
  }

  get mapFlags(): u32 {
    return 0;
  }
}

/** Keys are Prefix4, Prefix6, or a record that begins with a length in bits; the longest prefix wins. */
@unmanaged
export class LpmTrie<K, V> extends KeyedMap<K, V> {
  /** The value of the longest prefix that the address has. */
  match<A>(address: A): V | null {
    return changetype<V | null>(this.findMatch<A>(address));
  }

  /** Address of that value, 0 when there is none. */
  findMatch<A>(address: A): usize {
    if (sizeof<A>() + LPM_DATA != offsetof<K>()) ERROR("the keys have addresses of another size");
    store<u32>(MATCH, sizeof<A>() * 8, LPM_PREFIX_LENGTH);
    store<A>(MATCH, address, LPM_DATA);
    return helpers.mapLookup(changetype<usize>(this), MATCH);
  }

  get mapType(): u32 {
    return MAP_TYPE_LPM_TRIE;
  }

  get mapFlags(): u32 {
    return MAP_FLAG_NO_PREALLOC;
  }
}
/** A key with an address of 16 bytes. */
const MATCH = memory.data(LPM_DATA + 16, 8);

/** Values by index, in one row: no call is needed to reach one. */
@unmanaged
export class ArrayMap<V> {
  /** The value, null when the index is beyond the end. Of arrays of records. */
  lookup(index: u32): V | null {
    return changetype<V | null>(this.find(index));
  }

  /** Address of the value, 0 when the index is beyond the end. */
  find(index: u32): usize {
    const header = changetype<usize>(this);
    if (index >= load<u32>(header, MAP_HEADER_MAX_ENTRIES)) return 0;
    // The stride that the header has too: the map was made for these values.
    const stride = (sizeOf<V>() + VALUE_ALIGNMENT - 1) & ~(VALUE_ALIGNMENT - 1);
    return load<u32>(header, MAP_HEADER_VALUES) + index * stride;
  }

  /** The number at the index, or `otherwise` beyond the end. Of arrays of numbers. */
  get(index: u32, otherwise: V): V {
    const at = this.find(index);
    return at != 0 ? load<V>(at) : otherwise;
  }

  /** Adds to the number at the index; false beyond the end. */
  add(index: u32, amount: V): bool {
    const at = this.find(index);
    if (at == 0) return false;
    // @ts-ignore: V is a number
    store<V>(at, <V>(load<V>(at) + amount));
    return true;
  }

  /** 0 or -E2BIG, -EEXIST. */
  update(index: u32, value: V, flags: u32 = 0): i32 {
    store<u32>(KEY, index);
    return helpers.mapUpdate(changetype<usize>(this), KEY, addressOf<V>(value, VALUE), flags);
  }

  get mapType(): u32 {
    return MAP_TYPE_ARRAY;
  }

  get mapFlags(): u32 {
    return 0;
  }

  get keySize(): u32 {
    return sizeof<u32>();
  }

  get valueSize(): u32 {
    return sizeOf<V>();
  }
}

/** Makes the map, or shares the one of that name and shape. Only while the program is loaded: at top level. */
export function declareMap<K, V>(
  type: u32,
  name: string,
  maxEntries: u32,
  flags: u32,
  keyType: string,
  valueType: string,
): usize {
  return helpers.mapCreate(
    place(0, name),
    lengthOf(name),
    type,
    sizeOf<K>(),
    sizeOf<V>(),
    maxEntries,
    flags,
    place(1, keyType),
    lengthOf(keyType),
    place(2, valueType),
    lengthOf(valueType),
  );
}

export function array<V>(
  name: string,
  maxEntries: u32,
  flags: u32 = 0,
  valueType: string = nameof<V>(),
): ArrayMap<V> {
  return changetype<ArrayMap<V>>(
    declareMap<u32, V>(MAP_TYPE_ARRAY, name, maxEntries, flags, "u32", valueType),
  );
}

export function hash<K, V>(
  name: string,
  maxEntries: u32,
  flags: u32 = 0,
  keyType: string = nameof<K>(),
  valueType: string = nameof<V>(),
): HashMap<K, V> {
  return changetype<HashMap<K, V>>(
    declareMap<K, V>(MAP_TYPE_HASH, name, maxEntries, flags, keyType, valueType),
  );
}

export function lruHash<K, V>(
  name: string,
  maxEntries: u32,
  flags: u32 = 0,
  keyType: string = nameof<K>(),
  valueType: string = nameof<V>(),
): LruHashMap<K, V> {
  return changetype<LruHashMap<K, V>>(
    declareMap<K, V>(MAP_TYPE_LRU_HASH, name, maxEntries, flags, keyType, valueType),
  );
}

export function percpuArray<V>(
  name: string,
  maxEntries: u32,
  flags: u32 = 0,
  valueType: string = nameof<V>(),
): PercpuArrayMap<V> {
  return changetype<PercpuArrayMap<V>>(
    declareMap<u32, V>(MAP_TYPE_PERCPU_ARRAY, name, maxEntries, flags, "u32", valueType),
  );
}

export function percpuHash<K, V>(
  name: string,
  maxEntries: u32,
  flags: u32 = 0,
  keyType: string = nameof<K>(),
  valueType: string = nameof<V>(),
): PercpuHashMap<K, V> {
  return changetype<PercpuHashMap<K, V>>(
    declareMap<K, V>(MAP_TYPE_PERCPU_HASH, name, maxEntries, flags, keyType, valueType),
  );
}

/** `no_prealloc` goes without saying, as the kernel demands it. */
export function lpmTrie<K, V>(
  name: string,
  maxEntries: u32,
  flags: u32 = 0,
  keyType: string = nameof<K>(),
  valueType: string = nameof<V>(),
): LpmTrie<K, V> {
  const all = flags | MAP_FLAG_NO_PREALLOC;
  return changetype<LpmTrie<K, V>>(
    declareMap<K, V>(MAP_TYPE_LPM_TRIE, name, maxEntries, all, keyType, valueType),
  );
}
