/**
 * Makes one pcapng file of what tcpdump wrote on several devices: an interface for each, packets by
 * their time. Reads little-endian pcap files with nanoseconds, as `tcpdump --time-stamp-precision
 * nano -w` writes them.
 *
 *     node merge.mjs OUT DEVICE=FILE...
 */
import { readFileSync, writeFileSync } from "node:fs";

const PCAP_NANOSECONDS = 0xa1b23c4d;
const PCAP_HEADER_LENGTH = 24;
const PCAP_RECORD_LENGTH = 16;
/** Block and option numbers: draft-ietf-opsawg-pcapng, sections 4.1 to 4.3. */
const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
const OPTION_NAME = 2;
const OPTION_RESOLUTION = 9;
const LINKTYPE_ETHERNET = 1;
const NANOSECONDS = 9;

const [output, ...sources] = process.argv.slice(2);

function readPackets(file, device) {
  const bytes = readFileSync(file);
  if (bytes.readUInt32LE(0) !== PCAP_NANOSECONDS)
    throw new Error(`${file}: not a pcap file with nanoseconds`);
  const packets = [];
  for (let at = PCAP_HEADER_LENGTH; at < bytes.length; ) {
    const time =
      BigInt(bytes.readUInt32LE(at)) * 1_000_000_000n + BigInt(bytes.readUInt32LE(at + 4));
    const start = at + PCAP_RECORD_LENGTH;
    const end = start + bytes.readUInt32LE(at + 8);
    packets.push({
      device,
      time,
      wireLength: bytes.readUInt32LE(at + 12),
      data: bytes.subarray(start, end),
    });
    at = end;
  }
  return packets;
}

function words(...values) {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

function padded(bytes) {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

function block(type, ...parts) {
  const body = padded(Buffer.concat(parts));
  const length = body.length + 12;
  return Buffer.concat([words(type, length), body, words(length)]);
}

function option(code, value) {
  return Buffer.concat([words(code | (value.length << 16)), padded(value)]);
}

/** Version 1.0, of a length that is not told. */
function section() {
  return block(SECTION_HEADER, words(BYTE_ORDER_MAGIC, 1, 0xffffffff, 0xffffffff));
}

function describe(device) {
  const options = [
    option(OPTION_NAME, Buffer.from(device)),
    option(OPTION_RESOLUTION, Buffer.from([NANOSECONDS])),
  ];
  return block(INTERFACE, words(LINKTYPE_ETHERNET, 0), ...options, words(0));
}

function encode({ device, time, wireLength, data }) {
  const [high, low] = [Number(time >> 32n), Number(time & 0xffffffffn)];
  return block(ENHANCED_PACKET, words(device, high, low, data.length, wireLength), data);
}

const devices = sources.map((source) => source.split("="));
const packets = devices.flatMap(([, file], index) => readPackets(file, index));
packets.sort((left, right) => Number(left.time - right.time));
writeFileSync(
  output,
  Buffer.concat([section(), ...devices.map(([name]) => describe(name)), ...packets.map(encode)]),
);
