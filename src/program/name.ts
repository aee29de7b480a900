/** Names of programs and links, as `bpf_obj_name_cpy` of kernel/bpf/syscall.c takes them, longer and with a hyphen. */

const NAME = /^[A-Za-z0-9_.-]{1,63}$/;

/** What `isName` asks for, as a message says it. */
export const NAME_RULE = "1 to 63 of A-Z a-z 0-9 _ . -";

export function isName(value: unknown): value is string {
  return typeof value === "string" && NAME.test(value);
}
