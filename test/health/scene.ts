/** Services with a healthCheckNodePort, and their slices. */
import { parseObjects } from "../../src/control/kubernetes.ts";
import { type ServiceHealthOptions, serviceHealth } from "../../src/health/service.ts";
import { endpoint, NODE, node } from "../control/objects.ts";

export type Fields = Readonly<Record<string, unknown>>;

export const BALANCED = {
  type: "LoadBalancer",
  externalTrafficPolicy: "Local",
  healthCheckNodePort: 32000,
};
export const DUAL = { ...BALANCED, clusterIPs: ["10.96.0.10", "fd00:96::10"] };
export const here = (address: string, fields: Fields = {}) =>
  endpoint(address, { nodeName: NODE, ...fields });
export const named = (name: string, labels: Fields = {}) => ({
  metadata: {
    name,
    namespace: "demo",
    labels: { "kubernetes.io/service-name": "web", ...labels },
  },
});
export const port = (name: string, number = 8080, protocol = "TCP") => ({
  name,
  port: number,
  protocol,
});

export function healthOf(objects: unknown[], options: ServiceHealthOptions = {}, name = NODE) {
  return serviceHealth(parseObjects([node(), ...objects]), name, options);
}
