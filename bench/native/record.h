/*
 * Connections: a record each, found by the tuples of both directions through an index.
 *
 *  record, IPv4:   0         4        8         12     13     14     15     16
 *                  | lastseen| created| backend | flags| state| timer| proto|
 *                  16                  20                  24      32      48      64      128
 *                  | deltas: the opener| deltas: the other | spare | key 0 | key 1 | track |
 *  IPv6: keys of 40 bytes at 32 and 72, the track at 128, 192 bytes in all.
 *
 *  bucket, a line: 0                  12     13      16           64
 *                  | tags of 12 slots | over | spare | 12 refs    |
 *
 * A ref is where the record begins, with the direction in its lowest bit. A tag of 0 is an empty
 * slot; `over` counts the refs that passed the bucket because it was full, and sticks at 255.
 */
#ifndef RECORD_H
#define RECORD_H

#include "config.h"
#include "hash.h"
#include "memory.h"
#include "packet.h"
#include "tags.h"
#include "track.h"

enum { FLAG_MASQUERADE = 1, FLAG_SEEN_REPLY = 2, FLAG_ASSURED = 4 };
enum { ANSWERED = FLAG_SEEN_REPLY | FLAG_ASSURED };

typedef struct {
  uint16_t ip;
  uint16_t l4;
} Deltas;

typedef struct Record {
  /* While the record is free: the next free one. */
  uint32_t last_seen;
  uint32_t created;
  uint32_t backend;
  uint8_t flags;
  uint8_t state;
  uint8_t timer;
  /* 0 while the record is free. */
  uint8_t proto;
  Deltas deltas[2];
  uint64_t spare;
} Record;
_Static_assert(sizeof(Record) == 32, "keys begin at 32");

enum { BUCKET_SLOTS = 12, OVER_MAX = 255 };

typedef struct Bucket {
  uint8_t tags[BUCKET_SLOTS];
  uint8_t over;
  uint8_t spare[3];
  uint32_t refs[BUCKET_SLOTS];
} Bucket;
_Static_assert(sizeof(Bucket) == LINE, "a bucket is a line");

static struct {
  Bucket *buckets;
  /* Record 0 stands for none. */
  uint8_t *records;
  uint32_t bucket_count;
  uint32_t capacity;
  uint32_t length;
  /* First of the records given back, 0 for none. */
  uint32_t free;
  /* Where the records begin that were never taken. */
  uint32_t end;
} connections;

INLINE uint32_t record_size(uint32_t family) {
  return family == FAMILY_IPV4 ? 128 : 192;
}

INLINE uint32_t key_size(uint32_t family) {
  return family == FAMILY_IPV4 ? 16 : 40;
}

INLINE uint8_t *key_of(Record *record, uint32_t direction, uint32_t family) {
  return (uint8_t *)record + sizeof(Record) + direction * key_size(family);
}

INLINE Track *track_of(Record *record, uint32_t family) {
  return (Track *)((uint8_t *)record + (family == FAMILY_IPV4 ? 64 : 128));
}

INLINE Record *record_at(uint32_t ref) {
  return (Record *)(connections.records + (ref & ~1u));
}

INLINE uint32_t ref_of(const Record *record, uint32_t direction) {
  return (uint32_t)((const uint8_t *)record - connections.records) | direction;
}

static void place_connections(uint32_t capacity, uint32_t family) {
  const uint64_t buckets = ((uint64_t)capacity * 2 * 8 + 7 * BUCKET_SLOTS - 1) / (7 * BUCKET_SLOTS);
  const uint64_t bytes = ((uint64_t)capacity + 1) * record_size(family);
  if (bytes > UINT32_MAX) fail("a ref does not reach that many connections");
  connections.bucket_count = (uint32_t)buckets;
  connections.buckets = take(buckets * sizeof(Bucket));
  connections.records = take(bytes);
  connections.capacity = capacity;
  connections.end = record_size(family);
}

