/**
 * What programs and the dataplane share: the context of a packet, maps, and the records that helpers fill.
 * Numbers are little-endian except those marked be, which stand as in the packet.
 */

/** Raised whenever a record or a helper here changes meaning; a program that was built for another one is refused. */
export const PROGRAM_ABI_VERSION = 1;

/** What a program returns beside a verdict: the walk goes on. TCX_NEXT of the kernel's include/uapi/linux/bpf.h. */
export const NEXT = -1;
/** What a program returns after `tail_call` has said 1: the walk goes on in that program. */
export const TAIL_CALL = -2;
/** Tail calls in a row: MAX_TAIL_CALL_CNT of include/linux/bpf.h. */
export const TAIL_CALLS_MAX = 33;

/**
 * Context of a packet, what a program is called with; one cache line. The first half is a descriptor as in abi/layout,
 * which service NAT reads and answers in place. What programs may write: mark, priority, reason, and in batch form
 * ended; the rest is for helpers to write.
 *
 *  0      4        8         12           16        20        24        28    32
 *  | data | length | wirelen | in | fl |li | outcome | service | backend | out |
 *  32        36     40         44       48         52     56      60     64
 *  | dataend | mark | priority | reason | redirect | slot | ended | tail |
 */
/** u32: address of the first byte of the frame, its link layer. Moved by `adjust_head`. */
export const CTX_DATA = 0;
/** u32: dataend - data. */
export const CTX_LENGTH = 4;
/** u32: bytes the frame had on the wire; more than dataend - data when a capture has cut it. */
export const CTX_WIRE_LENGTH = 8;
/** u16: row of `interfaces` the frame came in on; 0 when unknown. */
export const CTX_INTERFACE = 12;
/** u8: DESC_FLAG_ bits. */
export const CTX_FLAGS = 14;
/** u8: link type as LINK_SLOT_ numbers. */
export const CTX_LINK = 15;
/** u32: what service NAT has said: verdict, action, reason and conntrack, a byte each, as in a descriptor; 0 before it. */
export const CTX_OUTCOME = 16;
/** u32: number of the service port, after service NAT; 0 for none or when the backend says it. */
export const CTX_SERVICE = 20;
/** u32: number of the backend. After service NAT the one that was chosen; before it what `set_backend` asks for; 0 for none. */
export const CTX_BACKEND = 24;
/** u32: OUT_FLAG_ bits, after service NAT; 0 before it. */
export const CTX_OUT = 28;
/** u32: address behind the last byte that is in memory. Moved by `adjust_tail`. */
export const CTX_DATA_END = 32;
/** u32: skb->mark. */
export const CTX_MARK = 36;
/** u32: skb->priority. */
export const CTX_PRIORITY = 40;
/** u32: number that `reason` gave, of why the packet is dropped; 0 for none. */
export const CTX_REASON = 44;
/** u32: row of `interfaces` that a REDIRECT leaves by. */
export const CTX_REDIRECT = 48;
/** u32: the dataplane's own number of the packet. */
export const CTX_SLOT = 52;
/** u32: 0 while the walk goes on; verdict + 1 when a program in batch form has ended it. */
export const CTX_ENDED = 56;
/** u32: where in the table the program stands that `tail_call` has chosen. */
export const CTX_TAIL = 60;
export const CTX_SIZE = 64;

/** Contexts that a program in batch form is given at a time, at most: they fit the first cache of a processor. */
export const CONTEXTS_MAX = 256;

/** Types of maps, numbered as enum bpf_map_type in include/uapi/linux/bpf.h. */
export const MAP_TYPE_HASH = 1;
export const MAP_TYPE_ARRAY = 2;
export const MAP_TYPE_PROG_ARRAY = 3;
export const MAP_TYPE_PERCPU_HASH = 5;
export const MAP_TYPE_PERCPU_ARRAY = 6;
export const MAP_TYPE_LRU_HASH = 9;
export const MAP_TYPE_LPM_TRIE = 11;
export const MAP_TYPE_ARRAY_OF_MAPS = 12;
export const MAP_TYPE_HASH_OF_MAPS = 13;
export const MAP_TYPE_RINGBUF = 27;

/** Flags of a map, as there. */
export const MAP_FLAG_NO_PREALLOC = 1;
/** From outside of programs it can only be read, or only be written. */
export const MAP_FLAG_RDONLY = 8;
export const MAP_FLAG_WRONLY = 16;
/** The same for programs. */
export const MAP_FLAG_RDONLY_PROG = 128;
export const MAP_FLAG_WRONLY_PROG = 256;

/** Flags of an update: BPF_ANY, BPF_NOEXIST and BPF_EXIST there. */
export const UPDATE_ANY = 0;
export const UPDATE_NOEXIST = 1;
export const UPDATE_EXIST = 2;

