/** config: one record, written by the host in place. */
import {
  CONFIG_FLAGS,
  CONFIG_POD_RANGE4_BASE,
  CONFIG_POD_RANGE4_LENGTH,
  CONFIG_POD_RANGE6_BASE,
  CONFIG_POD_RANGE6_LENGTH,
  CONFIG_SIZE,
  CONFIG_TIMEOUTS,
} from "../../abi/layout";

@unmanaged
export class Config {
  /** CONFIG_FLAG_ bits. */
  flags: u32;
  podRange4Base: u32;
  podRange4Length: u32;
  podRange6Base: u32;
  podRange6Length: u32;
  private timeouts: u32;

  /** Milliseconds a connection in a state lives without a packet. */
  timeout(state: u32): u32 {
    return load<u32>(changetype<usize>(this) + state * 4, CONFIG_TIMEOUTS);
  }
}
if (offsetof<Config>("flags") != CONFIG_FLAGS) ERROR("Config.flags drifted");
if (offsetof<Config>("podRange4Base") != CONFIG_POD_RANGE4_BASE) ERROR("Config drifted");
if (offsetof<Config>("podRange4Length") != CONFIG_POD_RANGE4_LENGTH) ERROR("Config drifted");
if (offsetof<Config>("podRange6Base") != CONFIG_POD_RANGE6_BASE) ERROR("Config drifted");
if (offsetof<Config>("podRange6Length") != CONFIG_POD_RANGE6_LENGTH) ERROR("Config drifted");
if (offsetof<Config>("timeouts") != CONFIG_TIMEOUTS) ERROR("Config.timeouts drifted");

export const CONFIG = changetype<Config>(memory.data(CONFIG_SIZE, 64));
