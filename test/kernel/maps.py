"""The kernel's maps, asked by bpf(2).

    maps.py

Speaks in lines of JSON. It answers each list of operations with a list of results: 0, a negated error number, or
what was found. Bytes are hexadecimal text.

    ["create", name, type, key size, value size, max entries, flags, name of inner map or null]
    ["update", name, key, value, flags]  value: bytes, {"map": name} or {"program": true}
    ["lookup", name, key]                bytes; for a map of maps or a prog_array whether something is there
    ["delete", name, key]
    ["next", name, key or null]          bytes
    ["dump", name]                       pairs of bytes, in order of their keys
    ["emit", name, record]               into a ring buffer, by a program
    ["consume", name, most]              records
    ["query", name, what]                what bpf_ringbuf_query says
    ["use", name, key, cpu]              bytes; the lookup of a program that runs on that CPU
    ["put", name, key, value, flags, cpu]
    ["drop", name, key]
"""

import ctypes
import errno
import json
import mmap
import os
import platform
import struct
import sys

NUMBERS = {"x86_64": 321, "aarch64": 280}
LIBC = ctypes.CDLL(None, use_errno=True)
# enum bpf_cmd of include/uapi/linux/bpf.h
MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_DELETE, MAP_NEXT, PROG_LOAD, PROG_RUN = 0, 1, 2, 3, 4, 5, 10
HASH, ARRAY, PROG_ARRAY, PERCPU_HASH, PERCPU_ARRAY = 1, 2, 3, 5, 6
ARRAY_OF_MAPS, HASH_OF_MAPS, RINGBUF = 12, 13, 27
REFERENCES = (PROG_ARRAY, ARRAY_OF_MAPS, HASH_OF_MAPS)
PROG_TYPE_XDP = 6
# Records that `emit` takes stand behind their length in a value of this size.
STAGE_SIZE = 32768
# Where a program finds its key and its value in the stage, behind the flags.
KEY_AT, VALUE_AT = 8, 1024
BUSY, DISCARD = 0x80000000, 0x40000000
PAGE = mmap.PAGESIZE


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, max(len(attributes), 120))
    result = LIBC.syscall(NUMBERS[platform.machine()], command, buffer, len(buffer))
    return result if result >= 0 else -ctypes.get_errno()


def possible_cpus():
    """As many values as a per-CPU map has: "0-3" or "0,2-5"."""
    with open("/sys/devices/system/cpu/possible") as file:
        ranges = [part.split("-") for part in file.read().strip().split(",")]
    return sum(int(ends[-1]) - int(ends[0]) + 1 for ends in ranges)


def instruction(code, destination=0, source=0, offset=0, immediate=0):
    return struct.pack("<BBhi", code, destination | source << 4, offset, immediate)


def load_map(register, descriptor):
    """BPF_LD_IMM64 with BPF_PSEUDO_MAP_FD."""
    return instruction(0x18, register, 1, 0, descriptor) + instruction(0)


def call(helper):
    return instruction(0x85, immediate=helper)


def exit_program():
    return instruction(0x95)


def load_program(code, kind=PROG_TYPE_XDP):
    log = ctypes.create_string_buffer(65536)
    license = ctypes.create_string_buffer(b"GPL")
    text = ctypes.create_string_buffer(code, len(code))
    attributes = struct.pack(
        "<IIQQIIQI",
        kind,
        len(code) // 8,
        ctypes.addressof(text),
        ctypes.addressof(license),
        1,
        len(log),
        ctypes.addressof(log),
        0,
    )
    descriptor = bpf(PROG_LOAD, attributes)
    if descriptor < 0:
        sys.exit(f"the program was refused: {os.strerror(-descriptor)}\n{log.value.decode()}")
    return descriptor


def run_program(descriptor):
    """What it returns, as the signed number it is."""
    frame = ctypes.create_string_buffer(64)
    attributes = struct.pack("<IIIIQQII", descriptor, 0, 64, 0, ctypes.addressof(frame), 0, 1, 0)
    buffer = ctypes.create_string_buffer(attributes, 120)
    if LIBC.syscall(NUMBERS[platform.machine()], PROG_RUN, buffer, len(buffer)) < 0:
        sys.exit(f"the program did not run: {os.strerror(ctypes.get_errno())}")
    return struct.unpack_from("<i", buffer.raw, 4)[0]


def find_stage(stage):
    """r6 = address of what the stage has for the program."""
    return (
        instruction(0x62, 10, 0, -4, 0)  # *(u32 *)(r10 - 4) = 0
        + load_map(1, stage)
        + instruction(0xBF, 2, 10)  # r2 = r10
        + instruction(0x07, 2, 0, 0, -4)  # r2 += -4
        + call(1)  # bpf_map_lookup_elem
        + instruction(0x55, 0, 0, 1, 0)  # if r0 != 0 goto +1
        + exit_program()
        + instruction(0xBF, 6, 0)  # r6 = r0
    )


