/*
 * An XDP program that translates a Service's packets, as one would write it for the kernel: a hash
 * of connections by five-tuple with finished rewrites, and behind it services and backends.
 * It verifies no checksum, follows no TCP and counts nothing, all of which waxdp does: in each of
 * these it has the advantage.
 *
 * Connections are in the kernel's LRU hash, of its hashes that never fill up the fastest (table.c).
 * With ARRAY they are in an array of the program's own (array.h), half as dear: nothing one could
 * run on two processors, but it shows what of the cost is the map's. Not writing last_seen would
 * save another 1 to 2 ns.
 */
#include "nat.h"
#include "wire.h"

#ifdef ARRAY
#include "array.h"
#endif

#define SECTION(name) __attribute__((section(name), used))

/* include/uapi/linux/bpf.h, repeated so that clang alone compiles this. */
struct xdp_md {
  u32 data;
  u32 data_end;
  u32 data_meta;
  u32 ingress_ifindex;
  u32 rx_queue_index;
  u32 egress_ifindex;
};
enum { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX };
static void *(*const map_lookup)(const void *map, const void *key) = (void *)1;
/* The clock of the last tick: 21 ns less than the exact one, and fine enough for timeouts. */
static u64 (*const coarse_ns)(void) = (void *)160;

/* Made by the runner, which puts them in by name. */
extern struct map connections, services, backends, heads;
extern struct cursor cursor;

struct packet {
  struct ip *ip;
  /* Both headers begin with the ports. */
  struct udp *ports;
  u16 *check;
  /* Of TCP, null otherwise. */
  struct tcp *tcp;
  struct tuple tuple;
};

INLINE int parse(struct xdp_md *ctx, struct packet *packet)
{
  void *end = (void *)(long)ctx->data_end;
  struct ethernet *ethernet = (void *)(long)ctx->data;
  struct ip *ip = (void *)(ethernet + 1);
  struct udp *udp = (void *)(ip + 1);

  if ((void *)(udp + 1) > end || ethernet->type != ETHERTYPE || !is_plain(ip))
    return 0;
  packet->ip = ip;
  packet->ports = udp;
  packet->check = &udp->check;
  packet->tcp = 0;
  if (ip->proto == TCP) {
    struct tcp *tcp = (void *)udp;
    if ((void *)(tcp + 1) > end)
      return 0;
    packet->tcp = tcp;
    packet->check = &tcp->check;
  } else if (ip->proto != UDP) {
    return 0;
  }
  for (int i = 0; i < WORDS; i++) {
    packet->tuple.saddr[i] = ip->saddr[i];
    packet->tuple.daddr[i] = ip->daddr[i];
  }
  packet->tuple.sport = udp->sport;
  packet->tuple.dport = udp->dport;
  packet->tuple.proto = ip->proto;
  return 1;
}

#ifdef ARRAY
INLINE int is_same(const struct tuple *a, const struct tuple *b)
{
  const u64 *left = (const void *)a, *right = (const void *)b;

  for (unsigned long i = 0; i < sizeof *a / 8; i++)
    if (left[i] != right[i])
      return 0;
  return 1;
}

/* The place of the tuple, or the free one where it belongs; null when there is neither. */
INLINE struct place *search(const struct tuple *tuple)
{
  u32 home = home_of(tuple), mask = cursor.mask;

  for (int probe = 0; probe < PROBES; probe++) {
    u32 index = probe_of(home, probe, mask);
    struct place *place = map_lookup(&connections, &index);
    if (!place || is_same(&place->key, tuple) || place->key.proto == 0)
      return place;
  }
  return 0;
}

INLINE struct connection *find(const struct tuple *tuple)
{
  struct place *place = search(tuple);

  return place && place->key.proto ? &place->value : 0;
}

INLINE int insert(const struct tuple *tuple, const struct connection *connection)
{
  struct place *place = search(tuple);

  if (!place)
    return 0;
  place->key = *tuple;
  place->value = *connection;
  return 1;
}
#else
static long (*const map_update)(const void *map, const void *key, const void *value,
                                u64 flags) = (void *)2;

INLINE struct connection *find(const struct tuple *tuple)
{
  return map_lookup(&connections, tuple);
}

INLINE int insert(const struct tuple *tuple, const struct connection *connection)
{
  return map_update(&connections, tuple, connection, 0) == 0;
}
#endif

/* RFC 1624, equation 3. */
INLINE u16 update(u16 check, u16 delta)
{
  return ~fold((u16)~check + delta);
}

