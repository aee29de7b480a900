/** Names of maps, programs and links, as `bpf_obj_name_cpy` of kernel/bpf/syscall.c takes them, longer and with a hyphen. */
import { NAME_SIZE_MAX } from "../../abi/program.ts";

const NAME = new RegExp(`^[A-Za-z0-9_.-]{1,${NAME_SIZE_MAX}}$`);

/** What `isName` asks for, as a message says it. */
export const NAME_RULE = `1 to ${NAME_SIZE_MAX} of A-Z a-z 0-9 _ . -`;

export function isName(value: unknown): value is string {
  return typeof value === "string" && NAME.test(value);
}
