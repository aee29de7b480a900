/*
 * What the kernel takes for what programs do: an empty XDP program, and operations on maps, from outside by bpf(2)
 * and in a program.
 *
 *   programs ENTRIES    a line for each: "WHERE MAP OPERATION NANOSECONDS"
 *
 * A power of two of entries, visited in an order that no cache expects.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

#include "sys.h"

/* The 32-bit golden ratio. */
#define STEP 0x9e3779b1u
/* A program's instructions do not loop, so lookups stand in it one after the other. */
#define LOOKUPS 512
#define REPEAT 2000
#define EMPTY_REPEAT 1000000
#define FRAME 64
#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Keys begin with their address. */
struct flow {
  uint32_t saddr, daddr;
  uint16_t sport, dport;
  uint32_t proto;
};

struct network {
  uint32_t bits, address;
};

struct traffic {
  uint64_t packets, bytes;
};

union key {
  uint32_t index;
  struct flow flow;
  struct network network;
  uint32_t words[4];
};

struct kind {
  const char *name;
  int type;
  uint32_t key, value, flags;
};

static const struct kind KINDS[] = {
  { "array", BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(uint64_t), 0 },
  { "hash", BPF_MAP_TYPE_HASH, sizeof(struct flow), sizeof(struct traffic), 0 },
  { "lpm_trie", BPF_MAP_TYPE_LPM_TRIE, sizeof(struct network), sizeof(struct traffic),
    BPF_F_NO_PREALLOC },
};

/* Nanoseconds of this thread alone, however busy the machine is. */
static double now(void)
{
  struct timespec time;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

/* Key of an entry; lookups ask a trie for an address, all else for its prefix. */
static union key key_of(const struct kind *kind, uint32_t index, int command)
{
  uint32_t address = htonl(10u << 24 | index << 8);
  union key key = {};

  if (kind->type == BPF_MAP_TYPE_ARRAY)
    key.index = index;
  else if (kind->type == BPF_MAP_TYPE_HASH)
    key.flow = (struct flow){ .saddr = address, .sport = htons(index) };
  else if (command == BPF_MAP_LOOKUP_ELEM)
    key.network = (struct network){ 32, address | htonl(1) };
  else
    key.network = (struct network){ 24, address };
  return key;
}

static double operate(const struct kind *kind, int map, int command, uint32_t entries)
{
  struct traffic value = {};
  union key key;
  union bpf_attr attributes = {
    .map_fd = map,
    .key = (unsigned long)&key,
    .value = command == BPF_MAP_DELETE_ELEM ? 0 : (unsigned long)&value,
  };
  double start = now();

  for (uint32_t i = 0; i < entries; i++) {
    key = key_of(kind, (i * STEP) & (entries - 1), command);
    if (bpf(command, &attributes))
      fail("BPF map %s: %s", kind->name, strerror(errno));
  }
  return (now() - start) / entries;
}

static double repeat(const char *name, const struct bpf_insn *instructions, size_t length,
                     uint32_t times)
{
  unsigned char packet[FRAME] = {};
  union bpf_attr attributes = {
    .test = {
      .prog_fd = load_program(name, instructions, length),
      .data_in = (unsigned long)packet,
      .data_size_in = sizeof packet,
      .repeat = times,
    },
  };
  double start = now();

  if (bpf(BPF_PROG_TEST_RUN, &attributes))
    fail("BPF_PROG_TEST_RUN: %s", strerror(errno));
  double end = now();
  close(attributes.test.prog_fd);
  return (end - start) / times;
}

static double run_empty(void)
{
  const struct bpf_insn empty[] = {
    { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
    { .code = BPF_JMP | BPF_EXIT },
  };

  return repeat("empty", empty, LENGTH(empty), EMPTY_REPEAT);
}

/* Puts a key on the stack, looks it up, and reads the first word of the value. */
static struct bpf_insn *put_lookup(struct bpf_insn *at, const struct kind *kind, int map,
                                   union key key)
{
  for (size_t word = 0; word < kind->key / sizeof *key.words; word++)
    *at++ = (struct bpf_insn){ .code = BPF_ST | BPF_MEM | BPF_W,
                               .dst_reg = BPF_REG_10,
                               .off = -(int)sizeof key + (int)(word * sizeof *key.words),
                               .imm = key.words[word] };
  *at++ = (struct bpf_insn){ .code = BPF_LD | BPF_DW | BPF_IMM,
                             .dst_reg = BPF_REG_1,
                             .src_reg = BPF_PSEUDO_MAP_FD,
                             .imm = map };
  *at++ = (struct bpf_insn){};
  *at++ = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X,
                             .dst_reg = BPF_REG_2,
                             .src_reg = BPF_REG_10 };
  *at++ = (struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD | BPF_K,
                             .dst_reg = BPF_REG_2,
                             .imm = -(int)sizeof key };
  *at++ = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem };
  *at++ = (struct bpf_insn){ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .off = 1 };
  *at++ = (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_DW,
                             .dst_reg = BPF_REG_1,
                             .src_reg = BPF_REG_0 };
  return at;
}

static double look_up_inside(const struct kind *kind, int map, uint32_t entries, double empty)
{
  enum { INSTRUCTIONS = 12 };
  static struct bpf_insn program[LOOKUPS * INSTRUCTIONS + 2];
  struct bpf_insn *at = program;

  for (uint32_t i = 0; i < LOOKUPS; i++)
    at = put_lookup(at, kind, map, key_of(kind, (i * STEP) & (entries - 1), BPF_MAP_LOOKUP_ELEM));
  *at++ = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS };
  *at++ = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
  return (repeat(kind->name, program, at - program, REPEAT) - empty) / LOOKUPS;
}

static void print(const char *where, const struct kind *kind, const char *operation, double time)
{
  printf("%s %s %s %f\n", where, kind->name, operation, time);
}

static void measure(const struct kind *kind, uint32_t entries, double empty)
{
  int map = create_map(kind->name, kind->type, kind->key, kind->value, entries, kind->flags);

  operate(kind, map, BPF_MAP_UPDATE_ELEM, entries);
  print("program", kind, "lookup", look_up_inside(kind, map, entries, empty));
  print("outside", kind, "lookup", operate(kind, map, BPF_MAP_LOOKUP_ELEM, entries));
  print("outside", kind, "update", operate(kind, map, BPF_MAP_UPDATE_ELEM, entries));
  if (kind->type != BPF_MAP_TYPE_ARRAY) {
    print("outside", kind, "delete", operate(kind, map, BPF_MAP_DELETE_ELEM, entries));
    print("outside", kind, "insert", operate(kind, map, BPF_MAP_UPDATE_ELEM, entries));
  }
  close(map);
}

int main(int count, char **arguments)
{
  struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

  if (count != 2)
    fail("programs ENTRIES");
  /* Before Linux 5.11 maps were memory that a process has locked. */
  setrlimit(RLIMIT_MEMLOCK, &unlimited);
  run_empty();
  double empty = run_empty();
  printf("program xdp empty %f\n", empty);
  for (size_t i = 0; i < LENGTH(KINDS); i++)
    measure(KINDS + i, strtoul(arguments[1], NULL, 10), empty);
  return 0;
}
