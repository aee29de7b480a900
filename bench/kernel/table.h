/* Connections, seen from outside: written by the runner before the program looks them up. */
#pragma once

#include <stddef.h>

#include "nat.h"

struct table {
  int map;
  /* Of an array: its places, and their number less one. */
  struct place *places;
  u32 mask;
};

struct table create_table(size_t connections);
void write_table(const struct table *table, const struct tuple *keys,
                 const struct connection *values, size_t length);
void empty_table(const struct table *table);
