/* ELF as of the System V ABI; relocations as in the kernel's Documentation/bpf/llvm_reloc.rst. */
#include "object.h"

#include <elf.h>

#include "sys.h"

#define R_BPF_64_64 1

struct object read_object(const char *path)
{
  FILE *file = fopen(path, "rb");
  struct object object = {};

  if (!file || fseek(file, 0, SEEK_END))
    fail("%s: %s", path, strerror(errno));
  object.size = ftell(file);
  object.bytes = reserve(object.size);
  rewind(file);
  if (fread(object.bytes, 1, object.size, file) != object.size ||
      object.size < sizeof(Elf64_Ehdr) || memcmp(object.bytes, ELFMAG, SELFMAG))
    fail("%s is not an object file", path);
  fclose(file);
  return object;
}

static const Elf64_Shdr *section_at(const struct object *object, size_t index)
{
  const Elf64_Ehdr *header = (void *)object->bytes;

  if (index >= header->e_shnum || header->e_shoff + (index + 1) * sizeof(Elf64_Shdr) > object->size)
    fail("the object file is cut off");
  return (const Elf64_Shdr *)(object->bytes + header->e_shoff) + index;
}

static const char *name_of(const struct object *object, const Elf64_Shdr *section)
{
  const Elf64_Ehdr *header = (void *)object->bytes;
  const Elf64_Shdr *names = section_at(object, header->e_shstrndx);

  return (char *)object->bytes + names->sh_offset + section->sh_name;
}

static size_t index_of(const struct object *object, const char *name)
{
  const Elf64_Ehdr *header = (void *)object->bytes;

  for (size_t index = 1; index < header->e_shnum; index++)
    if (!strcmp(name_of(object, section_at(object, index)), name))
      return index;
  fail("the object file has no section %s", name);
}

static const struct symbol *find(const struct symbol *symbols, size_t length, const char *name)
{
  for (size_t i = 0; i < length; i++)
    if (!strcmp(symbols[i].name, name))
      return symbols + i;
  fail("the program wants %s, which nobody has", name);
}

/* The words of a 64-bit constant: of a map its descriptor, of a value also the offset behind it. */
static void put(struct bpf_insn *instruction, const struct symbol *symbol)
{
  instruction->src_reg = symbol->direct ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD;
  instruction[1].imm = symbol->direct ? instruction->imm : 0;
  instruction->imm = symbol->map;
}

static void relocate(const struct object *object, const Elf64_Shdr *relocations,
                     struct bpf_insn *instructions, const struct symbol *symbols, size_t length)
{
  const Elf64_Shdr *table = section_at(object, relocations->sh_link);
  const char *names = (char *)object->bytes + section_at(object, table->sh_link)->sh_offset;
  const Elf64_Sym *all = (void *)(object->bytes + table->sh_offset);
  const Elf64_Rel *each = (void *)(object->bytes + relocations->sh_offset);
  const Elf64_Rel *end = each + relocations->sh_size / sizeof *each;

  for (; each < end; each++) {
    const char *name = names + all[ELF64_R_SYM(each->r_info)].st_name;
    if (ELF64_R_TYPE(each->r_info) != R_BPF_64_64)
      fail("a relocation of %s is none of a map", name);
    put(instructions + each->r_offset / sizeof *instructions, find(symbols, length, name));
  }
}

int load_section(const struct object *object, const char *name, const struct symbol *symbols,
                 size_t length)
{
  const Elf64_Ehdr *header = (void *)object->bytes;
  size_t index = index_of(object, name);
  const Elf64_Shdr *section = section_at(object, index);
  struct bpf_insn *instructions = reserve(section->sh_size);

  memcpy(instructions, object->bytes + section->sh_offset, section->sh_size);
  for (size_t i = 1; i < header->e_shnum; i++) {
    const Elf64_Shdr *relocations = section_at(object, i);
    if (relocations->sh_type == SHT_REL && relocations->sh_info == index)
      relocate(object, relocations, instructions, symbols, length);
  }
  int program = load_program(name, instructions, section->sh_size / sizeof *instructions);
  free(instructions);
  return program;
}
