/** What every program exports beside its own: which dataplanes it fits. */
import { PROGRAM_ABI_VERSION } from "../../abi/program";

export function waxdp_abi_version(): i32 {
  return PROGRAM_ABI_VERSION;
}
