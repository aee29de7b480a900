/*
 * Sends datagrams into a veth, beyond which they are translated, forwarded and dropped on the same
 * processor, so that this process's CPU time is that of the whole road.
 *
 *   sender DEVICE PEER     PEER: the router's hardware address. Prints "ready", then answers lines:
 *   send FIRST FLOWS PACKETS ADDRESS     nanoseconds it took; packet n is of flow FIRST + n % FLOWS
 *   quit
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
/* The shortest frame of Ethernet, less its checksum. */
#define FRAME_SIZE 60
#define IP_LENGTH (FRAME_SIZE - 14)
#define UDP_LENGTH (IP_LENGTH - 20)
#define PORT 80
/* Flows of a client before the next address begins. */
#define PORTS 32768
/* 10.1.0.0 */
#define CLIENTS 0x0a010000u
#define PACKETS_MAX 10000000ul

static _Noreturn void fail(const char *what)
{
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

/* Where the sender runs, all of the road has to. */
static int pin(void)
{
  cpu_set_t set;
  int cpu = sched_getcpu();

  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (cpu < 0 || sched_setaffinity(0, sizeof set, &set))
    fail("pinning");
  return cpu;
}

static int open_device(const char *name)
{
  int device = socket(AF_PACKET, SOCK_RAW, 0), on = 1;
  struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(name) };

  if (device < 0 || address.sll_ifindex == 0 || bind(device, (void *)&address, sizeof address))
    fail(name);
  /* Straight to the driver: queueing is no part of what is measured. */
  if (setsockopt(device, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on))
    fail("PACKET_QDISC_BYPASS");
  return device;
}

/* The kernel thread that does what softirqs leave over, or 0 where it cannot be seen. */
static int find_ksoftirqd(int cpu)
{
  DIR *processes = opendir("/proc");
  char wanted[32], path[300], name[32];
  int found = 0;

  snprintf(wanted, sizeof wanted, "ksoftirqd/%d\n", cpu);
  for (struct dirent *each; processes && !found && (each = readdir(processes));) {
    snprintf(path, sizeof path, "/proc/%s/comm", each->d_name);
    FILE *file = atoi(each->d_name) > 0 ? fopen(path, "r") : NULL;
    if (file && fgets(name, sizeof name, file) && !strcmp(name, wanted))
      found = atoi(each->d_name);
    if (file)
      fclose(file);
  }
  if (processes)
    closedir(processes);
  return found;
}

/* CPU time of this process and of that thread, in nanoseconds. */
static uint64_t spent(int ksoftirqd)
{
  struct timespec own;
  unsigned long long other = 0;
  char path[64];

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
  snprintf(path, sizeof path, "/proc/%d/schedstat", ksoftirqd);
  FILE *file = ksoftirqd ? fopen(path, "r") : NULL;
  if (file) {
    if (fscanf(file, "%llu", &other) != 1)
      other = 0;
    fclose(file);
  }
  return own.tv_sec * 1000000000ull + own.tv_nsec + other;
}

static void put16(uint8_t *at, unsigned value)
{
  at[0] = value >> 8;
  at[1] = value;
}

static void put32(uint8_t *at, uint32_t value)
{
  put16(at, value >> 16);
  put16(at + 2, value);
}

/* RFC 1071. */
static unsigned checksum(const uint8_t *at, size_t size, uint32_t sum)
{
  for (size_t i = 0; i < size; i += 2)
    sum += at[i] << 8 | at[i + 1];
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

static void write_frame(uint8_t *frame, const uint8_t *peer, uint32_t flow, uint32_t daddr)
{
  uint8_t *ip = frame + 14, *udp = ip + 20;
  unsigned check;

  memset(frame, 0, FRAME_SIZE);
  memcpy(frame, peer, 6);
  put16(frame + 12, ETH_P_IP);
  ip[0] = 0x45;
  put16(ip + 2, IP_LENGTH);
  ip[8] = 64;
  ip[9] = IPPROTO_UDP;
  put32(ip + 12, CLIENTS + flow / PORTS);
  put32(ip + 16, daddr);
  put16(ip + 10, checksum(ip, 20, 0));
  put16(udp, 1024 + flow % PORTS);
  put16(udp + 2, PORT);
  put16(udp + 4, UDP_LENGTH);
  check = checksum(ip + 12, 8 + UDP_LENGTH, IPPROTO_UDP + UDP_LENGTH);
  put16(udp + 6, check ? check : 0xffff);
}

static void send_frames(int device, uint8_t (*frames)[FRAME_SIZE], unsigned length)
{
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH] = {};

  for (unsigned i = 0; i < length; i++) {
    parts[i] = (struct iovec){ frames[i], FRAME_SIZE };
    messages[i].msg_hdr.msg_iov = parts + i;
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  for (unsigned sent = 0; sent < length;) {
    int more = sendmmsg(device, messages + sent, length - sent, 0);
    if (more <= 0 && errno != EINTR && errno != ENOBUFS)
      fail("sendmmsg");
    sent += more > 0 ? more : 0;
  }
}

struct order {
  uint32_t first;
  uint32_t flows;
  unsigned long packets;
  uint32_t daddr;
};

static void carry_out(int device, const uint8_t *peer, const struct order *order)
{
  uint8_t frames[BATCH][FRAME_SIZE];

  for (unsigned long n = 0; n < order->packets;) {
    unsigned length = 0;
    for (; length < BATCH && n < order->packets; length++, n++)
      write_frame(frames[length], peer, order->first + n % order->flows, order->daddr);
    send_frames(device, frames, length);
  }
}

static struct order read_order(const char *line)
{
  struct order order;
  char text[16];
  struct in_addr daddr;

  errno = EINVAL;
  if (sscanf(line, "send %u %u %lu %15s", &order.first, &order.flows, &order.packets, text) != 4 ||
      order.flows == 0 || order.packets > PACKETS_MAX || inet_pton(AF_INET, text, &daddr) != 1)
    fail(line);
  order.daddr = ntohl(daddr.s_addr);
  return order;
}

static int read_address(const char *text, uint8_t *bytes)
{
  return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", bytes, bytes + 1, bytes + 2, bytes + 3,
                bytes + 4, bytes + 5) == 6;
}

int main(int count, char **arguments)
{
  uint8_t peer[6];
  char line[128];

  if (count != 3 || !read_address(arguments[2], peer)) {
    fputs("sender DEVICE PEER\n", stderr);
    return 2;
  }
  int ksoftirqd = find_ksoftirqd(pin());
  int device = open_device(arguments[1]);
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) && strcmp(line, "quit\n")) {
    struct order order = read_order(line);
    uint64_t before = spent(ksoftirqd);
    carry_out(device, peer, &order);
    printf("%llu\n", (unsigned long long)(spent(ksoftirqd) - before));
    fflush(stdout);
  }
  return 0;
}
