/* Headers as they stand in a packet, in network order; of IP those of FAMILY. */
#pragma once

#include "nat.h"

struct ethernet {
  u8 destination[6];
  u8 source[6];
  u16 type;
};

#if FAMILY == 6
#define ETHERTYPE __builtin_bswap16(0x86dd)
/* RFC 8200. */
struct ip {
  u8 version;
  u8 flow[3];
  u16 length;
  u8 proto;
  u8 ttl;
  u32 saddr[4];
  u32 daddr[4];
};

INLINE int is_plain(const struct ip *ip)
{
  return ip->version >> 4 == 6;
}
#else
#define ETHERTYPE __builtin_bswap16(0x0800)
/* RFC 791. */
struct ip {
  u8 version;
  u8 tos;
  u16 length;
  u16 id;
  u16 fragment;
  u8 ttl;
  u8 proto;
  u16 check;
  u32 saddr[1];
  u32 daddr[1];
};

/* No options, no fragment. */
INLINE int is_plain(const struct ip *ip)
{
  return ip->version == 0x45 && (ip->fragment & __builtin_bswap16(0x3fff)) == 0;
}
#endif

/* RFC 9293. */
struct tcp {
  u16 sport;
  u16 dport;
  u32 seq;
  u32 ack;
  u8 offset;
  u8 flags;
  u16 window;
  u16 check;
  u16 urgent;
};
#define SYN 0x02
#define ACK 0x10

/* RFC 768. */
struct udp {
  u16 sport;
  u16 dport;
  u16 length;
  u16 check;
};
