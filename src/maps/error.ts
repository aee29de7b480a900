/** What a map refuses, in the words of bpf(2), with the place and the mend in the message. */
import {
  E2BIG,
  EAGAIN,
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOSPC,
  EOPNOTSUPP,
  EPERM,
} from "../../abi/program.ts";

/** include/uapi/asm-generic/errno-base.h; EBADF is what a map that was closed answers. */
const ERRNO = {
  EPERM,
  ENOENT,
  E2BIG,
  EBADF: 9,
  EAGAIN,
  ENOMEM,
  EBUSY,
  EEXIST,
  EINVAL,
  ENOSPC,
  EOPNOTSUPP,
} as const;

export type MapErrorCode = keyof typeof ERRNO;

/** Thrown by maps and what makes them; `code` is the name bpf(2) has for it. */
export class MapError extends Error {
  override readonly name = "MapError";
  readonly code: MapErrorCode;
  readonly errno: number;
  /** Of a batch: entries that were done before the one that could not be. */
  readonly count: number | undefined;
  constructor(code: MapErrorCode, message: string, count?: number) {
    super(`${code}: ${message}`);
    this.code = code;
    this.errno = ERRNO[code];
    this.count = count;
  }
}

const NAMES = new Map<number, MapErrorCode>(
  Object.entries(ERRNO).map(([name, errno]) => [errno, name as MapErrorCode]),
);

/** The name of an error number; EINVAL for one that no map gives. */
export function codeOf(errno: number): MapErrorCode {
  return NAMES.get(errno) ?? "EINVAL";
}
