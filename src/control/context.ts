/** Everything but a Service and its slices that its service ports depend on. */
import type { CompileOptions } from "./compile.ts";
import { type Requests, type Settings, settingsOf } from "./configuration.ts";
import type { DesiredAddress, DesiredNode } from "./desired.ts";
import { sameData } from "./equality.ts";
import type { Inventory } from "./inventory.ts";
import type { KubeProxyConfiguration, Manifest, Node } from "./kubernetes.ts";
import { type NodeNetwork, parseNetwork } from "./network.ts";
import { createNodeView, type NodeView } from "./node.ts";
import { sysctlsOf } from "./sysctls.ts";

/** What holds as long as a dataplane does. */
export interface Environment {
  readonly node: string | undefined;
  readonly network: NodeNetwork | undefined;
  readonly requests: Requests;
}

export interface Context {
  readonly node: NodeView;
  readonly settings: Settings;
  readonly desired: DesiredNode;
  /** What it was made from. */
  readonly configuration: Manifest<KubeProxyConfiguration> | undefined;
  readonly self: Manifest<Node> | undefined;
}

/** Throws DataplaneError "bad-option" for a network that `ip -j` would not print, and for sysctls there are none of. */
export function environmentOf(options: CompileOptions): Environment {
  return {
    node: options.node,
    network: options.network && parseNetwork(options.network),
    requests: {
      sysctls: sysctlsOf(options.sysctls),
      scheduler: options.scheduler,
      randomFully: options.randomFully ?? false,
    },
  };
}

/** `before` itself while configuration and Node say the same. */
export function contextOf(
  inventory: Inventory,
  { node: given, network, requests }: Environment,
  before: Context | undefined,
): Context {
  const { config: configuration } = inventory;
  const config = configuration?.object ?? {};
  const name = given ?? config.hostnameOverride ?? "";
  const self = inventory.node(name);
  if (before && isSame(before.configuration, configuration) && isSame(before.self, self))
    return before;
  const node = createNodeView(name, self ? [self] : [], network);
  const settings = settingsOf(config, node, requests);
  return { node, settings, desired: desiredNode(node, settings), configuration, self };
}

function isSame(a: Manifest<unknown> | undefined, b: Manifest<unknown> | undefined): boolean {
  return a === b || (a?.name === b?.name && sameData(a?.object, b?.object));
}

function desiredNode(node: NodeView, settings: Settings): DesiredNode {
  return {
    addresses: addressesOf(node, settings),
    primary: { ipv4: node.primary.ipv4?.text ?? "", ipv6: node.primary.ipv6?.text ?? "" },
    links: node.links,
    config: settings.config,
    podInterfaces: settings.podInterfaces,
    warnings: [...node.warnings, ...settings.warnings],
  };
}

function addressesOf(node: NodeView, settings: Settings): DesiredAddress[] {
  return node.addresses.map((address) => ({
    family: address.family,
    address: address.text,
    nodePorts: settings.servesNodePorts(address),
  }));
}
