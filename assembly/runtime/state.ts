/** What the host says of the call at hand, in globals: this module has no memory of its own. */

/** CPUs that per-CPU maps have values for. */
export let cpus: u32 = 1;
/** The one that packets are on now; always below `cpus`. */
export let cpu: u32 = 0;

export function setCpus(count: u32): void {
  cpus = max<u32>(count, 1);
  cpu = 0;
}

export function setCpu(to: u32): void {
  cpu = to < cpus ? to : 0;
}

export function readCpu(): u32 {
  return cpu;
}
