/**
 * The records that both sides of the Wasm boundary read. Numbers are little-endian except those marked
 * be, which stand as in the packet. addr16 is an IPv6 address, or an IPv4 one mapped to ::ffff:a.b.c.d.
 */

/**
 * Packet descriptor: one per packet of a batch.
 *
 *  0        4        8        12             16               20        24        28       32
 *  | data   | length | wire   | in | fl | li | ve|ac|re|ct    | service | backend | out    |
 */
/** u32: address of the first byte of the frame. Moves when a reject puts headers in front. */
export const DESC_DATA = 0;
/** u32: bytes of the frame that are in memory; the length of the outcome afterwards. */
export const DESC_LENGTH = 4;
/** u32: bytes the frame had on the wire, never less than length; a capture may hold fewer. */
export const DESC_WIRE_LENGTH = 8;
/** u16: row of `interfaces` the frame came in on; 0 when unknown. */
export const DESC_INTERFACE = 12;
/** u8: DESC_FLAG_ bits. */
export const DESC_FLAGS = 14;
/** u8: link type as LINK_SLOT_ numbers. */
export const DESC_LINK = 15;
/** u8 each: the outcome, numbered in abi/verdict. One u32 store covers all four. */
export const DESC_VERDICT = 16;
export const DESC_ACTION = 17;
export const DESC_REASON = 18;
export const DESC_CONNTRACK = 19;
/** u32: number of the service port, 0 for none or when the backend says it. */
export const DESC_SERVICE = 20;
/** u32: number of the backend, 0 for none. */
export const DESC_BACKEND = 24;
/** u8: OUT_FLAG_ bits of the outcome; three spare bytes. */
export const DESC_OUT = 28;
export const DESC_SIZE = 32;

/** The node itself sends the packet (netfilter's OUTPUT). */
export const DESC_FLAG_LOCAL = 1;
/** The flow's source is masqueraded. */
export const OUT_FLAG_MASQUERADE = 1;

/** Link types as the descriptor numbers them: small, so that they fit a byte. */
export const LINK_SLOT_ETHERNET = 0;
export const LINK_SLOT_RAW = 1;
export const LINK_SLOT_NULL = 2;
export const LINK_SLOT_LOOP = 3;
export const LINK_SLOT_SLL = 4;
export const LINK_SLOT_SLL2 = 5;
/** A link type waxdp does not know: every frame passes untouched. */
export const LINK_SLOT_OTHER = 6;

/** Maps the host reaches through lookup, update, remove and next. */
export const MAP_SERVICES = 1;
export const MAP_BACKENDS = 2;
export const MAP_RINGS = 3;
export const MAP_SLOTS = 4;
export const MAP_ADDRESSES = 5;
export const MAP_INTERFACES = 6;
export const MAP_RANGES = 7;
export const MAP_AFFINITY = 8;
export const MAP_CONNTRACK4 = 9;
export const MAP_CONNTRACK6 = 10;

/** Families as a record names them. */
export const FAMILY_IPV4 = 4;
export const FAMILY_IPV6 = 6;

/** services (hash): vip -> service port. A nodePort's vip has the unspecified address. */
export const SERVICE_ADDRESS = 0; // addr16
export const SERVICE_PORT = 16; // u16 be
export const SERVICE_PROTO = 18; // u8
export const SERVICE_FAMILY = 19; // u8
export const SERVICE_KEY_SIZE = 20;
export const SERVICE_NUMBER = 20; // u32, from 1
export const SERVICE_FRONTEND = 24; // u8, FRONTEND_
export const SERVICE_AFFINITY = 28; // u32 ms, 0 for none
export const SERVICE_RANGE_BASE = 32; // u32, first row of ranges
export const SERVICE_RANGE_LENGTH = 36; // u32, or RANGE_UNRESTRICTED
/** Three routes of four bytes, by source class: pod, local, other. */
export const SERVICE_ROUTES = 40;
export const SERVICE_SIZE = 64;

