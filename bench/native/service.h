/* What the control plane has written: services, their rings and backends, ranges of addresses. */
#ifndef SERVICE_H
#define SERVICE_H

#include "config.h"
#include "packet.h"
#include "swiss.h"

enum { ACTION_DNAT = 1, SCHEDULER_RANDOM = 0 };
enum { CLASS_POD = 0, CLASS_LOCAL = 1, CLASS_OTHER = 2 };
#define UNRESTRICTED UINT32_MAX

/* What happens to a new connection from one class of sources. */
typedef struct {
  uint8_t action;
  uint8_t ring;
  uint8_t masquerade;
  uint8_t reason;
} Route;

typedef struct {
  Address address;
  uint16_t port;
  uint8_t proto;
  uint8_t family;
  uint32_t number;
  uint8_t frontend;
  uint8_t spare0[3];
  uint32_t affinity;
  Slice sources;
  Route routes[3];
  uint8_t spare1[12];
} Service;
_Static_assert(sizeof(Service) == LINE, "a service is a line");

typedef struct {
  Address address;
  Address masquerade;
  uint16_t port;
  uint8_t proto;
  uint8_t family;
  uint32_t service;
  uint8_t rings;
  uint8_t method;
  uint16_t weight;
  uint32_t retired;
  uint32_t connections;
  uint8_t spare[12];
} Backend;
_Static_assert(sizeof(Backend) == LINE, "a backend is a line");

typedef struct {
  Slice slots;
  uint8_t scheduler;
  uint8_t spare[7];
} Ring;

typedef struct {
  Address first;
  Address last;
} Range;

/* By vip; by address, the node's own ones. */
static Table services;
static Table own_addresses;
/* By number, row 0 being none; two rings to a service port. */
static Backend *backends;
static Ring *rings;
static uint32_t *slots;
static Range *ranges;
static uint32_t backend_count;

enum { OWN_ADDRESS_SIZE = 32 };

/* Bytes 8 to 11 of ::ffff:0.0.0.0/96: IPv4 addresses as records hold them. */
#define MAPPED 0xffff0000u

INLINE Address mapped(uint32_t address) {
  return (Address){0, (uint64_t)address << 32 | MAPPED};
}

INLINE uint32_t unmapped(Address address) {
  return (uint32_t)(address.low >> 32);
}

INLINE Address source_of(const uint8_t *l3, uint32_t family) {
  if (family == FAMILY_IPV4) return mapped(load32(l3 + IPV4_SADDR));
  return (Address){load64(l3 + IPV6_SADDR), load64(l3 + IPV6_SADDR + 8)};
}

INLINE Address destination_of(const uint8_t *l3, uint32_t family) {
  if (family == FAMILY_IPV4) return mapped(load32(l3 + IPV4_SADDR + 4));
  return (Address){load64(l3 + IPV6_DADDR), load64(l3 + IPV6_DADDR + 8)};
}

/* The vip that a packet dials, as the key it is stored under. */
INLINE Key dialled(const Packet *packet, uint32_t family) {
  const uint32_t port = load16(l4_of(packet, family) + 2);
  return (Key){destination_of(packet->l3, family),
               port | (uint32_t)packet->proto << 16 | family << 24};
}

INLINE const Service *find_service(const Key *vip) {
  return find_entry(&services, vip, sizeof(Service));
}

/* The service port behind a nodePort: stored under the unspecified address. */
INLINE const Service *find_node_port(uint32_t family, uint32_t proto, uint32_t port) {
  const Key vip = {family == FAMILY_IPV4 ? mapped(0) : (Address){0, 0},
                   port | proto << 16 | family << 24};
  return find_service(&vip);
}

INLINE bool same_address(Address a, Address b) {
  return ((a.high ^ b.high) | (a.low ^ b.low)) == 0;
}

/* Order of addresses as numbers; both halves are in network order. */
INLINE bool precedes(Address a, Address b) {
  return a.high == b.high ? swap64(a.low) < swap64(b.low) : swap64(a.high) < swap64(b.high);
}

/* Whether one of a slice of intervals, which ascend, contains the address. */
INLINE bool contains(Slice slice, Address address) {
  uint32_t low = 0;
  uint32_t high = slice.length;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    const Range *range = &ranges[slice.base + middle];
    if (precedes(address, range->first)) high = middle;
    else if (precedes(range->last, address)) low = middle + 1;
    else return true;
  }
  return false;
}

INLINE bool is_own(Address address, uint32_t family) {
  if (family == FAMILY_IPV4 && (unmapped(address) & 0xff) == 127) return true;
  const Key key = {address, family};
  return find_entry(&own_addresses, &key, OWN_ADDRESS_SIZE) != NULL;
}

/* The class of a source that comes from a wire. */
INLINE uint32_t class_of(Address source, uint32_t family) {
  if (contains(config.pods, source)) return CLASS_POD;
  return is_own(source, family) ? CLASS_LOCAL : CLASS_OTHER;
}

/* Whether no packet from a wire may have that source: RFC 1812 section 5.3.7, RFC 4291 2. */
INLINE bool is_martian(Address source, uint32_t family) {
  if (family == FAMILY_IPV4) {
    const uint32_t first = unmapped(source) & 0xff;
    return first == 0 || first == 127 || first >= 224;
  }
  const uint32_t first = source.high & 0xff;
  const uint32_t second = source.high >> 8 & 0xff;
  if (first == 0xff || (first == 0xfe && (second & 0xc0) == 0x80)) return true;
  if (source.high != 0) return false;
  return source.low == 0 || source.low == 1ull << 56 || (source.low & UINT32_MAX) == MAPPED;
}

#endif
