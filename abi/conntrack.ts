/** States of a connection: TCP's in the order of nf_conntrack_proto_tcp.c, then the others. */
export const STATE_NONE = 0;
export const STATE_SYN_SENT = 1;
export const STATE_SYN_RECV = 2;
export const STATE_ESTABLISHED = 3;
export const STATE_FIN_WAIT = 4;
export const STATE_CLOSE_WAIT = 5;
export const STATE_LAST_ACK = 6;
export const STATE_TIME_WAIT = 7;
export const STATE_CLOSE = 8;
export const STATE_SYN_SENT2 = 9;
/** UDP that has not been a stream yet. */
export const STATE_UDP = 10;
/** UDP seen in both directions for more than UDP_STREAM_AGE. */
export const STATE_UDP_STREAM = 11;
/** SCTP's states in the order of nf_conntrack_proto_sctp.c. */
export const STATE_SCTP_CLOSED = 12;
export const STATE_SCTP_COOKIE_WAIT = 13;
export const STATE_SCTP_COOKIE_ECHOED = 14;
export const STATE_SCTP_ESTABLISHED = 15;
export const STATE_SCTP_SHUTDOWN_SENT = 16;
export const STATE_SCTP_SHUTDOWN_RECD = 17;
export const STATE_SCTP_SHUTDOWN_ACK_SENT = 18;
export const STATE_SCTP_HEARTBEAT_SENT = 19;

/**
 * Timers: which timeout a connection ends by. Mostly that of its state; TCP has two more, for a peer
 * that keeps retransmitting and for data nobody acknowledges (tcp_timeouts of nf_conntrack_proto_tcp.c).
 */
export const TIMER_MAX_RETRANS = 20;
export const TIMER_UNACKNOWLEDGED = 21;
export const TIMER_LENGTH = 22;

/** Flags of a ct entry. */
export const FLAG_MASQUERADE = 1;
export const FLAG_SEEN_REPLY = 2;
export const FLAG_ASSURED = 4;
/** Tracked only so that its reply tuple is taken: nothing of its packets is replaced. */
export const FLAG_DIRECT = 8;
