/** What the Wasm packet path has counted for backends and service ports, read out of its memory. */
import * as layout from "../../abi/layout.ts";
import { NO_TRAFFIC } from "./counters.ts";
import type { EngineTraffic } from "./engine.ts";
import { type Access, rowAt } from "./maps/access.ts";

export function createTraffic(access: Access): EngineTraffic {
  const { view } = access.memory;
  const total = (at: number) => Number(view.getBigUint64(at, true));
  return {
    backend(number) {
      const at = rowAt(access, layout.MAP_TRAFFIC, number);
      if (at === 0) return NO_TRAFFIC;
      return {
        connections: total(at + layout.TRAFFIC_CONNECTIONS),
        inPackets: total(at + layout.TRAFFIC_IN_PACKETS),
        inBytes: total(at + layout.TRAFFIC_IN_BYTES),
        outPackets: total(at + layout.TRAFFIC_OUT_PACKETS),
        outBytes: total(at + layout.TRAFFIC_OUT_BYTES),
      };
    },
    service(number) {
      const at = rowAt(access, layout.MAP_SERVICE_TRAFFIC, number);
      if (at === 0) return { rejected: 0, dropped: 0 };
      return {
        rejected: total(at + layout.SERVICE_TRAFFIC_REJECTED),
        dropped: total(at + layout.SERVICE_TRAFFIC_DROPPED),
      };
    },
  };
}
