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
/** u8: OUT_FLAG_ bits of the outcome; three spare bytes. After `steer`: u32, the shard, or SHARD_UNKNOWN. */
export const DESC_OUT = 28;
export const DESC_SIZE = 32;

/** The node itself sends the packet (netfilter's OUTPUT). */
export const DESC_FLAG_LOCAL = 1;
/** On the way in DESC_BACKEND says which backend a connection that it opens should go to. */
export const DESC_FLAG_BACKEND = 2;
/** The flow's source is masqueraded. */
export const OUT_FLAG_MASQUERADE = 1;

/**
 * A fragment that was held and leaves now: a descriptor, and the index of the packet in the batch that
 * let it go. Valid until the next call of `process`.
 */
export const RELEASED_BY = 32; // u32
/** The ports as this fragment brought them; 0 unless it holds the ports of its datagram. */
export const RELEASED_SPORT = 36; // u16 be
export const RELEASED_DPORT = 38; // u16 be
export const RELEASED_SIZE = 40;

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
export const MAP_ENDPOINTS = 11;
export const MAP_TRAFFIC = 12;
export const MAP_SERVICE_TRAFFIC = 13;

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
export const BACKEND_RETIRED = 44; // u8, RETIRED_ bits, read by `retire` alone
export const BACKEND_CONNECTIONS = 48; // u32, written by the packet path
export const BACKEND_SIZE = 64;

/** What `retire` takes from a marked backend: its UDP connections, the clients it is remembered for. */
export const RETIRED_UDP = 1;
export const RETIRED_CLIENTS = 2;

/** endpoints (hash): address, port and protocol of every backend in a ring; the key is a vip's. */
export const ENDPOINT_BACKEND = 20; // u32, one of the backends there
export const ENDPOINT_SIZE = 32;

/** traffic (array by backend number): what went to it and came back, u64 each; bytes as captured. */
export const TRAFFIC_CONNECTIONS = 0;
export const TRAFFIC_IN_PACKETS = 8;
export const TRAFFIC_IN_BYTES = 16;
export const TRAFFIC_OUT_PACKETS = 24;
export const TRAFFIC_OUT_BYTES = 32;
export const TRAFFIC_SIZE = 64;

/** service traffic (array by number of the service port): first connections that were turned away, u64. */
export const SERVICE_TRAFFIC_REJECTED = 0;
export const SERVICE_TRAFFIC_DROPPED = 8;
export const SERVICE_TRAFFIC_SIZE = 16;

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

/** affinity (hash): client and service port -> the backends it is remembered by, the last two. */
export const AFFINITY_ADDRESS = 0; // addr16
export const AFFINITY_SERVICE = 16; // u32
export const AFFINITY_KEY_SIZE = 20;
export const AFFINITY_TIMEOUT = 20; // u32 ms
export const AFFINITY_BACKEND0 = 24; // u32, 0 for none
export const AFFINITY_USED0 = 28; // u32 ms: last new connection
export const AFFINITY_BACKEND1 = 32; // u32
export const AFFINITY_USED1 = 36; // u32 ms
export const AFFINITY_FAMILY = 40; // u8
export const AFFINITY_SIZE = 48;

/**
 * ct entry: a record of its own, whole cache lines, with the tuples of both directions: what a direction's
 * packets become is the other's tuple reversed. Direction 0 is the opener's. The first 32 bytes:
 *
 *  0          4         8         12      13      14      15      16        18        20        24     32
 *  | lastseen | created | backend | flags | state | timer | proto | ipdelta | l4delta | of 1    | zero |
 *
 * A ref is the address of a record, and in its lowest bit a direction.
 */
export const CT_LAST_SEEN = 0; // u32 ms; of a free record the address of the next one
export const CT_CREATED = 4; // u32 ms
export const CT_BACKEND = 8; // u32
export const CT_FLAGS = 12; // u8, FLAG_
export const CT_STATE = 13; // u8, STATE_
export const CT_TIMER = 14; // u8, a STATE_ or TIMER_
export const CT_PROTO = 15; // u8, 0 while the record is free
/** Two of CT_DELTAS_SIZE: what a direction's translation adds to the checksums, RFC 1624; u16 each. */
export const CT_DELTAS = 16;
export const CT_IP_DELTA = 0;
export const CT_L4_DELTA = 2;
export const CT_DELTAS_SIZE = 4;
/** Two tuples. */
export const CT_TUPLES = 32;

/** ct entry, IPv4: two cache lines, the second is the track. */
export const CT4_SADDR = 0; // u32 be
export const CT4_DADDR = 4; // u32 be
export const CT4_SPORT = 8; // u16 be
export const CT4_DPORT = 10; // u16 be
export const CT4_PROTO = 12; // u32
export const CT4_TUPLE_SIZE = 16;
export const CT4_TRACK = 64;
export const CT4_SIZE = 128;

/** ct entry, IPv6: three. */
export const CT6_SADDR = 0; // 16 bytes
export const CT6_DADDR = 16; // 16 bytes
export const CT6_SPORT = 32; // u16 be
export const CT6_DPORT = 34; // u16 be
export const CT6_PROTO = 36; // u32
export const CT6_TUPLE_SIZE = 40;
export const CT6_TRACK = 128;
export const CT6_SIZE = 192;

