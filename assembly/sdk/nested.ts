/** Maps whose values are programs or maps: the owner of the dataplane fills them. */
import {
  MAP_TYPE_ARRAY_OF_MAPS,
  MAP_TYPE_HASH_OF_MAPS,
  MAP_TYPE_PROG_ARRAY,
  TAIL_CALL,
} from "../../abi/program";
import { Context } from "./context";
import * as helpers from "./helpers";
import { declareMap } from "./maps";
import { lengthOf, place } from "./names";
import { addressOf, KEY, sizeOf } from "./values";

@unmanaged
export class ProgArray {
  /** `return programs.tailCall(ctx, index)`: that program goes on with the packet; `otherwise`, NEXT, when there is none. */
  tailCall(ctx: Context, index: u32, otherwise: i32 = -1): i32 {
    const called = helpers.tailCall(changetype<usize>(ctx), changetype<usize>(this), index);
    return called ? TAIL_CALL : otherwise;
  }
}

export function progArray(name: string, maxEntries: u32): ProgArray {
  return changetype<ProgArray>(
    declareMap<u32, u32>(MAP_TYPE_PROG_ARRAY, name, maxEntries, 0, "u32", "u32"),
  );
}

/** `M` is the type of the maps in it: HashMap<K, V>, ArrayMap<V>... */
@unmanaged
export class MapOfMaps<K, M> {
  /** The map at the key, null when there is none. */
  lookup(key: K): M | null {
    return changetype<M | null>(
      helpers.mapLookup(changetype<usize>(this), addressOf<K>(key, KEY)),
    );
  }
}

export function arrayOfMaps<M>(
  name: string,
  maxEntries: u32,
  innerMaxEntries: u32,
  innerFlags: u32 = 0,
): MapOfMaps<u32, M> {
  return declareOuter<u32, M>(MAP_TYPE_ARRAY_OF_MAPS, name, maxEntries, innerMaxEntries, innerFlags);
}

export function hashOfMaps<K, M>(
  name: string,
  maxEntries: u32,
  innerMaxEntries: u32,
  innerFlags: u32 = 0,
): MapOfMaps<K, M> {
  return declareOuter<K, M>(MAP_TYPE_HASH_OF_MAPS, name, maxEntries, innerMaxEntries, innerFlags);
}

function declareOuter<K, M>(
  type: u32,
  name: string,
  maxEntries: u32,
  innerMaxEntries: u32,
  innerFlags: u32,
): MapOfMaps<K, M> {
  // Nothing is read of it: what the inner maps are like follows from their type alone.
  const inner = changetype<M>(0);
  return changetype<MapOfMaps<K, M>>(
    helpers.mapCreateInner(
      place(0, name),
      lengthOf(name),
      type,
      sizeOf<K>(),
      maxEntries,
      0,
      // @ts-ignore: M is a map
      inner.mapType,
      // @ts-ignore: M is a map
      inner.keySize,
      // @ts-ignore: M is a map
      inner.valueSize,
      innerMaxEntries,
      // @ts-ignore: M is a map
      innerFlags | inner.mapFlags,
    ),
  );
}
