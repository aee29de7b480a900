/** Logs what is asked of name servers over UDP, and what they say: RFC 1035. */
import {
  Addr16,
  Be16,
  Context,
  NEXT,
  payload,
  ringbuf,
  Text256,
  time,
  tuple,
  udp,
} from "waxdp/program";

const PORT: u32 = 53;
const HEADER_SIZE: u32 = 12;
const FLAGS: u32 = 2;
/** RFC 1035 section 2.3.4: octets of a label, and of a name with its lengths. */
const LABEL_MAX: u32 = 63;
const NAME_MAX: u32 = 255;
const NAME_SIZE: u32 = 256;

@unmanaged
class Message {
  /** Who asks. */
  client: Addr16;
  time: i64;
  port: Be16;
  id: Be16;
  flags: Be16;
  type: Be16;
  name: Text256;
}

const messages = ringbuf<Message>("messages", 65536);

export function program(ctx: Context): i32 {
  const header = udp(ctx);
  const flow = tuple(ctx);
  if (header == null || flow == null) return NEXT;
  const asks = header.dport == PORT;
  if (!asks && header.sport != PORT) return NEXT;
  const at = payload(ctx);
  const message = messages.reserve();
  if (message == null) return NEXT; // nobody reads; the ring counts what is lost
  const question = readName(at + HEADER_SIZE, ctx.dataEnd, message);
  if (question == 0) {
    messages.discard(message);
    return NEXT;
  }
  message.time = time();
  message.client = asks ? flow.saddr : flow.daddr;
  message.port = bswap(<u16>(asks ? header.sport : header.dport));
  message.id = load<u16>(at);
  message.flags = load<u16>(at, FLAGS);
  message.type = load<u16>(question);
  messages.submit(message);
  return NEXT;
}

/** Writes the name at an address as text; address of the type behind it, 0 when it is none. */
function readName(at: usize, end: usize, message: Message): usize {
  const name = message.name;
  memory.fill(name, 0, NAME_SIZE);
  let size: u32 = 0;
  while (at < end) {
    const length = <u32>load<u8>(at++);
    if (length == 0) return at + 4 <= end ? at : 0;
    if (length > LABEL_MAX || size + length >= NAME_MAX || at + length > end) return 0;
    if (size > 0) store<u8>(name + size++, 46); // "."
    memory.copy(name + size, at, length);
    size += length;
    at += length;
  }
  return 0;
}
