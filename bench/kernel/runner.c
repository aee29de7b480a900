/*
 * Runs the XDP program of one row through BPF_PROG_TEST_RUN: packets in memory, no device.
 *
 *   runner OBJECT     reads a row (work.h), prints "ready", then answers until its input ends:
 *   check             "COUNT SIZE SENT", then the samples as they are after translation
 *   tally             takes the whole order through once: "ABORTED DROP PASS TX OPENED"
 *   time PACKETS      "GROSS HARNESS ...": nanoseconds per packet with the program, and without
 *   quit
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "object.h"
#include "sys.h"
#include "table.h"
#include "work.h"

/* A run's result is one number; shorter ones let a disturbance be seen as such. */
#define CHUNK 65536
/* Kernel: include/uapi/linux/bpf.h, enum xdp_action. */
#define XDP_VERDICTS 4

struct runner {
  struct work work;
  struct table connections;
  struct cursor *cursor;
  int nat;
  int timed;
  int harness;
  int tally;
  u8 *packet;
};

static struct cursor *map_cursor(int map)
{
  void *memory = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);

  if (memory == MAP_FAILED)
    fail("BPF map cursor: %s", strerror(errno));
  return memory;
}

static void fill_services(const struct work *work, int services, int backends)
{
  u32 length = work->header.backends;
  u32 *indices = reserve(length * sizeof *indices);

  for (u32 i = 0; i < length; i++)
    indices[i] = i;
  fill_map(services, work->vips, work->services, work->header.services);
  fill_map(backends, indices, work->backends, length);
  free(indices);
}

/* The headers of all packets, in the order of their visits. */
static void fill_heads(const struct work *work, int map)
{
  size_t size = work->header.visits * sizeof(struct head);
  struct head *heads = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);

  if (heads == MAP_FAILED)
    fail("BPF map heads: %s", strerror(errno));
  for (u32 i = 0; i < work->header.visits; i++)
    memcpy(heads + i, work->frames + (size_t)work->visits[i] * work->header.size, HEAD_SIZE);
  munmap(heads, size);
}

/* Both entries of every connection that is open at the beginning. */
static void open_connections(const struct runner *runner)
{
  const struct work *work = &runner->work;
  size_t flows = work->header.flows;
  struct tuple *keys = reserve(2 * flows * sizeof *keys);
  struct connection *values = reserve(2 * flows * sizeof *values);

  for (size_t flow = 0; flow < flows; flow++) {
    struct tuple orig = tuple_of(work->frames + flow * work->header.size);
    struct tuple reply = tuple_of(work->frames + (work->header.forward + flow) * work->header.size);
    struct tuple sent, answer;
    reverse(&reply, &sent);
    reverse(&orig, &answer);
    keys[2 * flow] = orig;
    keys[2 * flow + 1] = reply;
    translation(&orig, &sent, values + 2 * flow);
    translation(&reply, &answer, values + 2 * flow + 1);
  }
  write_table(&runner->connections, keys, values, 2 * flows);
  free(keys);
  free(values);
}

static void restart(struct runner *runner)
{
  empty_table(&runner->connections);
  open_connections(runner);
  *runner->cursor = (struct cursor){
    .length = runner->work.header.visits,
    .mask = runner->connections.mask,
  };
}

static struct runner create_runner(const char *path)
{
  struct runner runner = { .work = read_work() };
  const struct work_header *header = &runner.work.header;
  struct object object = read_object(path);
  int services =
    create_hash("services", sizeof(struct vip), sizeof(struct service), header->services);
  int backends = create_array("backends", sizeof(struct backend), header->backends);
  int heads = create_array("heads", HEAD_SIZE, header->visits);
  int cursor = create_array("cursor", sizeof(struct cursor), 1);

  runner.connections = create_table(header->capacity);
  const struct symbol symbols[] = {
    { "services", services, 0 },
    { "backends", backends, 0 },
    { "heads", heads, 0 },
    { "connections", runner.connections.map, 0 },
    { "cursor", cursor, 1 },
  };
  enum { SYMBOLS = sizeof symbols / sizeof *symbols };

