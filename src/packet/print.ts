/** Frames for people: one line as tcpdump writes it, and the list of fields as a table. */
import { LINK_ETHERNET } from "../../abi/limits.ts";
import { hex } from "./bytes.ts";
import { verify } from "./checksum.ts";
import { type Field, fieldsOf } from "./fields.ts";
import { formatTcpOptions } from "./tcp-options.ts";

export type { Field } from "./fields.ts";
export { fieldsOf } from "./fields.ts";

export interface PrintOptions {
  /** LINKTYPE_ number. Default Ethernet. */
  readonly link?: number;
  /** Bytes the frame had on the wire, when a capture holds fewer. */
  readonly wireLength?: number;
}

/** Fields of one packet by "layer.field", without those of a quoted packet or with them only. */
type Values = ReadonlyMap<string, Field>;

/**
 * "IP 10.0.0.1.4000 > 10.96.0.1.80: Flags [S], seq 0, win 65535, length 0", wrong checksums named.
 */
export function formatFrame(
  frame: Uint8Array,
  { link = LINK_ETHERNET, wireLength }: PrintOptions = {},
): string {
  const fields = fieldsOf(frame, link);
  const own = valuesOf(fields.filter(({ layer }) => !layer.startsWith("quoted ")));
  const quote = valuesOf(
    fields
      .filter(({ layer }) => layer.startsWith("quoted "))
      .map((field) => ({ ...field, layer: field.layer.slice("quoted ".length) })),
  );
  const quoted = quote.size > 0 ? ` (${formatPacket(quote, frame)})` : "";
  const line = `${formatTags(own)}${formatPacket(own, frame)}${quoted}`;
  return line + formatFaults(fields) + formatChecks(frame, link, wireLength);
}

/** The fields one a line: offset and length in bytes, name, value. */
export function formatFields(
  frame: Uint8Array,
  { link = LINK_ETHERNET }: PrintOptions = {},
): string {
  const fields = fieldsOf(frame, link);
  const width = Math.max(0, ...fields.map(({ layer, field }) => layer.length + field.length + 1));
  const lines = fields.map(({ layer, field, offset, length, value }) => {
    const place = `${String(offset).padStart(5)} ${String(length).padStart(5)}`;
    return `${place}  ${`${layer}.${field}`.padEnd(width)}  ${value}`.trimEnd();
  });
  return lines.join("\n");
}

function valuesOf(fields: readonly Field[]): Values {
  const values = new Map<string, Field>();
  for (const field of fields) {
    const name = `${field.layer}.${field.field}`;
    if (!values.has(name)) values.set(name, field);
  }
  return values;
}

function text(values: Values, name: string): string {
  return values.get(name)?.value ?? "?";
}

function formatTags(values: Values): string {
  const tags = [...values.values()].filter(
    ({ layer, field }) => layer.startsWith("vlan") && field === "id",
  );
  return tags.map(({ value }) => `vlan ${value}, `).join("");
}

function formatPacket(values: Values, frame: Uint8Array): string {
  if (values.has("ipv4.saddr")) return `IP ${formatIp(values, "ipv4", frame)}`;
  if (values.has("ipv6.saddr")) return `IP6 ${formatIp(values, "ipv6", frame)}`;
  const tag = [...values.values()].findLast(({ field }) => field === "etherType");
  const kind = tag ? `ethertype ${tag.value}` : "unknown";
  return `${kind}, length ${frame.length}`;
}

function formatIp(values: Values, layer: "ipv4" | "ipv6", frame: Uint8Array): string {
  const transport = ["tcp", "udp", "sctp", "icmp", "icmpv6"].find((name) =>
    values.has(`${name}.checksum`),
  );
  const port = (name: string) =>
    values.has(`${transport}.${name}`) ? `.${text(values, `${transport}.${name}`)}` : "";
  const from = text(values, `${layer}.saddr`) + port("sport");
  const to = text(values, `${layer}.daddr`) + port("dport");
  const body = formatTransport(values, transport, layer, frame);
  return `${from} > ${to}: ${body}${formatFragment(values, layer)}`;
}

