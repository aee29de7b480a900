#include "work.h"

#include "sys.h"

/* Ethernet before all; offsets as in RFC 791 and RFC 8200. */
#define IP 14
#if FAMILY == 6
#define PROTO (IP + 6)
#define SADDR (IP + 8)
#define PORTS (IP + 40)
#else
#define PROTO (IP + 9)
#define SADDR (IP + 12)
#define PORTS (IP + 20)
#endif

/* The next part of the input; every part fills a multiple of eight bytes. */
static const void *take(size_t size)
{
  size_t whole = (size + 7) & ~(size_t)7;
  void *part = reserve(whole);

  if (fread(part, 1, whole, stdin) != whole)
    fail("the work ends too early");
  return part;
}

struct work read_work(void)
{
  struct work work;
  const struct work_header *header = take(sizeof *header);

  work.header = *header;
  if (header->size < HEAD_SIZE || header->visits == 0 || header->flows > header->forward ||
      (header->flows && header->flows > header->reply))
    fail("the work makes no sense");
  work.vips = take(header->services * sizeof *work.vips);
  work.services = take(header->services * sizeof *work.services);
  work.backends = take(header->backends * sizeof *work.backends);
  work.frames = take(((size_t)header->forward + header->reply) * header->size);
  work.visits = take(header->visits * sizeof *work.visits);
  work.samples = take((size_t)header->samples * header->size);
  for (u32 i = 0; i < header->visits; i++)
    if (work.visits[i] >= header->forward + header->reply)
      fail("visit %u is to no frame", i);
  return work;
}

struct tuple tuple_of(const u8 *frame)
{
  struct tuple tuple = {};

  memcpy(tuple.saddr, frame + SADDR, sizeof tuple.saddr);
  memcpy(tuple.daddr, frame + SADDR + sizeof tuple.saddr, sizeof tuple.daddr);
  memcpy(&tuple.sport, frame + PORTS, sizeof tuple.sport);
  memcpy(&tuple.dport, frame + PORTS + 2, sizeof tuple.dport);
  tuple.proto = frame[PROTO];
  return tuple;
}
