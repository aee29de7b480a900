/*
 * The row as bench/native/row.ts writes it to standard input: a header of words, then tables,
 * packets and the order they are visited in.
 */
#ifndef INPUT_H
#define INPUT_H

#include "service.h"

enum { MAGIC = 0x50445857, PACKS_MAX = 8 };

typedef enum { CONVERSATION, FORWARD, REPLIES, NEW, MIXED } Kind;

typedef struct {
  uint32_t magic;
  uint32_t family;
  uint32_t kind;
  uint32_t batch;
  /* Slots for frames, and bytes of every frame. */
  uint32_t arena;
  uint32_t size;
  uint32_t payload;
  /* Connections there is room for. */
  uint32_t connections;
  uint32_t seed;
  uint32_t windows;
  uint32_t checksum;
  uint32_t max_retrans;
  Slice pods;
  uint32_t timeouts[TIMER_LENGTH];
  /* Entries of the tables. */
  uint32_t services;
  uint32_t own_addresses;
  uint32_t backends;
  uint32_t rings;
  uint32_t slots;
  uint32_t ranges;
  /* Frames of the packs, and visits. */
  uint32_t opening_packs;
  uint32_t opening[PACKS_MAX];
  uint32_t forward;
  uint32_t reply;
  uint32_t order;
  uint32_t flows;
} Header;

/* Everything that packets are made from. */
static struct {
  Header header;
  uint8_t *opening[PACKS_MAX];
  uint8_t *forward;
  uint8_t *reply;
  uint32_t *order;
  uint32_t *turns;
  uint32_t *visits;
} input;

static void read_into(void *at, size_t bytes) {
  if (bytes != 0 && fread(at, 1, bytes, stdin) != bytes) fail("the row ends early");
}

static void *read_array(uint32_t count, size_t size) {
  void *at = take(count * size);
  read_into(at, count * size);
  return at;
}

static Table read_table(uint32_t count, uint32_t entry_size) {
  Table table = place_table(count, entry_size);
  uint8_t entry[LINE];
  for (uint32_t i = 0; i < count; i++) {
    read_into(entry, entry_size);
    insert_entry(&table, entry);
  }
  return table;
}

static void read_config(const Header *header) {
  config.pods = header->pods;
  config.checksum = header->checksum;
  config.windows = header->windows;
  config.max_retrans = header->max_retrans;
  memcpy(config.timeouts, header->timeouts, sizeof config.timeouts);
}

static void read_services(const Header *header) {
  services = read_table(header->services, sizeof(Service));
  own_addresses = read_table(header->own_addresses, OWN_ADDRESS_SIZE);
  backends = read_array(header->backends, sizeof(Backend));
  backend_count = header->backends;
  rings = read_array(header->rings, sizeof(Ring));
  slots = read_array(header->slots, sizeof(uint32_t));
  ranges = read_array(header->ranges, sizeof(Range));
}

static void read_packets(const Header *header) {
  for (uint32_t i = 0; i < header->opening_packs; i++) {
    input.opening[i] = read_array(header->opening[i], header->size);
  }
  input.forward = read_array(header->forward, header->size);
  input.reply = read_array(header->reply, header->size);
  input.order = read_array(header->order, sizeof(uint32_t));
  input.turns = read_array(header->order, sizeof(uint32_t));
  input.visits = read_array(header->flows, sizeof(uint32_t));
}

static void read_input(void) {
  Header *header = &input.header;
  read_into(header, sizeof *header);
  if (header->magic != MAGIC) fail("what comes in is no row");
  if (header->opening_packs > PACKS_MAX) fail("too many packs open the connections");
  if (header->order == 0 || header->batch == 0 || header->arena < header->batch) {
    fail("the row has no packets");
  }
  seed_hash(header->seed);
  read_config(header);
  read_services(header);
  read_packets(header);
}

/* Gives the packs that open connections back to the system, where they are played only once. */
static void release_opening(void) {
  for (uint32_t i = 0; i < input.header.opening_packs; i++) {
    const size_t bytes = (size_t)input.header.opening[i] * input.header.size;
    munmap(input.opening[i], bytes == 0 ? 1 : bytes);
    input.opening[i] = NULL;
  }
}

#endif
