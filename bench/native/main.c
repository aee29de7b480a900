/*
 * The packet path of waxdp in C: the same algorithm over the same cache lines, for `waxdp bench` to
 * compare with. It reads a row from standard input, opens its connections, says "ready", and then
 * answers commands, a line each:
 *
 *   check      the next batch after translation: "packets COUNT SIZE", then the bytes
 *   time N     nanoseconds per packet of the next N batches: "times T ...", one for each arena full
 *   report     counters: "report CREATED EXPIRED OPENED ESTABLISHED REPLIES BYTES", then sums over
 *              backends: connections, packets and bytes to them, packets and bytes from them
 *   quit
 *
 * It ends when standard input does, after a quarter of an hour without a command, and on the first
 * packet that it does not translate: "error REASON".
 *
 * All of it is one translation unit, so that the packet path becomes one function. In the order of
 * a packet: parse.h, steady.h for what most are, follow.h and open.h for the others, modes.h for
 * how they go through; record.h and swiss.h are the tables, feed.h and input.h what is sent.
 *
 * Left out, each of which the engine looks for and this program does not, so that comparing is to
 * the advantage of C: ICMP and what it is related to, fragments, SCTP, VLAN tags and other link
 * types, IP options and extension headers, captures cut short, devices behind which all sources are
 * pods, session affinity, Maglev, rejects and drops by reason, nodePorts dialled by address, direct
 * connections to endpoints, FIN and RST and everything after them, selective acknowledgements,
 * mid-stream pickup, eviction when tables are full. A packet that needs any of it is an error.
 */
#define _GNU_SOURCE

#include <unistd.h>

#include "feed.h"

enum { PATIENCE = 900 };

static void answer_check(void) {
  const uint32_t length = fill(input.header.batch);
  run(length);
  printf("packets %u %u\n", length, input.header.size);
  for (uint32_t i = 0; i < length; i++) {
    fwrite(frames + feed.descriptors[i].data, 1, input.header.size, stdout);
  }
}

static void answer_time(uint64_t batches) {
  uint64_t packets = batches * input.header.batch;
  printf("times");
  while (packets != 0) {
    const uint32_t length = fill((uint32_t)(packets < UINT32_MAX ? packets : UINT32_MAX));
    printf(" %.3f", (double)run(length) / length);
    packets -= length;
  }
  printf("\n");
}

static void answer_report(void) {
  const uint64_t *conntrack = counters.outcomes[3];
  uint64_t sums[5] = {0};
  for (uint32_t i = 0; i < backend_count; i++) {
    sums[0] += traffic[i].connections;
    for (uint32_t way = 0; way < 2; way++) {
      sums[1 + 2 * way] += traffic[i].ways[way].packets;
      sums[2 + 2 * way] += traffic[i].ways[way].bytes;
    }
  }
  const uint64_t numbers[] = {counters.created,
                              counters.expired,
                              conntrack[OPENED >> 24],
                              conntrack[ESTABLISHED >> 24],
                              conntrack[REPLY >> 24],
                              counters.bytes};
  printf("report");
  for (uint32_t i = 0; i < 6; i++) printf(" %llu", (unsigned long long)numbers[i]);
  for (uint32_t i = 0; i < 5; i++) printf(" %llu", (unsigned long long)sums[i]);
  printf("\n");
}

static bool answer(const char *line) {
  if (strncmp(line, "time ", 5) == 0) answer_time(strtoull(line + 5, NULL, 10));
  else if (strcmp(line, "check\n") == 0) answer_check();
  else if (strcmp(line, "report\n") == 0) answer_report();
  else if (strcmp(line, "quit\n") == 0) return false;
  else fail("there is no such command");
  fflush(stdout);
  return true;
}

static Mode mode_of(const char *name) {
  if (strcmp(name, "scalar") == 0) return SCALAR;
  if (strcmp(name, "staged") == 0) return STAGED;
  if (strcmp(name, "prefetch") == 0) return PREFETCH;
  fail("the mode is scalar, staged or prefetch");
}

int main(int count, char **words) {
  if (count < 2) fail("usage: native scalar|staged|prefetch [--huge]");
  huge_pages = count > 2 && strcmp(words[2], "--huge") == 0;
  alarm(PATIENCE);
  const Mode mode = mode_of(words[1]);
  read_input();
  start_feed(mode);
  printf("ready\n");
  fflush(stdout);
  char line[64];
  for (;;) {
    alarm(PATIENCE);
    if (fgets(line, sizeof line, stdin) == NULL || !answer(line)) return 0;
  }
}
