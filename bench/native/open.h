/* New connections: the service port that is dialled, a backend, a source port, the record. */
#ifndef OPEN_H
#define OPEN_H

#include "follow.h"
#include "service.h"

/* What opening a connection has found out and decided so far. */
typedef struct {
  const Service *service;
  const Backend *backend;
  uint32_t number;
  bool masquerade;
  Address source;
  /* Source after translation. */
  Address new_source;
  /* Tuple of the reply, and its hash. */
  uint8_t reply[40];
  uint32_t reply_hash;
} Opening;

/* Whether the packet may open a connection: a SYN and nothing else, or a datagram. */
INLINE bool may_open(const Packet *packet, uint32_t family) {
  if (packet->proto == PROTO_UDP) return true;
  return (l4_of(packet, family)[TCP_FLAGS] & TCP_COUNTED) == TCP_SYN;
}

/* Whether the source is let in. */
INLINE bool is_let_in(const Opening *opening) {
  const Service *service = opening->service;
  return service->sources.length == UNRESTRICTED || contains(service->sources, opening->source);
}

/* Draws a backend of the ring that the route names. */
INLINE bool choose_backend(Opening *opening, Route route, uint32_t family) {
  const Ring *ring = &rings[opening->service->number * 2 + route.ring];
  if (ring->slots.length == 0 || ring->scheduler != SCHEDULER_RANDOM) return false;
  opening->number = slots[ring->slots.base + random_below(ring->slots.length)];
  if (opening->number >= backend_count) return false;
  opening->backend = &backends[opening->number];
  return opening->backend->service != 0 && opening->backend->family == family;
}

/* Masquerades where the route says so, and a client that is its own backend. */
INLINE bool choose_source(Opening *opening, Route route, uint32_t family) {
  const Backend *backend = opening->backend;
  opening->masquerade = route.masquerade || same_address(backend->address, opening->source);
  opening->new_source = opening->masquerade ? backend->masquerade : opening->source;
  if (!opening->masquerade) return true;
  return !same_address(backend->masquerade, family == FAMILY_IPV4 ? mapped(0) : (Address){0, 0});
}

/* Forms the tuple of the reply, from the backend to the source after translation. */
INLINE void form_reply(Opening *opening, uint32_t port, uint32_t proto, uint32_t family) {
  const Backend *backend = opening->backend;
  const uint64_t tail = backend->port | port << 16 | (uint64_t)proto << 32;
  uint8_t *reply = opening->reply;
  if (family == FAMILY_IPV4) {
    store32(reply, unmapped(backend->address));
    store32(reply + 4, unmapped(opening->new_source));
  } else {
    memcpy(reply, &backend->address, 16);
    memcpy(reply + 16, &opening->new_source, 16);
  }
  store64(reply + key_size(family) - 8, tail);
  opening->reply_hash = hash_of(reply, family);
}

/* Ends a connection whose time is over. */
static void expire(Record *record, uint32_t family) {
  backends[record->backend].connections--;
  forget(record, family);
  counters.expired++;
}

/* Whether nobody has a tuple; a connection whose time is over gives it up. */
static inline bool is_unused(const uint8_t *key, uint32_t hash, uint32_t family) {
  const uint32_t ref = find_ref(key, hash, family);
  if (ref == 0) return true;
  if (is_fresh(record_at(ref))) return false;
  expire(record_at(ref), family);
  return true;
}

/* Tries a source port: its reply must neither be taken nor be the packet itself. */
INLINE bool is_free(Opening *opening, const Packet *packet, uint32_t port, uint32_t family) {
  form_reply(opening, port, packet->proto, family);
  if (has_key(packet, opening->reply, family)) return false;
  if (!is_unused(opening->reply, opening->reply_hash, family)) return false;
  return !opening->masquerade || find_node_port(family, packet->proto, port) == NULL;
}

/* Draws a port of the class of the client's own: nf_nat_l4proto_unique_tuple of the kernel. */
static bool draw_port(Opening *opening, const Packet *packet, uint32_t own, uint32_t family) {
  const uint32_t low = own < 512 ? 1 : own < 1024 ? 600 : 1024;
  const uint32_t high = own < 512 ? 511 : own < 1024 ? 1023 : 65535;
  const uint32_t size = high - low + 1;
  const uint32_t start = random_below(size);
  for (uint32_t i = 0; i < min32(size, 256); i++) {
    const uint32_t port = low + (start + i) % size;
    if (is_free(opening, packet, swap16(port), family)) return true;
  }
  return false;
}

