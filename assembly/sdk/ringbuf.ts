/** Ring buffers: records for the owner of the dataplane, in the order in which programs send them. */
import { MAP_TYPE_RINGBUF } from "../../abi/program";
import * as helpers from "./helpers";
import { lengthOf, place } from "./names";

@unmanaged
export class RingBuf<V> {
  /** Room for a record, which the reader does not see until it is submitted; null when the buffer is full. */
  reserve(): V | null {
    return changetype<V | null>(helpers.ringbufReserve(changetype<usize>(this), offsetof<V>()));
  }

  submit(record: V): void {
    helpers.ringbufSubmit(changetype<usize>(record));
  }

  discard(record: V): void {
    helpers.ringbufDiscard(changetype<usize>(record));
  }

  /** A copy of the record; false when the buffer is full. */
  output(record: V): bool {
    const at = changetype<usize>(record);
    return helpers.ringbufOutput(changetype<usize>(this), at, offsetof<V>()) == 0;
  }

  /** A copy of any bytes. */
  outputBytes(at: usize, size: u32): bool {
    return helpers.ringbufOutput(changetype<usize>(this), at, size) == 0;
  }

  /** RINGBUF_AVAIL_DATA, RINGBUF_SIZE, RINGBUF_CONSUMER or RINGBUF_PRODUCER. */
  query(what: u32): i64 {
    return helpers.ringbufQuery(changetype<usize>(this), what);
  }
}

/** `size` in bytes: a power of two, 4,096 at least. */
export function ringbuf<V>(
  name: string,
  size: u32,
  flags: u32 = 0,
  valueType: string = nameof<V>(),
): RingBuf<V> {
  return changetype<RingBuf<V>>(
    helpers.mapCreate(
      place(0, name),
      lengthOf(name),
      MAP_TYPE_RINGBUF,
      0,
      0,
      size,
      flags,
      0,
      0,
      place(2, valueType),
      lengthOf(valueType),
    ),
  );
}
