/** Maps as programs use them: the helpers of import module "waxdp". What they pass is not to be trusted. */
import {
  EINVAL,
  EPERM,
  MAP_FLAG_RDONLY_PROG,
  MAP_FLAG_WRONLY_PROG,
  MAP_TYPE_ARRAY,
  MAP_TYPE_ARRAY_OF_MAPS,
  MAP_TYPE_HASH,
  MAP_TYPE_HASH_OF_MAPS,
  MAP_TYPE_LPM_TRIE,
  MAP_TYPE_LRU_HASH,
  MAP_TYPE_PERCPU_ARRAY,
  MAP_TYPE_PERCPU_HASH,
  UPDATE_EXIST,
} from "../../../abi/program";
import { cpu } from "../state";
import * as array from "./array";
import * as hash from "./hash";
import { copy } from "./keys";
import { Header, isError, touch, valid } from "./map";
import * as slots from "./slots";
import * as trie from "./trie";

/** bpf_map_lookup_elem: address of the value, of this CPU; of a map of maps the inner handle; 0 for none. */
export function lookup(map: usize, key: usize): usize {
  if (!valid(map)) return 0;
  const header = changetype<Header>(map);
  if ((header.flags & MAP_FLAG_WRONLY_PROG) != 0) return 0;
  switch (header.type) {
    case MAP_TYPE_HASH:
      return hash.lookup(changetype<hash.HashMap>(map), key);
    case MAP_TYPE_ARRAY:
      return array.lookup(header, load<u32>(key));
    case MAP_TYPE_PERCPU_HASH:
      return mine(header, hash.lookup(changetype<hash.HashMap>(map), key));
    case MAP_TYPE_PERCPU_ARRAY:
      return mine(header, array.lookup(header, load<u32>(key)));
    case MAP_TYPE_LRU_HASH:
      return hash.use(changetype<hash.HashMap>(map), key);
    case MAP_TYPE_LPM_TRIE:
      return trie.lookup(changetype<trie.Trie>(map), key);
    case MAP_TYPE_ARRAY_OF_MAPS:
      return slots.at(header, load<u32>(key));
    case MAP_TYPE_HASH_OF_MAPS:
      return handleAt(hash.lookup(changetype<hash.HashMap>(map), key));
    default:
      return 0;
  }
}

/** The value of this CPU among those at `values`. */
// @ts-ignore: decorator
@inline
function mine(map: Header, values: usize): usize {
  return values == 0 ? 0 : values + cpu * map.stride;
}

// @ts-ignore: decorator
@inline
function handleAt(value: usize): usize {
  return value == 0 ? 0 : load<u32>(value);
}

/** bpf_map_update_elem: 0 or a negative error number. */
export function update(map: usize, key: usize, value: usize, flags: u32): i32 {
  if (!valid(map)) return -EINVAL;
  const header = changetype<Header>(map);
  if (!changeable(header.type)) return -EINVAL;
  if ((header.flags & MAP_FLAG_RDONLY_PROG) != 0) return -EPERM;
  if (flags > <u32>UPDATE_EXIST) return -EINVAL;
  touch(value, header.valueSize);
  const at = place(header, key, flags);
  if (isError(at)) return <i32>at;
  copy(isPerCpu(header.type) ? mine(header, at) : at, value, header.valueSize);
  return 0;
}

/** Whether programs may change what is in it. */
function changeable(type: u32): bool {
  return (
    type == MAP_TYPE_HASH ||
    type == MAP_TYPE_ARRAY ||
    type == MAP_TYPE_LRU_HASH ||
    type == MAP_TYPE_LPM_TRIE ||
    isPerCpu(type)
  );
}

// @ts-ignore: decorator
@inline
function isPerCpu(type: u32): bool {
  return type == MAP_TYPE_PERCPU_HASH || type == MAP_TYPE_PERCPU_ARRAY;
}

/** Where the value of a key goes, of CPU 0 when there are several; or an error. */
export function place(map: Header, key: usize, flags: u32): usize {
  switch (map.type) {
    case MAP_TYPE_ARRAY:
    case MAP_TYPE_PERCPU_ARRAY:
      return array.place(map, load<u32>(key), flags);
    case MAP_TYPE_LPM_TRIE:
      return trie.place(changetype<trie.Trie>(map), key, flags);
    default:
      return hash.place(changetype<hash.HashMap>(map), key, flags);
  }
}

/** bpf_map_delete_elem: 0 or a negative error number. */
export function remove(map: usize, key: usize): i32 {
  if (!valid(map)) return -EINVAL;
  const header = changetype<Header>(map);
  const type = header.type;
  if (!changeable(type) || type == MAP_TYPE_ARRAY || type == MAP_TYPE_PERCPU_ARRAY) return -EINVAL;
  if ((header.flags & MAP_FLAG_RDONLY_PROG) != 0) return -EPERM;
  return type == MAP_TYPE_LPM_TRIE
    ? trie.remove(changetype<trie.Trie>(map), key)
    : hash.remove(changetype<hash.HashMap>(map), key);
}
