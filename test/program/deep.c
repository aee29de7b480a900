/** A program in C with a large frame on its stack, which traps in the middle of it where a packet's mark says so. */
#define HELPER(name) __attribute__((import_module("waxdp"), import_name(#name))) extern
#define EXPORT(name) __attribute__((export_name(#name)))

typedef unsigned char u8;
typedef unsigned int u32;

struct context {
  u32 words[9];
  u32 mark;
};

enum { PROG_ARRAY = 3, DROP = 1, NEXT = -1, TAIL_CALL = -2 };
/** Marks: what a program does to the packet, or has another one do. */
enum { TRAP = 7, HAND_ON = 8, HAND_ON_AND_TRAP = 9 };
enum { FILLED = 0xaa, SCRIBBLED = 0x55 };

HELPER(map_create)
u32 map_create(const char *name, u32 name_length, u32 type, u32 key_size, u32 value_size, u32 max_entries, u32 flags,
               const char *key_type, u32 key_type_length, const char *value_type, u32 value_type_length);
HELPER(tail_call) int tail_call(struct context *context, u32 map, u32 index);

static u32 programs;
static volatile u8 filled[64];

__attribute__((constructor)) static void start(void) {
  programs = map_create("programs", 8, PROG_ARRAY, 4, 4, 1, 0, 0, 0, 0, 0);
  for (u32 i = 0; i < sizeof filled; i++) filled[i] = FILLED;
}

EXPORT(waxdp_abi_version) int version(void) { return 1; }

__attribute__((noinline)) static void scribble(volatile u8 *to, u32 length) {
  for (u32 i = 0; i < length; i++) to[i] = SCRIBBLED;
}

EXPORT(program) int program(struct context *context) {
  volatile u8 frame[256];
  scribble(frame, sizeof frame);
  const u32 mark = context->mark;
  if (mark == TRAP) __builtin_trap();
  if (mark == HAND_ON || mark == HAND_ON_AND_TRAP) {
    context->mark = mark == HAND_ON ? 0 : TRAP;
    if (tail_call(context, programs, 0)) return TAIL_CALL;
  }
  for (u32 i = 0; i < sizeof filled; i++)
    if (filled[i] != FILLED) return DROP;
  return NEXT;
}
