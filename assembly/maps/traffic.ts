/**
 * traffic and service traffic: number of a backend, or of a service port -> what it has seen.
 * Written by the packet path; the host clears the rows of numbers it gives out anew.
 */
import {
  SERVICE_TRAFFIC_DROPPED,
  SERVICE_TRAFFIC_REJECTED,
  SERVICE_TRAFFIC_SIZE,
  TRAFFIC_CONNECTIONS,
  TRAFFIC_IN_BYTES,
  TRAFFIC_IN_PACKETS,
  TRAFFIC_OUT_BYTES,
  TRAFFIC_OUT_PACKETS,
  TRAFFIC_SIZE,
} from "../../abi/layout";
import { Rows } from "./array";

/** What went one way. */
@unmanaged
export class Volume {
  packets: u64;
  bytes: u64;
}

@unmanaged
export class Traffic {
  connections: u64;
  private inPackets: u64;
  private inBytes: u64;
  private outPackets: u64;
  private outBytes: u64;
  private spare0: u64;
  private spare1: u64;
  private spare2: u64;

  /** Direction: 0 to the backend, 1 from it. */
  volumeOf(direction: u32): Volume {
    const first = changetype<usize>(this) + offsetof<Traffic>("inPackets");
    return changetype<Volume>(first + direction * offsetof<Volume>());
  }
}
if (offsetof<Traffic>() != TRAFFIC_SIZE) ERROR("Traffic drifted from abi/layout");
if (offsetof<Traffic>("connections") != TRAFFIC_CONNECTIONS) ERROR("Traffic.connections drifted");
if (offsetof<Traffic>("inPackets") != TRAFFIC_IN_PACKETS) ERROR("Traffic.inPackets drifted");
if (offsetof<Traffic>("inBytes") != TRAFFIC_IN_BYTES) ERROR("Traffic.inBytes drifted");
if (offsetof<Traffic>("outPackets") != TRAFFIC_OUT_PACKETS) ERROR("Traffic.outPackets drifted");
if (offsetof<Traffic>("outBytes") != TRAFFIC_OUT_BYTES) ERROR("Traffic.outBytes drifted");

@unmanaged
export class ServiceTraffic {
  rejected: u64;
  dropped: u64;
}
if (offsetof<ServiceTraffic>() != SERVICE_TRAFFIC_SIZE) ERROR("ServiceTraffic drifted");
if (offsetof<ServiceTraffic>("rejected") != SERVICE_TRAFFIC_REJECTED)
  ERROR("ServiceTraffic.rejected drifted");
if (offsetof<ServiceTraffic>("dropped") != SERVICE_TRAFFIC_DROPPED)
  ERROR("ServiceTraffic.dropped drifted");

/** Row 0 stands for no backend. */
export const BACKENDS = changetype<Rows>(memory.data(offsetof<Rows>(), 16));
export const SERVICES = changetype<Rows>(memory.data(offsetof<Rows>(), 16));

// @ts-ignore: decorator
@inline
export function ofBackend(number: u32): Traffic {
  assert(number < BACKENDS.length, "the number of a backend");
  return changetype<Traffic>(BACKENDS.base + number * offsetof<Traffic>());
}

/** A service record written by hand may have a number of no row: that of none then. */
export function ofService(number: u32): ServiceTraffic {
  const row = number < SERVICES.length ? number : 0;
  return changetype<ServiceTraffic>(SERVICES.base + row * offsetof<ServiceTraffic>());
}
