/** config: one record, written by the host in place. */
import { TIMER_LENGTH } from "../../abi/conntrack";
import {
  CONFIG_FLAGS,
  CONFIG_FRAGMENT4_TIMEOUT,
  CONFIG_FRAGMENT6_TIMEOUT,
  CONFIG_POD_RANGE4_BASE,
  CONFIG_POD_RANGE4_LENGTH,
  CONFIG_POD_RANGE6_BASE,
  CONFIG_POD_RANGE6_LENGTH,
  CONFIG_SIZE,
  CONFIG_TCP_MAX_RETRANS,
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

  /** Milliseconds a connection lives without a packet, by its timer. */
  timeout(timer: u32): u32 {
    return load<u32>(changetype<usize>(this) + timer * 4, CONFIG_TIMEOUTS);
  }

  /** Milliseconds a datagram has for all its fragments to come. */
  get fragment4Timeout(): u32 {
    return load<u32>(changetype<usize>(this), CONFIG_FRAGMENT4_TIMEOUT);
  }

  get fragment6Timeout(): u32 {
    return load<u32>(changetype<usize>(this), CONFIG_FRAGMENT6_TIMEOUT);
  }

  /** Retransmissions of one segment after which TIMER_MAX_RETRANS holds. */
  get tcpMaxRetrans(): u32 {
    return load<u32>(changetype<usize>(this), CONFIG_TCP_MAX_RETRANS);
  }
}
if (offsetof<Config>("flags") != CONFIG_FLAGS) ERROR("Config.flags drifted");
if (offsetof<Config>("podRange4Base") != CONFIG_POD_RANGE4_BASE) ERROR("Config drifted");
if (offsetof<Config>("podRange4Length") != CONFIG_POD_RANGE4_LENGTH) ERROR("Config drifted");
if (offsetof<Config>("podRange6Base") != CONFIG_POD_RANGE6_BASE) ERROR("Config drifted");
if (offsetof<Config>("podRange6Length") != CONFIG_POD_RANGE6_LENGTH) ERROR("Config drifted");
if (offsetof<Config>() != CONFIG_TIMEOUTS) ERROR("timeouts follow what Config names");
if (CONFIG_TIMEOUTS + TIMER_LENGTH * 4 > CONFIG_FRAGMENT4_TIMEOUT) ERROR("timeouts do not fit");

export const CONFIG = changetype<Config>(memory.data(CONFIG_SIZE, 64));
