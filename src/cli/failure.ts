/** What ends a command, and the exit code it ends with. */
import { printable } from "./terminal.ts";

/** A comparison was asked for, and something differs. */
export const EXIT_DIFFERENT = 1;
/** Wrong usage or bad input. */
export const EXIT_BAD_INPUT = 2;

/** Wrong usage or bad input; the message says what, where, and how to mend it. */
export class InputError extends Error {
  override readonly name = "InputError";
  /** The input was good up to somewhere: what stood before was taken, and is to be reported. */
  readonly damage: boolean;
  constructor(message: string, options: ErrorOptions & { readonly damage?: boolean } = {}) {
    super(message, options);
    this.damage = options.damage === true;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a folder, not a file",
  ENOTDIR: "a part of the path is not a folder",
  ENOSPC: "no space left on the device",
  EROFS: "the file system is read-only",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "too many symbolic links",
  EMFILE: "too many open files",
  EIO: "the device reports an error",
};

/** An error of the operating system about `path`, as a sentence. */
export function fileError(verb: string, path: string, error: unknown): InputError {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = (code !== undefined && REASONS[code]) || message;
  return new InputError(`cannot ${verb} ${path || '""'}: ${reason}`, { cause: error });
}

/**
 * One line for people. Errors of waxdp and of the operating system explain themselves; anything else is a
 * defect, and says so.
 */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("code" in error || error instanceof InputError) return error.message;
  return `internal error: ${error.message}\nThis is a defect of waxdp. WAXDP_DEBUG=1 prints where it happened.`;
}

/** A message may quote the file it is about: no control characters but its own line ends. */
function lines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** Prints the error, with its stack only when WAXDP_DEBUG asks for it. */
export function report(error: unknown): void {
  const debug = (process.env.WAXDP_DEBUG ?? "") !== "" && error instanceof Error;
  process.stderr.write(
    `waxdp: ${lines(debug ? (error.stack ?? error.message) : describe(error))}\n`,
  );
}