export const FRONTEND_CLUSTER_IP = 0;
export const FRONTEND_EXTERNAL_IP = 1;
export const FRONTEND_LOAD_BALANCER = 2;
export const FRONTEND_NODE_PORT = 3;
export const RANGE_UNRESTRICTED = 0xffffffff;

/** Source classes in the order they are tried. */
export const CLASS_POD = 0;
export const CLASS_LOCAL = 1;
export const CLASS_OTHER = 2;

export const ROUTE_ACTION = 0; // u8: ACTION_DNAT, ACTION_REJECT or ACTION_DROP
export const ROUTE_RING = 1; // u8: RING_CLUSTER or RING_LOCAL
export const ROUTE_MASQUERADE = 2; // u8
export const ROUTE_REASON = 3; // u8: REASON_
export const ROUTE_SIZE = 4;

/** backends (array by number, row 0 unused): an endpoint of a service port. */
export const BACKEND_ADDRESS = 0; // addr16
export const BACKEND_MASQUERADE = 16; // addr16, unspecified when the node has none
export const BACKEND_PORT = 32; // u16 be
export const BACKEND_PROTO = 34; // u8
export const BACKEND_FAMILY = 35; // u8
export const BACKEND_SERVICE = 36; // u32
export const BACKEND_RINGS = 40; // u8: bit 0 member of the cluster ring, bit 1 of the local ring
export const BACKEND_METHOD = 41; // u8, forwarding method: 0, address translation
export const BACKEND_WEIGHT = 42; // u16
export const BACKEND_CONNECTIONS = 48; // u32, written by the packet path
export const BACKEND_SIZE = 64;

/** rings (array): two per service port, at number * 2 + RING_. Slots are backend numbers. */
export const RING_BASE = 0; // u32, first row of slots
export const RING_LENGTH = 4; // u32
export const RING_SCHEDULER = 8; // u8, SCHEDULER_
export const RING_SIZE = 16;
export const RING_CLUSTER = 0;
export const RING_LOCAL = 1;
export const SCHEDULER_RANDOM = 0;
export const SCHEDULER_MAGLEV = 1;

/** slots (array): u32 backend numbers. */
export const SLOT_SIZE = 4;

/** addresses (hash): the addresses of type LOCAL of this node; 127.0.0.0/8 is implied. */
export const ADDRESS_ADDRESS = 0; // addr16
export const ADDRESS_FAMILY = 16; // u8
export const ADDRESS_KEY_SIZE = 20;
export const ADDRESS_NODE_PORTS = 20; // u8: 1 when nodePorts are served here
export const ADDRESS_SIZE = 32;

/** interfaces (array): row 0 stands for an unknown interface. */
export const INTERFACE_IPV4 = 0; // u32 be, what a reject's source is; 0 for none
export const INTERFACE_POD = 4; // u8: 1 when sources behind it are pods
export const INTERFACE_HAS_IPV6 = 5; // u8
export const INTERFACE_IPV6 = 16; // addr16
export const INTERFACE_SIZE = 32;

/** ranges (array): intervals of addresses, ends included, ascending and disjoint within one slice. */
export const RANGE_FIRST = 0; // addr16
export const RANGE_LAST = 16; // addr16
export const RANGE_SIZE = 32;

/** affinity (hash): client and service port -> backend. */
export const AFFINITY_ADDRESS = 0; // addr16
export const AFFINITY_SERVICE = 16; // u32
export const AFFINITY_KEY_SIZE = 20;
export const AFFINITY_BACKEND = 20; // u32
export const AFFINITY_USED = 24; // u32 ms: last new connection
export const AFFINITY_TIMEOUT = 28; // u32 ms
export const AFFINITY_FAMILY = 32; // u8
export const AFFINITY_SIZE = 48;

/**
 * ct entry, IPv4: one per direction, 64 bytes, a cache line. The first 16 are the tuple of the direction,
 * the next 12 what replaces it in the packet, in the packet's own order.
 *
 *  0      4      8      10     12      13     14     16        20        24       26       28       30       32
 *  | saddr| daddr| sport| dport| proto | flags| state| nsaddr  | ndaddr  | nsport | ndport | ipdelta| l4delta|
 *  32        36     40       44       48                                  64
 *  | lastseen| pair | backend| created| zero, kept for TCP window tracking |
 */
