/* Memory: taken once, zeroed, from the system; tables begin on a page. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "words.h"

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

/* Asked for by --huge, for the curious: WebAssembly memory has none. */
static bool huge_pages;

__attribute__((noreturn, cold)) static void fail(const char *what) {
  printf("error %s\n", what);
  fflush(stdout);
  exit(1);
}

static void *take(size_t size) {
  if (size == 0) size = 1;
  void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail("out of memory");
#ifdef MADV_HUGEPAGE
  if (huge_pages) madvise(at, size, MADV_HUGEPAGE);
#endif
  return at;
}

#endif