/* The client's own port, or another one, so that replies are told apart. */
INLINE bool choose_port(Opening *opening, const Packet *packet, uint32_t family) {
  const uint32_t own = load16(l4_of(packet, family));
  if (is_free(opening, packet, own, family)) return true;
  return draw_port(opening, packet, swap16(own), family);
}

INLINE bool decide(Opening *opening, const Packet *packet, uint32_t family) {
  const Key vip = dialled(packet, family);
  opening->service = find_service(&vip);
  if (opening->service == NULL) return false;
  opening->source = source_of(packet->l3, family);
  if (is_martian(opening->source, family) || !may_open(packet, family)) return false;
  if (!is_let_in(opening)) return false;
  const Route route = opening->service->routes[class_of(opening->source, family)];
  if (route.action != ACTION_DNAT || !choose_backend(opening, route, family)) return false;
  return choose_source(opening, route, family) && choose_port(opening, packet, family);
}

/* Deltas of a direction: from its own key to the other one reversed. */
INLINE Deltas deltas_of(const uint8_t *key, const uint8_t *other, uint32_t family) {
  const uint32_t size = key_size(family);
  const uint32_t half = (size - 8) / 2;
  uint64_t addresses = 0;
  for (uint32_t at = 0; at < half; at += 4) {
    addresses += change32(load32(key + at), load32(other + half + at));
    addresses += change32(load32(key + half + at), load32(other + at));
  }
  const uint32_t ports = rotate32(load32(other + size - 8), 16);
  const uint64_t all = addresses + change32(load32(key + size - 8), ports);
  return (Deltas){family == FAMILY_IPV4 ? delta_of(addresses) : 0, delta_of(all)};
}

/* Begins a connection with its SYN; the receiver is taken to allow what the sender does. */
INLINE void begin_tcp(const Packet *packet, Record *record, uint32_t family) {
  Track *track = track_of(record, family);
  const uint8_t *l4 = l4_of(packet, family);
  memset(track, 0, sizeof *track);
  if (config.windows) {
    Segment segment = read_segment(l4, packet->length);
    segment.end++;
    const Options options = read_options(l4 + TCP_SIZE, segment.header - TCP_SIZE);
    begin_sender(track, 0, &segment, &options);
    track->windows[1].max_end = max32(segment.window, 1);
  }
  note_kind(track, 0, KIND_SYN);
  record->state = STATE_SYN_SENT;
  record->timer = (uint8_t)timer_of(track, STATE_SYN_SENT);
}

INLINE Record *create(const Packet *packet, const Opening *opening, uint32_t family) {
  Record *record = take_record(family);
  uint8_t *key = key_of(record, 0, family);
  uint8_t *reply = key_of(record, 1, family);
  form_key(packet, key, family);
  memcpy(reply, opening->reply, key_size(family));
  insert_ref(ref_of(record, 0), packet->hash);
  insert_ref(ref_of(record, 1), opening->reply_hash);
  record->last_seen = now;
  record->created = now;
  record->backend = opening->number;
  record->proto = packet->proto;
  record->flags = opening->masquerade ? FLAG_MASQUERADE : 0;
  record->deltas[0] = deltas_of(key, reply, family);
  record->deltas[1] = deltas_of(reply, key, family);
  record->state = record->timer = STATE_UDP;
  if (packet->proto == PROTO_TCP) begin_tcp(packet, record, family);
  counters.created++;
  return record;
}

/* Counts the connection with its backend and lets its packet through. */
INLINE uint32_t admit(const Packet *packet, Descriptor *descriptor, Record *record,
                      uint32_t family) {
  const uint32_t backend = record->backend;
  backends[backend].connections++;
  traffic[backend].connections++;
  count_traffic(backend, 0, descriptor->length);
  rewrite(packet, record, 0, packet->proto, family);
  report(descriptor, record, OPENED);
  return OPENED;
}

/* A packet without a connection. */
static uint32_t open_connection(const Packet *packet, Descriptor *descriptor, uint32_t family) {
  Opening opening;
  if (connections.length >= connections.capacity) return REFUSED;
  if (!decide(&opening, packet, family)) return REFUSED;
  return admit(packet, descriptor, create(packet, &opening, family), family);
}

/* The long way. */
INLINE uint32_t settle_any(const Packet *packet, Descriptor *descriptor, uint32_t family) {
  uint8_t key[40];
  form_key(packet, key, family);
  const uint32_t ref = find_ref(key, packet->hash, family);
  if (ref != 0 && is_fresh(record_at(ref))) return follow(packet, descriptor, ref, family);
  if (ref != 0) expire(record_at(ref), family);
  return open_connection(packet, descriptor, family);
}

#endif
