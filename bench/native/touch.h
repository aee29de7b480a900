/* Asking for a line before it is needed: by a load, as WebAssembly has to, or by a prefetch. */
#ifndef TOUCH_H
#define TOUCH_H

#include "words.h"

typedef enum { SCALAR, STAGED, PREFETCH } Mode;

enum { GROUP_LENGTH = 64 };

/* Takes what the touching loops read, so that their loads are not idle. */
static volatile uint32_t sink;

/* What was read is to be folded into the sink. */
INLINE uint32_t touch(const void *at, Mode mode) {
  if (mode != PREFETCH) return load32(at);
  __builtin_prefetch(at, 1);
  return 0;
}

#endif