export const CT4_SADDR = 0; // u32 be
export const CT4_DADDR = 4; // u32 be
export const CT4_SPORT = 8; // u16 be
export const CT4_DPORT = 10; // u16 be
export const CT4_PROTO = 12; // u8
export const CT4_FLAGS = 13; // u8, FLAG_
export const CT4_STATE = 14; // u8, STATE_
export const CT4_NEW_SADDR = 16; // u32 be
export const CT4_NEW_DADDR = 20; // u32 be
export const CT4_NEW_SPORT = 24; // u16 be
export const CT4_NEW_DPORT = 26; // u16 be
export const CT4_IP_DELTA = 28; // u16, RFC 1624
export const CT4_L4_DELTA = 30; // u16, RFC 1624
export const CT4_LAST_SEEN = 32; // u32 ms
export const CT4_PAIR = 36; // u32, slot of the other direction
export const CT4_BACKEND = 40; // u32
export const CT4_CREATED = 44; // u32 ms
export const CT4_SIZE = 64;

/** ct entry, IPv6: 128 bytes, the same fields. */
export const CT6_SADDR = 0; // 16 bytes
export const CT6_DADDR = 16; // 16 bytes
export const CT6_SPORT = 32; // u16 be
export const CT6_DPORT = 34; // u16 be
export const CT6_PROTO = 36; // u8
export const CT6_FLAGS = 37; // u8
export const CT6_STATE = 38; // u8
export const CT6_L4_DELTA = 40; // u16
export const CT6_LAST_SEEN = 44; // u32 ms
export const CT6_PAIR = 48; // u32
export const CT6_BACKEND = 52; // u32
export const CT6_CREATED = 56; // u32 ms
export const CT6_NEW_SADDR = 64; // 16 bytes
export const CT6_NEW_DADDR = 80; // 16 bytes
export const CT6_NEW_SPORT = 96; // u16 be
export const CT6_NEW_DPORT = 98; // u16 be
export const CT6_SIZE = 128;

/** config: one record the host writes in place. */
export const CONFIG_FLAGS = 0; // u32, CONFIG_FLAG_
export const CONFIG_POD_RANGE4_BASE = 4; // u32
export const CONFIG_POD_RANGE4_LENGTH = 8; // u32, 0: no detector for the family
export const CONFIG_POD_RANGE6_BASE = 12; // u32
export const CONFIG_POD_RANGE6_LENGTH = 16; // u32
/** STATE_LENGTH timeouts of four bytes, ms. */
export const CONFIG_TIMEOUTS = 20;
export const CONFIG_SIZE = 128;
/** 127.0.0.0/8 serves nodePorts. */
export const CONFIG_FLAG_LOCALHOST_NODE_PORTS = 1;
/** INVALID packets that are no Service's pass (conntrack.tcpBeLiberal). */
export const CONFIG_FLAG_TCP_BE_LIBERAL = 2;
/** Connections may be picked up in mid-stream (nf_conntrack_tcp_loose). */
export const CONFIG_FLAG_TCP_LOOSE = 4;

/** counters: u64 each, one row of VERDICT, ACTION, REASON and CONNTRACK numbers after another. */
export const COUNTER_VERDICTS = 0;
export const COUNTER_ACTIONS = 40; // 8 * VERDICT_LENGTH
export const COUNTER_REASONS = 88; // + 8 * ACTION_LENGTH
export const COUNTER_CONNTRACK = 176; // + 8 * REASON_LENGTH
export const COUNTER_BYTES = 224; // + 8 * CONNTRACK_LENGTH: bytes taken in, as captured
export const COUNTER_CREATED = 232; // connections
export const COUNTER_EXPIRED = 240;
export const COUNTER_CLOSED = 248; // removed before their time: RST while SYN_SENT, tuple reused, flush
export const COUNTERS_SIZE = 256;
