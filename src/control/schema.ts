/** The shapes of the objects: which fields are read and of what kind they are. What they may say is in admission/. */
import * as v from "valibot";

const text = v.nullish(v.string());
const flag = v.nullish(v.boolean());
const integer = v.pipe(v.number(), v.integer());
const texts = v.nullish(v.array(v.string()));
const names = v.nullish(v.array(v.object({ name: v.string() })));

const metadataFields = {
  name: text,
  namespace: text,
  labels: v.nullish(v.record(v.string(), v.string())),
};
const metadata = v.nullish(v.object(metadataFields));
const nodeMetadata = v.nullish(
  v.object({
    ...metadataFields,
    deletionTimestamp: v.nullish(v.union([v.string(), v.date()])),
  }),
);

const servicePort = v.object({
  name: text,
  protocol: text,
  port: integer,
  nodePort: v.nullish(integer),
});
const ingress = v.object({ ip: text, ipMode: text });

export const service = v.object({
  metadata,
  spec: v.nullish(
    v.object({
      type: text,
      clusterIP: text,
      clusterIPs: texts,
      ipFamilies: texts,
      externalIPs: texts,
      ports: v.nullish(v.array(servicePort)),
      sessionAffinity: text,
      sessionAffinityConfig: v.nullish(
        v.object({ clientIP: v.nullish(v.object({ timeoutSeconds: v.nullish(integer) })) }),
      ),
      internalTrafficPolicy: text,
      externalTrafficPolicy: text,
      loadBalancerSourceRanges: texts,
      healthCheckNodePort: v.nullish(integer),
    }),
  ),
  status: v.nullish(
    v.object({ loadBalancer: v.nullish(v.object({ ingress: v.nullish(v.array(ingress)) })) }),
  ),
});

const endpoint = v.object({
  addresses: v.array(v.string()),
  conditions: v.nullish(v.object({ ready: flag, serving: flag, terminating: flag })),
  nodeName: text,
  topology: v.nullish(v.record(v.string(), v.string())),
  hints: v.nullish(v.object({ forZones: names, forNodes: names })),
});

export const endpointSlice = v.object({
  metadata,
  addressType: v.string(),
  endpoints: v.nullish(v.array(endpoint)),
  ports: v.nullish(v.array(v.object({ name: text, protocol: text, port: v.nullish(integer) }))),
});

export const node = v.object({
  metadata: nodeMetadata,
  spec: v.nullish(
    v.object({
      podCIDR: text,
      podCIDRs: texts,
      taints: v.nullish(v.array(v.object({ key: v.string() }))),
    }),
  ),
  status: v.nullish(
    v.object({
      addresses: v.nullish(v.array(v.object({ type: v.string(), address: v.string() }))),
    }),
  ),
});

export const kubeProxyConfiguration = v.object({
  metadata,
  mode: text,
  hostnameOverride: text,
  clusterCIDR: text,
  detectLocalMode: text,
  detectLocal: v.nullish(v.object({ bridgeInterface: text, interfaceNamePrefix: text })),
  nodePortAddresses: texts,
  iptables: v.nullish(v.object({ masqueradeAll: flag, localhostNodePorts: flag })),
  ipvs: v.nullish(v.object({ scheduler: text })),
  conntrack: v.nullish(
    v.object({
      tcpEstablishedTimeout: text,
      tcpCloseWaitTimeout: text,
      tcpBeLiberal: flag,
      udpTimeout: text,
      udpStreamTimeout: text,
    }),
  ),
});
