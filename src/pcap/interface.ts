/**
 * pcapng's Interface Description Block: what it says of its packets, the meaning of their
 * timestamps above all.
 */
import { viewOf } from "../packet/bytes.ts";
import {
  type CaptureInterface,
  NANOSECONDS,
  OPTION_IF_NAME,
  OPTION_IF_TSOFFSET,
  OPTION_IF_TSRESOL,
  type Resolution,
} from "./capture.ts";
import { readOptions } from "./option.ts";

/** An interface as the decoder uses it. */
export interface Source {
  /** In the order of the whole file. */
  readonly number: number;
  readonly description: CaptureInterface;
  /** Nanoseconds since 1970 of a timestamp in two halves. */
  time(high: number, low: number): bigint;
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

interface Options {
  name?: string;
  /** if_tsresol: a negative power of 10, or of 2 when the high bit is set. The default is 6. */
  resolution: number;
  /** if_tsoffset: seconds. */
  offset: bigint;
}

/** `body` begins with link type, two reserved bytes and snap length. */
export function readSource(
  body: Uint8Array,
  little: boolean,
  offset: number,
  number: number,
): Source {
  const view = viewOf(body);
  const options = readInterfaceOptions(body, little, offset);
  return {
    number,
    description: {
      name: options.name,
      linkType: view.getUint16(0, little),
      snapLength: view.getUint32(4, little),
      resolution: resolutionOf(options.resolution),
      fcsLength: 0,
    },
    time: clock(options.resolution, options.offset * NANOSECONDS),
  };
}

function readInterfaceOptions(body: Uint8Array, little: boolean, offset: number): Options {
  const options: Options = { resolution: 6, offset: 0n };
  for (const { code, value } of readOptions(body, 8, little, offset)) {
    if (code === OPTION_IF_NAME) options.name = UTF8.decode(value);
    if (code === OPTION_IF_TSRESOL) options.resolution = value[0] ?? 6;
    if (code === OPTION_IF_TSOFFSET && value.length === 8) {
      options.offset = viewOf(value).getBigInt64(0, little);
    }
  }
  return options;
}

/**
 * Microseconds hold 10^-6 s and coarser; of the binary units too, 2^-6 s (15,625 us) is the finest
 * whole one.
 */
function resolutionOf(tsresol: number): Resolution {
  return (tsresol & 0x7f) <= 6 ? "us" : "ns";
}

function clock(tsresol: number, offset: bigint): Source["time"] {
  const exponent = BigInt(tsresol & 0x7f);
  if (tsresol & 0x80) {
    return (high, low) => ((ticks(high, low) * NANOSECONDS) >> exponent) + offset;
  }
  if (exponent <= 9n) {
    const unit = 10n ** (9n - exponent);
    return (high, low) => ticks(high, low) * unit + offset;
  }
  const parts = 10n ** (exponent - 9n);
  return (high, low) => ticks(high, low) / parts + offset;
}

function ticks(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