def staged(register, offset):
    """Address of a place in the stage."""
    return instruction(0xBF, register, 6) + instruction(0x07, register, 0, 0, offset)


def using_program(stage, map, value_size):
    """bpf_map_lookup_elem, and a copy of the value; 1 when there is one."""
    copy = b"".join(
        instruction(0x71, 1, 0, at)  # r1 = *(u8 *)(r0 + at)
        + instruction(0x73, 6, 1, VALUE_AT + at)  # *(u8 *)(r6 + VALUE_AT + at) = r1
        for at in range(value_size)
    )
    return load_program(
        find_stage(stage)
        + staged(2, KEY_AT)
        + load_map(1, map)
        + call(1)
        + instruction(0x55, 0, 0, 2, 0)  # if r0 != 0 goto +2
        + instruction(0xB7, 0, 0, 0, 0)  # r0 = 0
        + exit_program()
        + copy
        + instruction(0xB7, 0, 0, 0, 1)  # r0 = 1
        + exit_program()
    )


def putting_program(stage, map):
    """bpf_map_update_elem with the flags that stand at the start of the stage."""
    return load_program(
        find_stage(stage)
        + staged(2, KEY_AT)
        + staged(3, VALUE_AT)
        + instruction(0x79, 4, 6, 0)  # r4 = *(u64 *)r6
        + load_map(1, map)
        + call(2)
        + exit_program()
    )


def dropping_program(stage, map):
    """bpf_map_delete_elem."""
    return load_program(
        find_stage(stage) + staged(2, KEY_AT) + load_map(1, map) + call(3) + exit_program()
    )


def emitting_program(stage, ring):
    """bpf_ringbuf_output of the record that stands in the stage."""
    return load_program(
        find_stage(stage)
        + instruction(0x61, 3, 6, 0)  # r3 = *(u32 *)r6
        + instruction(0x25, 3, 0, 6, STAGE_SIZE - 8)  # if r3 > STAGE_SIZE - 8 goto the end
        + staged(2, 8)
        + load_map(1, ring)
        + instruction(0xB7, 4, 0, 0, 0)  # r4 = 0
        + call(130)  # bpf_ringbuf_output
        + exit_program()
    )


def querying_program(ring, what):
    return load_program(
        load_map(1, ring) + instruction(0xB7, 2, 0, 0, what) + call(134) + exit_program()
    )


class Map:
    def __init__(self, kind, key_size, value_size, entries, flags, inner):
        self.kind, self.key_size, self.value_size = kind, key_size, value_size
        self.entries, self.inner = entries, inner
        inner_descriptor = inner.descriptor if inner else 0
        attributes = struct.pack(
            "<IIIIII", kind, key_size, value_size, entries, flags, inner_descriptor
        )
        self.descriptor = bpf(MAP_CREATE, attributes)
        self.stage, self.programs = None, {}

    def size(self):
        """Bytes of an entry's value, of all CPUs."""
        if self.kind not in (PERCPU_HASH, PERCPU_ARRAY):
            return self.value_size
        return (self.value_size + 7) // 8 * 8 * possible_cpus()

    def element(self, command, key, value=None, flags=0):
        key_buffer = ctypes.create_string_buffer(key, len(key)) if key is not None else None
        attributes = struct.pack(
            "<IIQQQ",
            self.descriptor,
            0,
            ctypes.addressof(key_buffer) if key_buffer else 0,
            ctypes.addressof(value) if value else 0,
            flags,
        )
        return bpf(command, attributes)

    def lookup(self, key):
        value = ctypes.create_string_buffer(max(self.size(), 1))
        error = self.element(MAP_LOOKUP, key, value)
        if error < 0:
            return error
        return "there" if self.kind in REFERENCES else value.raw[: self.size()].hex()

    def update(self, key, value, flags):
        return self.element(MAP_UPDATE, key, ctypes.create_string_buffer(value, len(value)), flags)

    def next(self, key):
        found = ctypes.create_string_buffer(max(self.key_size, 1))
        error = self.element(MAP_NEXT, key, found)
        return error if error < 0 else found.raw[: self.key_size].hex()

    def dump(self):
        pairs, key = [], self.next(None)
        while isinstance(key, str):
            value = self.lookup(bytes.fromhex(key))
            if isinstance(value, str):
                pairs.append([key, value])
            key = self.next(bytes.fromhex(key))
        return sorted(pairs)

    def run(self, kind, load, *content):
        """A program of that kind, which is loaded once, with that content in its stage."""
        if self.stage is None:
            self.stage = Map(ARRAY, 4, STAGE_SIZE, 1, 0, None)
        if kind not in self.programs:
            self.programs[kind] = load(self.stage.descriptor, self.descriptor)
        stage = bytearray(STAGE_SIZE)
        for at, value in content:
            stage[at : at + len(value)] = value
        self.stage.update(bytes(4), bytes(stage), 0)
        return run_program(self.programs[kind])

    def use(self, key):
        load = lambda stage, map: using_program(stage, map, self.value_size)
        if self.run("use", load, (KEY_AT, key)) == 0:
            return -errno.ENOENT
        at = 2 * VALUE_AT
        return self.stage.lookup(bytes(4))[at : at + 2 * self.value_size]

    def put(self, key, value, flags):
        content = ((0, struct.pack("<Q", flags)), (KEY_AT, key), (VALUE_AT, value))
        return self.run("put", putting_program, *content)

    def drop(self, key):
        return self.run("drop", dropping_program, (KEY_AT, key))

    def close(self):
        for descriptor in [self.descriptor, *self.programs.values()]:
            if descriptor >= 0:
                os.close(descriptor)
        if self.stage is not None:
            self.stage.close()