INLINE int translate(struct packet *packet, const struct connection *connection)
{
  struct ip *ip = packet->ip;

  for (int i = 0; i < WORDS; i++) {
    ip->saddr[i] = connection->saddr[i];
    ip->daddr[i] = connection->daddr[i];
  }
  packet->ports->sport = connection->sport;
  packet->ports->dport = connection->dport;
#if FAMILY == 4
  ip->check = update(ip->check, connection->ip_delta);
#endif
  if (packet->tcp) {
    *packet->check = update(*packet->check, connection->l4_delta);
  } else if (*packet->check != 0) {
    u16 check = update(*packet->check, connection->l4_delta);
    *packet->check = check == 0 ? 0xffff : check;
  }
  return XDP_TX;
}

/* Every client's connections spread over all backends. */
INLINE u32 mix(const struct tuple *tuple)
{
  u32 hash = (u32)tuple->sport << 16 | tuple->dport;

  for (int i = 0; i < WORDS; i++)
    hash = (hash ^ tuple->saddr[i]) * 0x9e3779b1;
  hash ^= hash >> 15;
  hash *= 0x85ebca6b;
  return hash ^ hash >> 13;
}

/* A backend of the service that the tuple dials, or null. */
INLINE struct backend *choose(const struct tuple *tuple)
{
  struct vip vip = {};
  struct service *service;
  u32 chosen;

  for (int i = 0; i < WORDS; i++)
    vip.address[i] = tuple->daddr[i];
  vip.port = tuple->dport;
  vip.proto = tuple->proto;
  service = map_lookup(&services, &vip);
  if (!service)
    return 0;
  chosen = service->first + ((u64)mix(tuple) * service->length >> 32);
  return map_lookup(&backends, &chosen);
}

INLINE int open(struct packet *packet)
{
  struct tuple *orig = &packet->tuple;
  struct tuple sent = *orig, reply = {}, answer = {};
  struct connection there = {}, back = {};
  struct backend *backend;

  if (packet->tcp && (packet->tcp->flags & (SYN | ACK)) != SYN)
    return XDP_PASS;
  backend = choose(orig);
  if (!backend)
    return XDP_PASS;
  for (int i = 0; i < WORDS; i++)
    sent.daddr[i] = backend->address[i];
  sent.dport = backend->port;
  reverse(&sent, &reply);
  reverse(orig, &answer);
  translation(orig, &sent, &there);
  translation(&reply, &answer, &back);
  there.last_seen = back.last_seen = coarse_ns();
  if (!insert(orig, &there) || !insert(&reply, &back))
    return XDP_DROP;
  cursor.opened++;
  return translate(packet, &there);
}

INLINE int nat(struct xdp_md *ctx)
{
  struct packet packet;
  struct connection *connection;

  if (!parse(ctx, &packet))
    return XDP_PASS;
  connection = find(&packet.tuple);
  if (!connection)
    return open(&packet);
  connection->last_seen = coarse_ns();
  return translate(&packet, connection);
}

SECTION("nat") int run_nat(struct xdp_md *ctx)
{
  return nat(ctx);
}

/*
 * The kernel does not restore a packet between repeats, so the wrapper lays the next headers in
 * place each time. They stand in the order of their visits: the wrapper never misses the cache.
 */
INLINE int restore(struct xdp_md *ctx)
{
  u32 at = cursor.next;
  void *end = (void *)(long)ctx->data_end;
  struct head *into = (void *)(long)ctx->data;
  struct head *from = map_lookup(&heads, &at);

  if (!from || (void *)(into + 1) > end)
    return 0;
  for (int i = 0; i < HEAD_SIZE / 8; i++)
    into->words[i] = from->words[i];
  cursor.next = at + 1 == cursor.length ? 0 : at + 1;
  /* What was laid down is read again, as a packet from a device is. */
  asm volatile("" ::: "memory");
  return 1;
}

SECTION("harness") int run_harness(struct xdp_md *ctx)
{
  return restore(ctx) ? XDP_TX : XDP_ABORTED;
}

SECTION("timed") int run_timed(struct xdp_md *ctx)
{
  return restore(ctx) ? nat(ctx) : XDP_ABORTED;
}

/* As timed, and says what became of the packets. */
SECTION("tally") int run_tally(struct xdp_md *ctx)
{
  int verdict = restore(ctx) ? nat(ctx) : XDP_ABORTED;

  cursor.verdicts[verdict & 7]++;
  return verdict;
}
