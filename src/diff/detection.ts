/** How the two sides tell pods by the devices their packets come in on. */
import { sameData } from "../control/equality.ts";
import type { ObjectSet } from "../control/kubernetes.ts";

/** What the sides of a comparison detect pods by. */
export interface Detection {
  /** A device of each kind behind which one side or the other takes everybody for a pod. */
  readonly podInterfaces: readonly string[];
  /** Both sides take the same devices for such. */
  readonly isSame: boolean;
}

/** Of the KubeProxyConfigurations of both. */
export function detectionOf(old: ObjectSet, next: ObjectSet): Detection {
  const [before, after] = [detectorOf(old), detectorOf(next)];
  const podInterfaces = [...new Set([...before.podInterfaces, ...after.podInterfaces])];
  return { podInterfaces, isSame: sameData(before, after) };
}

/** The bridge, or the first device that the prefix fits. */
function detectorOf({ config }: ObjectSet): { mode: string; podInterfaces: readonly string[] } {
  const { detectLocalMode, detectLocal } = config?.object ?? {};
  const { bridgeInterface, interfaceNamePrefix } = detectLocal ?? {};
  if (detectLocalMode === "BridgeInterface" && bridgeInterface)
    return { mode: detectLocalMode, podInterfaces: [bridgeInterface] };
  if (detectLocalMode === "InterfaceNamePrefix" && interfaceNamePrefix)
    return { mode: detectLocalMode, podInterfaces: [`${interfaceNamePrefix}0`] };
  return { mode: "ranges", podInterfaces: [] };
}
