/*
 * The hash table of what the control plane writes: groups of 15 slots with their tags side by side,
 * entries in an array of their own. Keys are an address in two words and a word behind it, and
 * every entry begins with its key.
 */
#ifndef SWISS_H
#define SWISS_H

#include "hash.h"
#include "memory.h"
#include "tags.h"

enum { GROUP_SLOTS = 15, GROUP_SIZE = 16 };

typedef struct {
  uint64_t high;
  uint64_t low;
} Address;

typedef struct {
  Address address;
  uint32_t rest;
} Key;

typedef struct {
  /* Tags, and behind 15 of them how many entries passed the group because it was full. */
  uint8_t *control;
  uint8_t *entries;
  uint32_t groups;
  uint32_t entry_size;
} Table;

static Table place_table(uint32_t capacity, uint32_t entry_size) {
  const uint64_t groups = ((uint64_t)capacity * 8 + 7 * GROUP_SLOTS - 1) / (7 * GROUP_SLOTS);
  const uint32_t count = groups == 0 ? 1 : (uint32_t)groups;
  return (Table){take((size_t)count * GROUP_SIZE), take((size_t)count * GROUP_SLOTS * entry_size),
                 count, entry_size};
}

INLINE uint32_t hash_key(const Key *key) {
  return hash_last(hash_word(hash_word(hash_key0, key->address.high), key->address.low), key->rest);
}

INLINE const void *find_entry(const Table *table, const Key *key, uint32_t entry_size) {
  const uint32_t hash = hash_key(key);
  uint32_t group = home_of(hash, table->groups);
  for (uint32_t probes = 0; probes < table->groups; probes++) {
    const uint8_t *control = table->control + (size_t)group * GROUP_SIZE;
    uint32_t bits = tags_equal(control, tag_of(hash)) & ((1u << GROUP_SLOTS) - 1);
    for (; bits != 0; bits &= bits - 1) {
      const uint32_t slot = group * GROUP_SLOTS + (uint32_t)__builtin_ctz(bits);
      const uint8_t *entry = table->entries + (size_t)slot * entry_size;
      const uint64_t difference = (load64(entry) ^ key->address.high) |
                                  (load64(entry + 8) ^ key->address.low) |
                                  (load32(entry + 16) ^ key->rest);
      if (difference == 0) return entry;
    }
    if (control[GROUP_SLOTS] == 0) return NULL;
    group = group + 1 == table->groups ? 0 : group + 1;
  }
  return NULL;
}

/* Puts in an entry whose key is not there yet; the table has been placed large enough. */
static void insert_entry(Table *table, const uint8_t *entry) {
  const Key key = {{load64(entry), load64(entry + 8)}, load32(entry + 16)};
  const uint32_t hash = hash_key(&key);
  uint32_t group = home_of(hash, table->groups);
  uint8_t *control = table->control + (size_t)group * GROUP_SIZE;
  uint32_t empty = tags_equal(control, 0) & ((1u << GROUP_SLOTS) - 1);
  while (empty == 0) {
    if (control[GROUP_SLOTS] < UINT8_MAX) control[GROUP_SLOTS]++;
    group = group + 1 == table->groups ? 0 : group + 1;
    control = table->control + (size_t)group * GROUP_SIZE;
    empty = tags_equal(control, 0) & ((1u << GROUP_SLOTS) - 1);
  }
  const uint32_t slot = (uint32_t)__builtin_ctz(empty);
  control[slot] = tag_of(hash);
  const size_t index = (size_t)group * GROUP_SLOTS + slot;
  memcpy(table->entries + index * table->entry_size, entry, table->entry_size);
}

#endif
