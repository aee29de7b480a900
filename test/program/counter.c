/** A program in C: counts packets by the last byte of what they carry, and drops what is listed. */
#define HELPER(name) __attribute__((import_module("waxdp"), import_name(#name))) extern
#define EXPORT(name) __attribute__((export_name(#name)))

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

struct context {
  u32 data;
  u32 length;
};

struct value {
  u64 packets;
  u64 bytes;
};

enum { HASH = 1, ARRAY = 2, DROP = 1, NEXT = -1 };

HELPER(map_create)
u32 map_create(const char *name, u32 name_length, u32 type, u32 key_size, u32 value_size, u32 max_entries, u32 flags,
               const char *key_type, u32 key_type_length, const char *value_type, u32 value_type_length);
HELPER(map_lookup) struct value *map_lookup(u32 map, const void *key);
HELPER(map_update) int map_update(u32 map, const void *key, const void *value, u32 flags);

static u32 counts;
static u32 runs[2] = {100, 200};

static int keep(u32 length) { return length & 1 ? NEXT : DROP; }
static int pass(u32 length) { return (void)length, NEXT; }
/** Functions as values, and data that has their places in it. */
static int (*const judges[])(u32 length) = {pass, keep};

__attribute__((constructor)) static void start(void) {
  counts = map_create("counts", 6, HASH, 4, sizeof(struct value), 16, 0, 0, 0, 0, 0);
}

EXPORT(waxdp_abi_version) int version(void) { return 1; }

EXPORT(program) int program(const struct context *context) {
  const u8 *data = (const u8 *)context->data;
  const u32 length = context->length;
  // On the stack, which is a part of the program's own memory.
  u32 key[3] = {data[length - 1], length, ++runs[length & 1]};
  struct value *value = map_lookup(counts, key);
  if (value) {
    value->packets++;
    value->bytes += length;
  } else {
    struct value first = {1, length};
    map_update(counts, key, &first, 0);
  }
  return judges[key[0] & 1](length);
}
