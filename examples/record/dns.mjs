/** DNS messages, as much of RFC 1035 as the recording needs: one question, A and AAAA answers. */
import { isIPv4 } from "node:net";

export const TYPE_A = 1;
/** RFC 3596 section 2.1. */
export const TYPE_AAAA = 28;
const CLASS_IN = 1;
const HEADER_LENGTH = 12;
/** RFC 1035 section 4.1.1: QR, AA, RD, RA and the response code of a name that does not exist. */
const FLAGS_QUERY = 0x0100;
const FLAGS_ANSWER = 0x8580;
const NAME_ERROR = 3;
/** RFC 1035 section 4.1.4: points to the name of the question. */
const POINTER_TO_QUESTION = 0xc000 | HEADER_LENGTH;
const TIME_TO_LIVE = 30;

/** What a cluster's name server knows: the cluster IPs of Services. */
const RECORDS = new Map([
  ["web.default.svc.cluster.local", ["10.96.0.80", "fd00:20::50"]],
  ["api.shop.svc.cluster.local", ["10.96.0.21", "fd00:20::15"]],
  ["edge.shop.svc.cluster.local", ["10.96.0.22", "fd00:20::16"]],
  ["payments.shop.svc.cluster.local", ["10.96.0.23", "fd00:20::17"]],
]);

export function encodeQuery(id, name, type) {
  const header = Buffer.alloc(HEADER_LENGTH);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(FLAGS_QUERY, 2);
  header.writeUInt16BE(1, 4);
  const labels = name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, type, 0, CLASS_IN])]);
}

/** The answer to a query: the address of that family, no address, or no such name. */
export function answer(query) {
  const { name, type, end } = readQuestion(query);
  const known = RECORDS.get(name);
  const address = known?.find((candidate) => isIPv4(candidate) === (type === TYPE_A));
  const message = Buffer.from(query.subarray(0, end));
  message.writeUInt16BE(FLAGS_ANSWER | (known ? 0 : NAME_ERROR), 2);
  message.writeUInt16BE(address ? 1 : 0, 6);
  return address ? Buffer.concat([message, encodeRecord(type, address)]) : message;
}

function readQuestion(query) {
  const labels = [];
  let at = HEADER_LENGTH;
  for (let length = query[at]; length > 0; length = query[at]) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join("."), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function encodeRecord(type, address) {
  const data = encodeAddress(address);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(POINTER_TO_QUESTION, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(CLASS_IN, 4);
  head.writeUInt32BE(TIME_TO_LIVE, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function encodeAddress(address) {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  const [left, right] = address.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const groups = [...left, ...Array(8 - left.length - right.length).fill("0"), ...right];
  return Buffer.from(
    groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]),
  );
}