/* A bit for each slot that has the tag; the word of 16 bytes holds 12 of them. */
INLINE uint32_t tagged(const Bucket *bucket, uint8_t tag) {
  return tags_equal(bucket->tags, tag) & ((1u << BUCKET_SLOTS) - 1);
}

INLINE Bucket *home_bucket(uint32_t hash) {
  return connections.buckets + home_of(hash, connections.bucket_count);
}

INLINE Bucket *bucket_after(Bucket *bucket) {
  Bucket *next = bucket + 1;
  return next == connections.buckets + connections.bucket_count ? connections.buckets : next;
}

/* Whether two keys are the same: whole words both. */
INLINE bool same_key(const uint8_t *a, const uint8_t *b, uint32_t family) {
  uint64_t difference = 0;
  for (uint32_t at = 0; at < key_size(family); at += 8) {
    difference |= load64(a + at) ^ load64(b + at);
  }
  return difference == 0;
}

/* The ref of a key, 0 when there is none. */
static inline uint32_t find_ref(const uint8_t *key, uint32_t hash, uint32_t family) {
  Bucket *bucket = home_bucket(hash);
  for (uint32_t probes = 0; probes < connections.bucket_count; probes++) {
    for (uint32_t bits = tagged(bucket, tag_of(hash)); bits != 0; bits &= bits - 1) {
      const uint32_t ref = bucket->refs[__builtin_ctz(bits)];
      if (same_key(key_of(record_at(ref), ref & 1, family), key, family)) return ref;
    }
    if (bucket->over == 0) return 0;
    bucket = bucket_after(bucket);
  }
  return 0;
}

/* Takes a slot for a ref. There is one: the index has more slots than there may be refs. */
static inline void insert_ref(uint32_t ref, uint32_t hash) {
  Bucket *bucket = home_bucket(hash);
  uint32_t empty = tagged(bucket, 0);
  for (; UNLIKELY(empty == 0); empty = tagged(bucket, 0)) {
    if (bucket->over < OVER_MAX) bucket->over++;
    bucket = bucket_after(bucket);
  }
  const uint32_t slot = (uint32_t)__builtin_ctz(empty);
  bucket->tags[slot] = tag_of(hash);
  bucket->refs[slot] = ref;
}

static void remove_ref(uint32_t ref, uint32_t hash) {
  for (Bucket *bucket = home_bucket(hash);; bucket = bucket_after(bucket)) {
    for (uint32_t bits = tagged(bucket, tag_of(hash)); bits != 0; bits &= bits - 1) {
      const uint32_t slot = (uint32_t)__builtin_ctz(bits);
      if (bucket->refs[slot] != ref) continue;
      bucket->tags[slot] = 0;
      bucket->refs[slot] = 0;
      return;
    }
    if (bucket->over < OVER_MAX) bucket->over--;
  }
}

INLINE uint32_t hash_of(const uint8_t *key, uint32_t family) {
  if (family == FAMILY_IPV4) return hash4(load64(key), load64(key + 8));
  return hash6(key, load64(key + 32));
}

/* Takes a record; its first half line, keys and track are whatever they were. */
INLINE Record *take_record(uint32_t family) {
  connections.length++;
  if (connections.free != 0) {
    Record *record = record_at(connections.free);
    connections.free = record->last_seen;
    return record;
  }
  Record *record = record_at(connections.end);
  connections.end += record_size(family);
  return record;
}

static void forget(Record *record, uint32_t family) {
  for (uint32_t direction = 0; direction < 2; direction++) {
    remove_ref(ref_of(record, direction), hash_of(key_of(record, direction, family), family));
  }
  record->proto = 0;
  record->last_seen = connections.free;
  connections.free = ref_of(record, 0);
  connections.length--;
}

/* Empties the tables; which records come next is as if none had ever been taken. */
static void forget_all(uint32_t family) {
  memset(connections.buckets, 0, connections.bucket_count * sizeof(Bucket));
  for (uint32_t at = record_size(family); at < connections.end; at += record_size(family)) {
    record_at(at)->proto = 0;
  }
  connections.length = 0;
  connections.free = 0;
  connections.end = record_size(family);
}

#endif
