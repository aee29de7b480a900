/** What a hook refuses, with the mend in the message. */

export type HookErrorCode =
  /** No link of that name, or one that is detached or of another dataplane. -ENOENT and -ENOLINK of tcx. */
  | "unknown-link"
  /** -EEXIST. */
  | "name-taken"
  /** More than one place, or one that means nothing. -EINVAL. */
  | "bad-place"
  /** -ESTALE. */
  | "stale-revision"
  /** -ERANGE. */
  | "too-many-links"
  /** A link of the other hook, or service NAT where it does not work. */
  | "wrong-hook"
  /** No program, one of another dataplane, or one that was unloaded. */
  | "unloaded"
  | "bad-option";

/** Thrown by hooks and links; then nothing has changed. */
export class HookError extends Error {
  override readonly name = "HookError";
  readonly code: HookErrorCode;
  constructor(code: HookErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
