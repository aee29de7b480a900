/** Names of maps, types and reasons: ASCII in memory, as the dataplane reads them. */
import { NAME_SIZE_MAX } from "../../abi/program";

/** One place for each name of a call. A name that is too long is refused by the dataplane, so one byte more is kept. */
const ROOM: u32 = NAME_SIZE_MAX + 1;
const NAMES = memory.data(3 * ROOM);

/** Address of the name's bytes, which stay until the place is used again. */
export function place(index: u32, name: string): usize {
  const at = NAMES + index * ROOM;
  const length = lengthOf(name);
  for (let each: u32 = 0; each < length; each++) {
    const unit = load<u16>(changetype<usize>(name) + (each << 1));
    // No name has such a character; the dataplane says so.
    store<u8>(at + each, unit < 128 ? <u8>unit : 0);
  }
  return at;
}

export function lengthOf(name: string): u32 {
  return min<u32>(name.length, ROOM);
}