/**
 * track: the rest of what is known of a TCP connection, the last cache line of its ct entry. struct ip_ct_tcp
 * of the kernel's include/linux/netfilter/nf_conntrack_tcp.h. A packet writes the first 16 bytes and the
 * window of its own direction at once.
 *
 *  0         4         8            10     11        12        16      17      18             20           21
 *  | lastack | lastseq | lastwindow | last | retrans | lastend | flags | scale | of the other | last flags | scale |
 *  32                   48                    64
 *  | window: the opener | window: the other   |
 */
export const TRACK_LAST_ACK = 0; // u32
export const TRACK_LAST_SEQ = 4; // u32
export const TRACK_LAST_WINDOW = 8; // u16 be
export const TRACK_LAST = 10; // u8: kind of the last packet in the low bits, its direction in bit 7
export const TRACK_RETRANS = 11; // u8
export const TRACK_LAST_END = 12; // u32
/** Two of SIDE_SIZE. */
export const TRACK_SIDES = 16;
export const SIDE_FLAGS = 0; // u8
export const SIDE_SCALE = 1; // u8, window scale
export const SIDE_SIZE = 2;
export const TRACK_LAST_FLAGS = 20; // u8
export const TRACK_LAST_SCALE = 21; // u8
export const TRACK_WINDOWS = 32; // two, WINDOW_SIZE each
export const TRACK_SIZE = 64;

/** What the sender of a direction has shown of its window: struct ip_ct_tcp_state there. */
export const WINDOW_END = 0; // u32, highest sequence number sent, plus one
export const WINDOW_ALLOWED = 4; // u32, highest sequence number it allows the other direction: td_maxend of that one
export const WINDOW_MAX_WINDOW = 8; // u32, largest window advertised, scaled
export const WINDOW_MAX_ACK = 12; // u32, highest acknowledgement sent
export const WINDOW_SIZE = 16;

/** What is known of an SCTP association stands in the place of the track. */
export const TAGS_OPENER = 0; // u32 be, verification tag
export const TAGS_ANSWERER = 4; // u32 be
export const TAGS_FLAGS = 8; // u32

/** config: one record the host writes in place. */
export const CONFIG_FLAGS = 0; // u32, CONFIG_FLAG_
export const CONFIG_POD_RANGE4_BASE = 4; // u32
export const CONFIG_POD_RANGE4_LENGTH = 8; // u32, 0: no detector for the family
export const CONFIG_POD_RANGE6_BASE = 12; // u32
export const CONFIG_POD_RANGE6_LENGTH = 16; // u32
/** TIMER_LENGTH timeouts of four bytes, ms. */
export const CONFIG_TIMEOUTS = 20;
export const CONFIG_FRAGMENT4_TIMEOUT = 108; // u32 ms
export const CONFIG_FRAGMENT6_TIMEOUT = 112; // u32 ms
export const CONFIG_TCP_MAX_RETRANS = 116; // u32
export const CONFIG_SIZE = 128;
/** 127.0.0.0/8 serves nodePorts. */
export const CONFIG_FLAG_LOCALHOST_NODE_PORTS = 1;
/** INVALID packets that are no Service's pass (conntrack.tcpBeLiberal). */
export const CONFIG_FLAG_TCP_BE_LIBERAL = 2;
/** Connections may be picked up in mid-stream (nf_conntrack_tcp_loose). */
export const CONFIG_FLAG_TCP_LOOSE = 4;
/** Packets with wrong checksums are INVALID (nf_conntrack_checksum). */
export const CONFIG_FLAG_CHECKSUM = 8;
/** Masquerading draws the source port even when the client's own is free (MASQUERADE --random-fully). */
export const CONFIG_FLAG_RANDOM_FULLY = 16;
/** TCP windows are neither judged nor kept up (nf_conntrack_tcp_no_window_check). */
export const CONFIG_FLAG_TCP_NO_WINDOW_CHECK = 32;

/** counters: u64 each, one row of VERDICT, ACTION, REASON and CONNTRACK numbers after another. */
export const COUNTER_VERDICTS = 0;
export const COUNTER_ACTIONS = 40; // 8 * VERDICT_LENGTH
export const COUNTER_REASONS = 96; // + 8 * ACTION_LENGTH
export const COUNTER_CONNTRACK = 240; // + 8 * REASON_LENGTH
export const COUNTER_BYTES = 288; // + 8 * CONNTRACK_LENGTH: bytes taken in, as captured
export const COUNTER_CREATED = 296; // connections
export const COUNTER_EXPIRED = 304;
export const COUNTER_CLOSED = 312; // removed before their time: RST while SYN_SENT, tuple reused, flush
export const COUNTER_EVICTED = 320; // removed to make room
export const COUNTER_FRAGMENTS_HELD = 328;
export const COUNTER_FRAGMENTS_RELEASED = 336;
export const COUNTER_FRAGMENTS_DISCARDED = 344; // held, and then never let go
export const COUNTERS_SIZE = 384;
