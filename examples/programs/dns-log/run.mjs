// node examples/programs/dns-log/run.mjs (after npm run build): a line for each question that pods ask
// of the cluster's name server, with its answer.
import { replay } from "waxdp";
import { createNode, loadProgram, ONE_ENDPOINT, readCapture } from "../cluster.mjs";
import { paint, print, table } from "../report.mjs";

/** RFC 1035 sections 3.2.2 and 4.1.1, RFC 3596, RFC 2782. */
const TYPES = { 1: "A", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV" };
const CODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
const IS_ANSWER = 0x8000;

const here = (name) => new URL(name, import.meta.url);
const dataplane = await createNode(ONE_ENDPOINT);
const dnsLog = await loadProgram(dataplane, here("program.ts"), "dns-log");
dataplane.hooks.ingress.attach(dnsLog, { before: "service-nat" });
for (const _ of replay(dataplane, readCapture(here("lookups.pcapng"))));

const questions = new Map();
for (const message of dnsLog.map("messages").read()) {
  const key = `${message.client} ${message.port} ${message.id}`;
  if (message.flags & IS_ANSWER) Object.assign(questions.get(key) ?? {}, { answer: message });
  else questions.set(key, message);
}

const milliseconds = (nanoseconds) => (Number(nanoseconds) / 1e6).toFixed(3);
/** A name that fits a line, and does nothing else to a terminal. */
function shown(name) {
  const text = name.replace(/[^\x20-\x7e]/g, "?");
  return text.length > 48 ? `${text.slice(0, 22)} … ${text.slice(-22)}` : text;
}

function lineOf({ time, client, type, name, answer }) {
  const code = answer ? CODES[answer.flags & 15] : "no answer";
  const style = code === "NOERROR" ? "green" : "yellow";
  const takes = answer ? milliseconds(answer.time - time) : "";
  return [milliseconds(time), client, TYPES[type], shown(name), paint(style, code), takes];
}

print(
  table(["MS", "CLIENT", "TYPE", "NAME", "ANSWER", "TOOK"], [...questions.values()].map(lineOf)),
);
