#include "table.h"

#include "sys.h"

#ifdef ARRAY
#include <sys/mman.h>

#include "array.h"

struct table create_table(size_t connections)
{
  u32 length = 1;

  while (length < 4 * connections)
    length *= 2;
  struct table table = {
    .map = create_array("connections", sizeof(struct place), length),
    .mask = length - 1,
  };
  size_t size = length * sizeof(struct place);
  table.places = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, table.map, 0);
  if (table.places == MAP_FAILED)
    fail("BPF map connections: %s", strerror(errno));
  return table;
}

static void write_entry(const struct table *table, const struct tuple *key,
                        const struct connection *value)
{
  for (int probe = 0; probe < PROBES; probe++) {
    struct place *place = table->places + probe_of(home_of(key), probe, table->mask);
    if (place->key.proto != 0)
      continue;
    place->key = *key;
    place->value = *value;
    return;
  }
  fail("the array is too full");
}

void write_table(const struct table *table, const struct tuple *keys,
                 const struct connection *values, size_t length)
{
  for (size_t i = 0; i < length; i++)
    write_entry(table, keys + i, values + i);
}

void empty_table(const struct table *table)
{
  memset(table->places, 0, (table->mask + (size_t)1) * sizeof *table->places);
}
#else
/*
 * Of what the kernel offers, the map that evicts. A plain hash takes 20 % less for a new
 * connection, and as much for an open one, but is full one day; one LRU list per processor
 * (BPF_F_NO_COMMON_LRU) takes 20 % more, and half of the room is another processor's.
 */
#define TABLE BPF_MAP_TYPE_LRU_HASH
/* Entries that processors keep back for themselves: else the map evicts before it is full. */
#define SPARE 4096

struct table create_table(size_t connections)
{
  return (struct table){
    .map = create_map("connections", TABLE, sizeof(struct tuple), sizeof(struct connection),
                      2 * connections + SPARE, 0),
  };
}

void write_table(const struct table *table, const struct tuple *keys,
                 const struct connection *values, size_t length)
{
  fill_map(table->map, keys, values, length);
}

void empty_table(const struct table *table)
{
  enum { LENGTH = 65536 };
  struct tuple *keys = reserve(LENGTH * sizeof *keys);
  struct connection *values = reserve(LENGTH * sizeof *values);
  u32 token = 0;
  int failure;

  /* Every call deletes what it returns, so each begins at the beginning; the last finds the end. */
  do {
    union bpf_attr attributes = {
      .batch = {
        .map_fd = table->map,
        .out_batch = (unsigned long)&token,
        .keys = (unsigned long)keys,
        .values = (unsigned long)values,
        .count = LENGTH,
      },
    };
    failure = bpf(BPF_MAP_LOOKUP_AND_DELETE_BATCH, &attributes);
  } while (!failure);
  if (errno != ENOENT)
    fail("emptying the connections: %s", strerror(errno));
  free(keys);
  free(values);
}
#endif
