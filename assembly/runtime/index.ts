/** The export list of the runtime of programs: a module of its own, in the memory of the packet path. */
export { ABI_VERSION } from "../../abi/version";
