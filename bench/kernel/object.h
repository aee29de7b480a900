/* Programs of an object file, one a section, with the maps put in that their relocations name. */
#pragma once

#include <stddef.h>

/* Something that programs know by name. */
struct symbol {
  const char *name;
  int map;
  /* The program holds the address of the first value, not the map. */
  int direct;
};

struct object {
  unsigned char *bytes;
  size_t size;
};

struct object read_object(const char *path);

/* Loads the program in the section `name` and returns its descriptor. */
int load_section(const struct object *object, const char *name, const struct symbol *symbols,
                 size_t length);