function formatTransport(
  values: Values,
  transport: string | undefined,
  layer: string,
  frame: Uint8Array,
): string {
  const length = `length ${values.get("payload.bytes")?.length ?? 0}`;
  switch (transport) {
    case "tcp":
      return `${formatTcp(values, frame)}, ${length}`;
    case "udp":
      return `UDP, ${length}`;
    case "sctp":
      return `SCTP${formatChunks(values)}`;
    case "icmp":
    case "icmpv6":
      return formatIcmp(values, transport);
    default:
      return `protocol ${protocolOf(values, layer)}, ${length}`;
  }
}

/** IPv6 announces it in its last extension header. */
function protocolOf(values: Values, layer: string): string {
  if (layer === "ipv4") return text(values, "ipv4.protocol");
  return [...values.values()].findLast(({ field }) => field === "nextHeader")?.value ?? "?";
}

function formatTcp(values: Values, frame: Uint8Array): string {
  const flags = text(values, "tcp.flags");
  const parts = [`Flags [${flags}]`, `seq ${text(values, "tcp.seq")}`];
  if (flags.includes(".")) parts.push(`ack ${text(values, "tcp.ack")}`);
  parts.push(`win ${text(values, "tcp.window")}`);
  const options = values.get("tcp.options");
  if (options) {
    const bytes = frame.subarray(options.offset, options.offset + options.length);
    parts.push(`options [${formatTcpOptions(bytes)}]`);
  }
  return parts.join(", ");
}

function formatChunks(values: Values): string {
  const types = [...values.values()].filter(
    ({ layer, field }) => layer.startsWith("chunk") && field === "type",
  );
  return types.map(({ value }) => ` [${value}]`).join("");
}

/** RFC 792 and RFC 4443: names of the types people meet. */
const ICMP_NAMES: Readonly<Record<string, string>> = {
  "icmp 0": "echo reply",
  "icmp 3": "destination unreachable",
  "icmp 5": "redirect",
  "icmp 8": "echo request",
  "icmp 11": "time exceeded",
  "icmp 12": "parameter problem",
  "icmpv6 1": "destination unreachable",
  "icmpv6 2": "packet too big",
  "icmpv6 3": "time exceeded",
  "icmpv6 4": "parameter problem",
  "icmpv6 128": "echo request",
  "icmpv6 129": "echo reply",
  "icmpv6 133": "router solicitation",
  "icmpv6 134": "router advertisement",
  "icmpv6 135": "neighbor solicitation",
  "icmpv6 136": "neighbor advertisement",
};

function formatIcmp(values: Values, layer: "icmp" | "icmpv6"): string {
  const type = text(values, `${layer}.type`);
  const name = ICMP_NAMES[`${layer} ${type}`] ?? `type ${type}`;
  const title = `${layer === "icmp" ? "ICMP" : "ICMP6"} ${name}`;
  if (name.startsWith("echo")) {
    const rest = Number(text(values, `${layer}.rest`));
    const length = values.get("payload.bytes")?.length ?? 0;
    return `${title}, id ${rest >>> 16}, seq ${rest & 0xffff}, length ${length}`;
  }
  return `${title}, code ${text(values, `${layer}.code`)}`;
}

function formatFragment(values: Values, layer: "ipv4" | "ipv6"): string {
  const name = layer === "ipv4" ? layer : "fragment";
  const offset = text(values, `${name}.fragmentOffset`);
  const more = text(values, `${name}.moreFragments`) === "1";
  if (!values.has(`${name}.id`) || (offset === "0" && !more)) return "";
  return `, fragment ${text(values, `${name}.id`)}@${offset}${more ? "+" : ""}`;
}

/** Only what is cut off within the frame itself; a quote is always cut. */
function formatFaults(fields: readonly Field[]): string {
  const cut = fields.find(
    ({ layer, field }) => field === "truncated" && !layer.startsWith("quoted "),
  );
  return cut ? `, truncated ${cut.layer} [${cut.value}]` : "";
}

function formatChecks(frame: Uint8Array, link: number, wireLength: number | undefined): string {
  const checks = verify(frame, link, wireLength);
  const ip = checks.ip === "bad" ? ", bad IP checksum" : "";
  return checks.transport === "bad" ? `${ip}, bad checksum` : ip;
}

/** Sixteen bytes a line in hexadecimal, with their offset, as tcpdump -x shows a frame. */
export function formatBytes(frame: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < frame.length; at += 16) {
    const words = hex(frame.subarray(at, at + 16)).replace(/.{4}(?=.)/g, "$& ");
    lines.push(`0x${at.toString(16).padStart(4, "0")}:  ${words}`);
  }
  return lines.join("\n");
}
