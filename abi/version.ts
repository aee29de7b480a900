/** Raised whenever a record, an export or a constant here changes meaning; the loader refuses any other. */
export const ABI_VERSION = 4;
