/** Bytes free in front of every frame at least, so that a reject can put its headers there. */
export const HEADROOM = 64;
/** The largest frame `process` takes: the snap length of tcpdump, 256 KiB. */
export const FRAME_MAX = 262144;
/** Packets that walk through the stages of the packet path together. */
export const GROUP_LENGTH = 64;
/** VLAN tags looked through, 802.1Q and 802.1ad together. */
export const VLAN_TAGS_MAX = 2;
/** IPv6 extension headers walked before a packet counts as malformed. */
export const EXTENSION_HEADERS_MAX = 8;
/** Candidate source ports tried for one connection before it counts as port-exhausted. */
export const PORT_ATTEMPTS_MAX = 256;
/** Engines that connections are shared out to. */
export const SHARDS_MAX = 64;
/** No shard: that of a fragment without ports, which goes where the first one of its datagram went. */
export const SHARD_UNKNOWN = 0xff;
/** A bit beside the shard of a fragment that the others of its datagram follow. */
export const SHARD_FIRST = 0x100;
/** Milliseconds between two sweeps of expired connections and affinity entries. */
export const SWEEP_INTERVAL = 1000;
/** The longest timeout, in milliseconds: 12 days, what a 32-bit clock always keeps when its origin is moved. */
export const TIMEOUT_MAX = 1073741824;
/** A UDP flow older than this that has seen both directions is a stream: 2 s, nf_conntrack_proto_udp.c. */
export const UDP_STREAM_AGE = 2000;

/** The longest IPv4 datagram and IPv6 payload, in bytes. */
export const DATAGRAM_MAX = 65535;

/** Link types, numbered as LINKTYPE_ values of pcap files. */
export const LINK_NULL = 0;
export const LINK_ETHERNET = 1;
export const LINK_RAW = 101;
export const LINK_LOOP = 108;
export const LINK_LINUX_SLL = 113;
export const LINK_IPV4 = 228;
export const LINK_IPV6 = 229;
export const LINK_LINUX_SLL2 = 276;
