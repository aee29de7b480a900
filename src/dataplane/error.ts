/** What a dataplane refuses, with the place and the mend in the message. */
export type DataplaneErrorCode =
  | "capacity"
  | "batch-full"
  | "frame-too-large"
  | "abi-mismatch"
  | "bad-option"
  | "bad-module"
  | "read-only-map"
  | "events-off"
  | "bad-dump";

export class DataplaneError extends Error {
  override readonly name = "DataplaneError";
  readonly code: DataplaneErrorCode;
  constructor(code: DataplaneErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
