/** waxdp/pcap: capture files, read and written as bytes. Runs wherever JavaScript does. */
export type { ByteOrder, CaptureInterface, Format, Packet, Resolution } from "./capture.ts";
export { CAPTURED_MAX } from "./capture.ts";
export type { PacketInput } from "./encoder.ts";
export { CaptureError, type CaptureErrorCode } from "./error.ts";
export { createReader, type Reader, readBytes, readCapture } from "./reader.ts";
export {
  createWriter,
  formatNamed,
  type Writer,
  type WriterOptions,
  writeBytes,
} from "./writer.ts";
