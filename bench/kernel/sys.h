/* bpf(2) itself, so that no library has to be there. */
#pragma once

#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Ends with a sentence: whoever started this shows it. */
static inline __attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...)
{
  va_list arguments;

  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

static inline void *reserve(size_t size)
{
  void *memory = calloc(1, size ? size : 1);

  if (!memory)
    fail("no memory for %zu bytes", size);
  return memory;
}

static inline int bpf(int command, union bpf_attr *attributes)
{
  return syscall(__NR_bpf, command, attributes, sizeof *attributes);
}

static inline int create_map(const char *name, int type, size_t key, size_t value, size_t length,
                             int flags)
{
  union bpf_attr attributes = {
    .map_type = type,
    .key_size = key,
    .value_size = value,
    .max_entries = length ? length : 1,
    .map_flags = flags,
  };
  int map;

  snprintf(attributes.map_name, sizeof attributes.map_name, "%s", name);
  map = bpf(BPF_MAP_CREATE, &attributes);
  if (map < 0)
    fail("BPF map %s: %s", name, strerror(errno));
  return map;
}

static inline int create_hash(const char *name, size_t key, size_t value, size_t length)
{
  return create_map(name, BPF_MAP_TYPE_HASH, key, value, length, 0);
}

/* One that can be mapped into memory. */
static inline int create_array(const char *name, size_t value, size_t length)
{
  return create_map(name, BPF_MAP_TYPE_ARRAY, sizeof(unsigned), value, length, BPF_F_MMAPABLE);
}

/* Writes entries whose keys and values stand one after the other. */
static inline void fill_map(int map, const void *keys, const void *values, size_t length)
{
  union bpf_attr attributes = {
    .batch = {
      .map_fd = map,
      .keys = (unsigned long)keys,
      .values = (unsigned long)values,
      .count = length,
    },
  };

  if (length && bpf(BPF_MAP_UPDATE_BATCH, &attributes))
    fail("a BPF map takes %u of %zu entries: %s", attributes.batch.count, length,
         strerror(errno));
}

static inline int load_program(const char *name, const struct bpf_insn *instructions, size_t length)
{
  static char log[1 << 20];
  union bpf_attr attributes = {
    .prog_type = BPF_PROG_TYPE_XDP,
    .insns = (unsigned long)instructions,
    .insn_cnt = length,
    .license = (unsigned long)"MIT",
  };
  int program = bpf(BPF_PROG_LOAD, &attributes);
  int refusal = errno;

  if (program >= 0)
    return program;
  attributes.log_buf = (unsigned long)log;
  attributes.log_size = sizeof log;
  attributes.log_level = 1;
  bpf(BPF_PROG_LOAD, &attributes);
  size_t end = strlen(log);
  fail("BPF program %s: %s\n%s", name, strerror(refusal), log + (end > 2000 ? end - 2000 : 0));
}