class Ring(Map):
    def __init__(self, *attributes):
        super().__init__(*attributes)
        if self.descriptor < 0:
            return
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        self.consumer = mmap.mmap(self.descriptor, PAGE, mmap.MAP_SHARED, protection)
        length = PAGE + 2 * self.entries
        self.producer = mmap.mmap(
            self.descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=PAGE
        )

    def emit(self, record):
        length = struct.pack("<I", len(record))
        return self.run("emit", emitting_program, (0, length), (8, record))

    def consume(self, most):
        records = []
        position = struct.unpack_from("<Q", self.consumer)[0]
        while len(records) < most and position < struct.unpack_from("<Q", self.producer)[0]:
            at = PAGE + position % self.entries
            word = struct.unpack_from("<I", self.producer, at)[0]
            if word & BUSY:
                break
            length = word & ~DISCARD
            if not word & DISCARD:
                records.append(self.producer[at + 8 : at + 8 + length].hex())
            position += (length + 15) // 8 * 8
            struct.pack_into("<Q", self.consumer, 0, position)
        return records

    def query(self, what):
        program = querying_program(self.descriptor, what)
        result = run_program(program)
        os.close(program)
        return result

    def close(self):
        if self.descriptor >= 0:
            self.consumer.close()
            self.producer.close()
        super().close()


class Kernel:
    def __init__(self):
        self.maps = {}
        # r0 = XDP_PASS; exit
        self.program = load_program(instruction(0xB7, 0, 0, 0, 2) + exit_program())

    def create(self, name, kind, key_size, value_size, entries, flags, inner):
        make = Ring if kind == RINGBUF else Map
        created = make(kind, key_size, value_size, entries, flags, self.maps.get(inner))
        if created.descriptor < 0:
            return created.descriptor
        self.maps[name] = created
        return 0

    def update(self, name, key, value, flags):
        if isinstance(value, dict):
            descriptor = (
                self.maps[value["map"]].descriptor if "map" in value else self.program
            )
            value = struct.pack("<I", descriptor).hex()
        return self.maps[name].update(bytes.fromhex(key), bytes.fromhex(value), flags)

    def lookup(self, name, key):
        return self.maps[name].lookup(bytes.fromhex(key))

    def delete(self, name, key):
        return self.maps[name].element(MAP_DELETE, bytes.fromhex(key))

    def next(self, name, key):
        return self.maps[name].next(None if key is None else bytes.fromhex(key))

    def dump(self, name):
        return self.maps[name].dump()

    def emit(self, name, record):
        return self.maps[name].emit(bytes.fromhex(record))

    def consume(self, name, most):
        return self.maps[name].consume(most)

    def query(self, name, what):
        return self.maps[name].query(what)

    def use(self, name, key, cpu):
        os.sched_setaffinity(0, {cpu})
        return self.maps[name].use(bytes.fromhex(key))

    def put(self, name, key, value, flags, cpu):
        os.sched_setaffinity(0, {cpu})
        return self.maps[name].put(bytes.fromhex(key), bytes.fromhex(value), flags)

    def drop(self, name, key):
        return self.maps[name].drop(bytes.fromhex(key))

    def run(self, operations):
        try:
            return [getattr(self, operation)(*rest) for operation, *rest in operations]
        finally:
            for each in self.maps.values():
                each.close()
            self.maps = {}


def main():
    kernel = Kernel()
    usable = len(os.sched_getaffinity(0))
    print(json.dumps({"cpus": possible_cpus(), "usable": usable}), flush=True)
    for line in sys.stdin:
        print(json.dumps(kernel.run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
