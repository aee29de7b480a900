/* The packets of the row, one after another, put into the slots of the arena: never timed. */
#ifndef FEED_H
#define FEED_H

#include <time.h>

#include "input.h"
#include "modes.h"

/* Bytes kept free in front of a frame, as the engine does for its rejects. */
enum { HEADROOM = 64 };
/* Milliseconds between two packs that open connections: UDP flows that last are streams. */
enum { OPENING_STEP = 3000 };

static struct {
  Descriptor *descriptors;
  /* Bytes from slot to slot, an odd number of lines as in the engine. */
  uint32_t stride;
  uint32_t index;
  uint32_t pass;
  Mode mode;
  /* Milliseconds of the clock of packets when the row began, and the real time then. */
  uint32_t base;
  uint64_t started;
} feed;

static uint64_t nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void place_arena(const Header *header) {
  const uint32_t lines = (HEADROOM + header->size + LINE - 1) / LINE | 1;
  feed.stride = lines * LINE;
  feed.descriptors = take((size_t)header->arena * sizeof(Descriptor));
  frames = (uint8_t *)take((size_t)header->arena * feed.stride) + HEADROOM;
}

static Descriptor *commit(uint32_t slot) {
  const uint32_t size = input.header.size;
  Descriptor *descriptor = &feed.descriptors[slot];
  *descriptor = (Descriptor){.data = slot * feed.stride, .length = size, .wire_length = size};
  return descriptor;
}

static uint64_t grow(uint8_t *at, uint32_t bytes) {
  const uint32_t before = load32(at);
  const uint32_t after = swap32(swap32(before) + bytes);
  store32(at, after);
  return change32(before, after);
}

/* A segment of later in the conversation: RFC 1624 keeps its checksum right. */
static void advance(uint8_t *l4, uint32_t bytes) {
  uint64_t changes = (uint16_t)~load16(l4 + TCP_CHECK);
  changes += grow(l4 + TCP_SEQUENCE, bytes);
  changes += grow(l4 + TCP_ACKNOWLEDGMENT, bytes);
  store16(l4 + TCP_CHECK, ~fold(changes));
}

static void write_next(uint32_t slot) {
  const Header *header = &input.header;
  const bool is_both = header->kind == CONVERSATION || header->kind == MIXED;
  const uint32_t flow = input.order[feed.index];
  const uint32_t turn = input.turns[feed.index] + feed.pass * input.visits[flow];
  const bool is_reply = header->kind == REPLIES || (is_both && turn & 1);
  const uint8_t *pack = is_reply ? input.reply : input.forward;
  uint8_t *frame = frames + commit(slot)->data;
  memcpy(frame, pack + (size_t)flow * header->size, header->size);
  uint8_t *l3 = frame + ETHERNET_SIZE;
  const bool is4 = header->family == FAMILY_IPV4;
  const uint32_t bytes = turn / 2 * header->payload;
  if (is_both && bytes != 0 && l3[is4 ? IPV4_PROTO : IPV6_NEXT] == PROTO_TCP) {
    advance(l3 + (is4 ? IPV4_SIZE : IPV6_SIZE), bytes);
  }
  feed.index++;
}

/* Every packet must have been translated; a benchmark of packets that are refused is none. */
static void verify(uint32_t length) {
  for (uint32_t i = 0; i < length; i++) {
    if (feed.descriptors[i].outcome == REFUSED) fail("a packet was not translated");
  }
}

static void play(const uint8_t *pack, uint32_t count, uint32_t time) {
  const Header *header = &input.header;
  for (uint32_t from = 0; from < count; from += header->arena) {
    const uint32_t length = min32(header->arena, count - from);
    for (uint32_t i = 0; i < length; i++) {
      const uint8_t *frame = pack + (size_t)(from + i) * header->size;
      memcpy(frames + commit(i)->data, frame, header->size);
    }
    process(feed.descriptors, length, time, feed.mode, header->family);
    verify(length);
  }
}

/* Opens the connections; a row that comes back to them draws the same backends again. */
static void open_all(void) {
  const Header *header = &input.header;
  const uint32_t packs = header->opening_packs;
  if (packs != 0) seed_random(header->seed);
  feed.base = now;
  for (uint32_t i = 0; i < packs; i++) {
    play(input.opening[i], header->opening[i], feed.base + OPENING_STEP * i);
  }
  feed.base += OPENING_STEP * packs;
  feed.started = nanoseconds();
}

static void start_feed(Mode mode) {
  const Header *header = &input.header;
  feed.mode = mode;
  seed_random(header->seed);
  place_arena(header);
  place_connections(header->connections, header->family);
  traffic = take((size_t)header->backends * sizeof(Traffic));
  open_all();
  if (header->kind != MIXED) release_opening();
}

static void restart(void) {
  forget_all(input.header.family);
  for (uint32_t i = 0; i < backend_count; i++) backends[i].connections = 0;
  feed.index = 0;
  open_all();
}

/* Goes on behind the end of the order: round again, or from the beginning with empty tables. */
static void wrap(void) {
  if (feed.index < input.header.order) return;
  if (input.header.kind == NEW || input.header.kind == MIXED) {
    restart();
    return;
  }
  feed.index = 0;
  feed.pass++;
}

/* Puts up to `most` packets into the arena, none from behind the end of the order. */
static uint32_t fill(uint32_t most) {
  wrap();
  const uint32_t rest = input.header.order - feed.index;
  const uint32_t length = min32(min32(most, input.header.arena), rest);
  for (uint32_t i = 0; i < length; i++) write_next(i);
  return length;
}

/* Takes the packets in the arena through, in calls of one batch each; returns the nanoseconds. */
static uint64_t run(uint32_t length) {
  const uint64_t from = nanoseconds();
  const uint32_t time = feed.base + (uint32_t)((from - feed.started) / 1000000);
  for (uint32_t done = 0; done < length; done += input.header.batch) {
    const uint32_t packets = min32(input.header.batch, length - done);
    process(feed.descriptors + done, packets, time, feed.mode, input.header.family);
  }
  const uint64_t took = nanoseconds() - from;
  verify(length);
  return took;
}

#endif
