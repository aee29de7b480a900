"""The kernel's bpf_csum_diff.

    csum-diff.py

Takes one line of JSON, a list of [from, to, seed], and answers with the list of results. Bytes are hexadecimal text.
Each case is a program of its own, which the verifier must know the sizes of, and runs on a frame that has the bytes.
"""

import ctypes
import json
import os
import platform
import struct
import sys

NUMBERS = {"x86_64": 321, "aarch64": 280}
LIBC = ctypes.CDLL(None, use_errno=True)
# enum bpf_cmd, enum bpf_prog_type and __BPF_FUNC_MAPPER of include/uapi/linux/bpf.h
PROG_LOAD, PROG_RUN, PROG_TYPE_XDP, CSUM_DIFF = 5, 10, 6, 28
ETHERNET, FRAME_MIN = 14, 64
# What no checksum is: the frame was too short.
FAILED = 0x77777


def bpf(command, attributes):
    """The number that came of it, and the attributes as the kernel has left them."""
    buffer = ctypes.create_string_buffer(attributes, max(len(attributes), 120))
    result = LIBC.syscall(NUMBERS[platform.machine()], command, buffer, len(buffer))
    if result < 0:
        sys.exit(f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return result, buffer.raw


def instruction(code, destination=0, source=0, offset=0, immediate=0):
    return struct.pack("<BBhI", code, destination | source << 4, offset, immediate & 0xFFFFFFFF)


def program(before, after, seed):
    """bpf_csum_diff of the `before` bytes behind the Ethernet header and the `after` bytes behind those."""
    return (
        instruction(0x61, 2, 1, 0)  # r2 = data
        + instruction(0x61, 3, 1, 4)  # r3 = data_end
        + instruction(0xBF, 4, 2)  # r4 = r2
        + instruction(0x07, 4, 0, 0, ETHERNET + before + after)
        + instruction(0xBD, 4, 3, 2)  # if r4 <= r3 goto +2
        + instruction(0xB7, 0, 0, 0, FAILED)
        + instruction(0x95)
        + instruction(0xBF, 1, 2)
        + instruction(0x07, 1, 0, 0, ETHERNET)
        + instruction(0xBF, 3, 1)
        + instruction(0x07, 3, 0, 0, before)
        + instruction(0xB7, 2, 0, 0, before)
        + instruction(0xB7, 4, 0, 0, after)
        + instruction(0xB4, 5, 0, 0, seed)
        + instruction(0x85, 0, 0, 0, CSUM_DIFF)
        + instruction(0x95)
    )


def load(code):
    log = ctypes.create_string_buffer(65536)
    license = ctypes.create_string_buffer(b"GPL")
    text = ctypes.create_string_buffer(code, len(code))
    places = [ctypes.addressof(each) for each in (text, license, log)]
    attributes = struct.pack(
        "<IIQQIIQI", PROG_TYPE_XDP, len(code) // 8, places[0], places[1], 1, len(log), places[2], 0
    )
    return bpf(PROG_LOAD, attributes)[0]


def run(descriptor, frame):
    data = ctypes.create_string_buffer(frame, len(frame))
    attributes = struct.pack(
        "<IIIIQQII", descriptor, 0, len(frame), 0, ctypes.addressof(data), 0, 1, 0
    )
    return struct.unpack_from("<i", bpf(PROG_RUN, attributes)[1], 4)[0]


def difference(before, after, seed):
    descriptor = load(program(len(before), len(after), seed))
    try:
        frame = bytes(ETHERNET) + before + after
        return run(descriptor, frame.ljust(FRAME_MIN, b"\0"))
    finally:
        os.close(descriptor)


cases = json.loads(sys.stdin.readline())
print(json.dumps([difference(bytes.fromhex(a), bytes.fromhex(b), seed) for a, b, seed in cases]))
