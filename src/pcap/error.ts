/** What a capture file can be refused for. */
export type CaptureErrorCode =
  | "bad-magic"
  | "truncated"
  | "corrupt"
  | "unsupported"
  | "mixed-link-types"
  | "bad-time"
  | "too-large";

/** Thrown by readers for damaged files and by writers for packets that a format cannot hold. */
export class CaptureError extends Error {
  override readonly name = "CaptureError";
  readonly code: CaptureErrorCode;
  /** Where the damaged record begins in the file; undefined for an error of a writer. */
  readonly offset: number | undefined;
  constructor(code: CaptureErrorCode, message: string, offset?: number) {
    super(offset === undefined ? message : `byte ${offset}: ${message}`);
    this.code = code;
    this.offset = offset;
  }
}
