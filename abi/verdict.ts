/** What happens to the packet; numbered as enum xdp_action in the kernel's include/uapi/linux/bpf.h. */
export const VERDICT_ABORTED = 0;
export const VERDICT_DROP = 1;
export const VERDICT_PASS = 2;
export const VERDICT_TX = 3;
export const VERDICT_REDIRECT = 4;
export const VERDICT_LENGTH = 5;

/** What the dataplane did to reach the verdict. */
export const ACTION_PASS = 0;
export const ACTION_DNAT = 1;
export const ACTION_REPLY = 2;
export const ACTION_RELATED = 3;
export const ACTION_REJECT = 4;
export const ACTION_DROP = 5;
/** A fragment kept until its datagram's ports are known; it leaves later, translated, or not at all. */
export const ACTION_HOLD = 6;
export const ACTION_LENGTH = 7;

/** Where the packet stands in its connection, in the words of nf_conntrack. */
export const CONNTRACK_NONE = 0;
export const CONNTRACK_NEW = 1;
export const CONNTRACK_ESTABLISHED = 2;
export const CONNTRACK_REPLY = 3;
export const CONNTRACK_RELATED = 4;
export const CONNTRACK_INVALID = 5;
export const CONNTRACK_LENGTH = 6;

/** Why a packet was rejected, dropped or left alone; 0 when there is nothing to say. */
export const REASON_NONE = 0;
/** The frame (or what was captured of it) ends before its headers or its IP length do. */
export const REASON_TRUNCATED = 1;
/** An IP or transport header contradicts itself. */
export const REASON_MALFORMED = 2;
/** A fragment whose first one, with the ports, has not come yet. */
export const REASON_FRAGMENT = 3;
/** No connection it could belong to or open, as nf_conntrack's INVALID. */
export const REASON_INVALID = 4;
/** The service port has no endpoint anywhere. */
export const REASON_NO_ENDPOINTS = 5;
/** The traffic policy is Local and this node has no endpoint. */
export const REASON_NO_LOCAL_ENDPOINTS = 6;
/** The source is outside loadBalancerSourceRanges. */
export const REASON_SOURCE_RANGE = 7;
/** The conntrack table is full. */
export const REASON_CONNTRACK_FULL = 8;
/** No free source port was found for the reply tuple. */
export const REASON_PORT_EXHAUSTED = 9;
/** The flow needs masquerading and the node has no address of the family. */
export const REASON_NO_MASQUERADE_ADDRESS = 10;
/** A checksum of the IP, ICMP or transport header is wrong. */
export const REASON_CHECKSUM = 11;
/** A source address that no packet from a wire may have: RFC 1812 section 5.3.7. */
export const REASON_MARTIAN = 12;
/** A fragment that overlaps another one; with it goes the whole datagram (RFC 5722). */
export const REASON_FRAGMENT_OVERLAP = 13;
/** A fragment that was here before. */
export const REASON_FRAGMENT_DUPLICATE = 14;
/** No room to follow another fragmented datagram, or to keep another fragment. */
export const REASON_FRAGMENT_FULL = 15;
/** A program said so, without a reason of its own. */
export const REASON_PROGRAM = 16;
/** A program has trapped. */
export const REASON_TRAP = 17;
export const REASON_LENGTH = 18;