/**
 * Map: its header, 64 bytes on a line of their own. Its address is the handle that programs have. What stands
 * behind byte 32 is the engine's own business.
 *
 *  0      4         8           12           16      20       24       28       32
 *  | type | keysize | valuesize | maxentries | flags | values | stride | length | ... | magic |
 */
export const MAP_HEADER_TYPE = 0; // u32
export const MAP_HEADER_KEY_SIZE = 4; // u32 bytes
export const MAP_HEADER_VALUE_SIZE = 8; // u32 bytes
export const MAP_HEADER_MAX_ENTRIES = 12; // u32; of a ring buffer its bytes
export const MAP_HEADER_FLAGS = 16; // u32
/** u32: of an array, address of the value of index 0. */
export const MAP_HEADER_VALUES = 20;
/** u32: of an array, bytes from one value to the next: the value's size rounded up to 8. */
export const MAP_HEADER_STRIDE = 24;
/** u32: entries now; of an array all of them. */
export const MAP_HEADER_LENGTH = 28;
/** u32: MAP_MAGIC; what lacks it is no map. */
export const MAP_HEADER_MAGIC = 60;
export const MAP_HEADER_SIZE = 64;
export const MAP_MAGIC = 0x70616d77; // "wmap"

/** Values stand at multiples of this, as in the kernel. */
export const VALUE_ALIGNMENT = 8;
/** Limits of one map: what fits a record of the codec, and MAX_BPF_STACK's place in the kernel. */
export const KEY_SIZE_MAX = 512;
export const VALUE_SIZE_MAX = 65536;
/** Key of an lpm_trie: u32 prefix length in bits, then the data, most significant byte first. LPM_DATA_SIZE_MAX there. */
export const LPM_PREFIX_LENGTH = 0;
export const LPM_DATA = 4;
export const LPM_DATA_SIZE_MAX = 256;
/** Bytes of a map's, a program's and a reason's name. */
export const NAME_SIZE_MAX = 63;

/** Error numbers of helpers, negated: include/uapi/asm-generic/errno-base.h. */
export const EPERM = 1;
export const ENOENT = 2;
export const E2BIG = 7;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EBUSY = 16;
export const EEXIST = 17;
export const EINVAL = 22;
export const ENOSPC = 28;
export const EOPNOTSUPP = 95;

/**
 * Tuple: what `tuple` reads from a packet and the lookups take. An IPv4 address stands mapped, ::ffff:a.b.c.d.
 *
 *  0       16      32      34      36      37       38         40
 *  | saddr | daddr | sport | dport | proto | family | fragment | zero |
 */
export const TUPLE_SADDR = 0; // addr16
export const TUPLE_DADDR = 16; // addr16
export const TUPLE_SPORT = 32; // u16 be; 0 where the protocol or a fragment has none
export const TUPLE_DPORT = 34; // u16 be
export const TUPLE_PROTO = 36; // u8: IPPROTO_
export const TUPLE_FAMILY = 37; // u8: FAMILY_
export const TUPLE_FRAGMENT = 38; // u8: 1 for a fragment other than a whole datagram
export const TUPLE_SIZE = 40;

/** Connection: what `conntrack` copies out of the connection that a tuple belongs to. */
export const CONNECTION_STATE = 0; // u8: STATE_ of abi/conntrack
export const CONNECTION_DIRECTION = 1; // u8: 0 the opener's, 1 the other's
export const CONNECTION_BACKEND = 4; // u32: number, 0 for none
/** u32 each: milliseconds since it was opened, and since its last packet. */
export const CONNECTION_AGE = 8;
export const CONNECTION_IDLE = 12;
export const CONNECTION_SIZE = 16;

/** Service: what `service` copies out of the frontend that a tuple's destination dials. */
export const SERVICE_INFO_NUMBER = 0; // u32
/** u32: endpoints that new connections from inside (cluster) and from outside under a local policy (local) may go to. */
export const SERVICE_INFO_CLUSTER = 4;
export const SERVICE_INFO_LOCAL = 8;
export const SERVICE_INFO_SIZE = 16;

/** Ring buffer record header, as in kernel/bpf/ringbuf.c: u32 length with the bits below, u32 zero. Records stand at multiples of 8. */
export const RINGBUF_RECORD_LENGTH = 0;
export const RINGBUF_RECORD_HEADER_SIZE = 8;
export const RINGBUF_BUSY = 0x80000000;
export const RINGBUF_DISCARD = 0x40000000;
/** Arguments of `ringbuf_query`. */
export const RINGBUF_AVAIL_DATA = 0;
export const RINGBUF_SIZE = 1;
export const RINGBUF_CONSUMER = 2;
export const RINGBUF_PRODUCER = 3;
