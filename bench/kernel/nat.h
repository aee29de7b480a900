/*
 * What the program in the kernel and the runner that loads it both know: records of the maps, and
 * the arithmetic of checksums. FAMILY is 4 or 6.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define INLINE static inline __attribute__((always_inline))

#if FAMILY == 6
#define WORDS 4
/* Ethernet, IPv6 and TCP: 74 bytes, copied eight at a time. */
#define HEAD_SIZE 80
#else
#define WORDS 1
/* Ethernet, IPv4 and TCP: 54 bytes, copied eight at a time. */
#define HEAD_SIZE 56
#endif

/* Numbers of IANA. */
#define TCP 6
#define UDP 17

/* Addresses and ports in network order, as in the packet; proto a word, so that there is no gap. */
struct tuple {
  u32 saddr[WORDS];
  u32 daddr[WORDS];
  u16 sport;
  u16 dport;
  u32 proto;
} __attribute__((aligned(8)));

/* Key: tuple of one direction. Two entries a connection. */
struct connection {
  u32 saddr[WORDS];
  u32 daddr[WORDS];
  u16 sport;
  u16 dport;
  /* What the rewrite adds to the sum over the header, and over pseudo header and transport. */
  u16 ip_delta;
  u16 l4_delta;
  u64 last_seen;
};

struct vip {
  u32 address[WORDS];
  u16 port;
  u16 proto;
};

/* Backends of a service stand in a row. */
struct service {
  u32 first;
  u32 length;
};

struct backend {
  u32 address[WORDS];
  u16 port;
  u16 spare;
};

/* What packets of a row differ in before translation. */
struct head {
  u64 words[HEAD_SIZE / 8];
};

/* Where the wrapper is. */
struct cursor {
  u32 next;
  u32 length;
  /* Of the array of connections, a power of two: its length less one. */
  u32 mask;
  u32 spare;
  /* Connections the program has opened. */
  u64 opened;
  /* By verdict. */
  u64 verdicts[8];
};

INLINE u16 fold(u32 sum)
{
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

INLINE u32 sum_of(const u32 *words)
{
  u32 sum = 0;
  for (int i = 0; i < WORDS; i++)
    sum += (words[i] & 0xffff) + (words[i] >> 16);
  return sum;
}

/* ~m of RFC 1624 over all words of an address. */
INLINE u32 complement_of(const u32 *words)
{
  return WORDS * 2 * 0xffff - sum_of(words);
}

/* The entry of packets with the tuple `from`, which leave with the tuple `to`. */
INLINE void translation(const struct tuple *from, const struct tuple *to, struct connection *entry)
{
  u32 addresses = complement_of(from->saddr) + complement_of(from->daddr) + sum_of(to->saddr) +
                  sum_of(to->daddr);
  u32 ports = 2 * 0xffff - from->sport - from->dport + to->sport + to->dport;

  for (int i = 0; i < WORDS; i++) {
    entry->saddr[i] = to->saddr[i];
    entry->daddr[i] = to->daddr[i];
  }
  entry->sport = to->sport;
  entry->dport = to->dport;
  entry->ip_delta = fold(addresses);
  entry->l4_delta = fold(addresses + ports);
}

/* The tuple of the answers to packets that leave with `tuple`. */
INLINE void reverse(const struct tuple *tuple, struct tuple *reply)
{
  for (int i = 0; i < WORDS; i++) {
    reply->saddr[i] = tuple->daddr[i];
    reply->daddr[i] = tuple->saddr[i];
  }
  reply->sport = tuple->dport;
  reply->dport = tuple->sport;
  reply->proto = tuple->proto;
}
