/** bpf_get_prandom_u32: numbers drawn as the packet path draws them, from a state of their own. */
import * as random from "../flow/random";

/** "prog": keeps what programs draw apart from what the packet path draws. */
const SALT: u32 = 0x70726f67;

export function init(seed: u32): void {
  random.init(seed ^ SALT);
}

export function draw(): u32 {
  random.setRandomState(random.after(random.randomState()));
  return random.randomState();
}
