/** TCP options in tcpdump's words: RFC 9293 section 3.2, RFC 7323, RFC 2018. */
import { hex, viewOf } from "./bytes.ts";

/** Any bytes will do: what does not add up is shown in hexadecimal. */
export function formatTcpOptions(bytes: Uint8Array): string {
  const words: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const kind = bytes[at] as number;
    if (kind === 0) {
      words.push("eol");
      break;
    }
    const length = kind === 1 ? 1 : (bytes[at + 1] ?? 0);
    if (kind !== 1 && (length < 2 || at + length > bytes.length)) {
      words.push(`bad ${hex(bytes.subarray(at))}`);
      break;
    }
    words.push(formatOption(kind, bytes.subarray(at, at + length)));
    at += length;
  }
  return words.join(",");
}

/** A known kind of an unusual length counts as unknown. */
function formatOption(kind: number, option: Uint8Array): string {
  const view = viewOf(option);
  switch (`${kind} ${option.length}`) {
    case "1 1":
      return "nop";
    case "2 4":
      return `mss ${view.getUint16(2)}`;
    case "3 3":
      return `wscale ${view.getUint8(2)}`;
    case "4 2":
      return "sackOK";
    case "8 10":
      return `TS val ${view.getUint32(2)} ecr ${view.getUint32(6)}`;
    default:
      return kind === 5 && option.length % 8 === 2
        ? formatSack(view)
        : `unknown-${kind} ${hex(option.subarray(2))}`;
  }
}

function formatSack(view: DataView): string {
  const blocks: string[] = [];
  for (let at = 2; at < view.byteLength; at += 8) {
    blocks.push(`{${view.getUint32(at)}:${view.getUint32(at + 4)}}`);
  }
  return `sack ${blocks.length} ${blocks.join("")}`;
}