  fill_services(&runner.work, services, backends);
  fill_heads(&runner.work, heads);
  runner.cursor = map_cursor(cursor);
  runner.nat = load_section(&object, "nat", symbols, SYMBOLS);
  runner.timed = load_section(&object, "timed", symbols, SYMBOLS);
  runner.harness = load_section(&object, "harness", symbols, SYMBOLS);
  runner.tally = load_section(&object, "tally", symbols, SYMBOLS);
  runner.packet = reserve(header->size);
  free(object.bytes);
  restart(&runner);
  return runner;
}

/* Repeats a program: its last verdict and the time of one repeat; runner->packet is the outcome. */
static union bpf_attr run(const struct runner *runner, int program, const u8 *packet, u32 repeat)
{
  union bpf_attr attributes = {
    .test = {
      .prog_fd = program,
      .data_in = (unsigned long)packet,
      .data_size_in = runner->work.header.size,
      .data_out = (unsigned long)runner->packet,
      .data_size_out = runner->work.header.size,
      .repeat = repeat,
    },
  };

  if (bpf(BPF_PROG_TEST_RUN, &attributes))
    fail("BPF_PROG_TEST_RUN: %s", strerror(errno));
  return attributes;
}

static u32 repeat(const struct runner *runner, int program, u32 packets)
{
  return run(runner, program, runner->work.frames, packets).test.duration;
}

static void check(struct runner *runner)
{
  size_t size = runner->work.header.size;
  u32 count = runner->work.header.samples, sent = 0;
  u8 *packets = reserve(count * size);

  for (u32 i = 0; i < count; i++) {
    sent += run(runner, runner->nat, runner->work.samples + i * size, 1).test.retval == XDP_TX;
    memcpy(packets + i * size, runner->packet, size);
  }
  printf("%u %zu %u\n", count, size, sent);
  fwrite(packets, size, count, stdout);
  free(packets);
  restart(runner);
}

static void tally(struct runner *runner)
{
  restart(runner);
  repeat(runner, runner->tally, runner->work.header.visits);
  for (int verdict = 0; verdict < XDP_VERDICTS; verdict++)
    printf("%llu ", runner->cursor->verdicts[verdict]);
  printf("%llu\n", runner->cursor->opened);
  restart(runner);
}

/* Where the order ends for good, everything starts anew. */
static u32 next_chunk(struct runner *runner, u32 packets)
{
  u32 length = packets < CHUNK ? packets : CHUNK;
  u32 left = runner->work.header.visits - runner->cursor->next;

  if (!runner->work.header.finite)
    return length;
  return left < length ? left : length;
}

/* Of a finite order the cursor comes round to 0 exactly when a chunk has ended it. */
static void measure(struct runner *runner, u32 packets)
{
  for (u32 chunk; packets > 0; packets -= chunk) {
    u32 start = runner->cursor->next;
    chunk = next_chunk(runner, packets);
    u32 harness = repeat(runner, runner->harness, chunk);
    runner->cursor->next = start;
    u32 gross = repeat(runner, runner->timed, chunk);
    printf("%u %u ", gross, harness);
    if (runner->work.header.finite && runner->cursor->next == 0)
      restart(runner);
  }
  putchar('\n');
}

static void answer(struct runner *runner, const char *line)
{
  u32 packets;

  if (!strcmp(line, "check\n"))
    check(runner);
  else if (!strcmp(line, "tally\n"))
    tally(runner);
  else if (sscanf(line, "time %u", &packets) == 1)
    measure(runner, packets);
  else
    fail("what is %s", line);
}

int main(int count, char **arguments)
{
  struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
  char line[64];

  if (count != 2)
    fail("runner OBJECT < ROW");
  /* Before Linux 5.11 maps were memory that a process has locked. */
  setrlimit(RLIMIT_MEMLOCK, &unlimited);
  struct runner runner = create_runner(arguments[1]);
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) && strcmp(line, "quit\n")) {
    answer(&runner, line);
    fflush(stdout);
  }
  return 0;
}
