"""Chains of programs as tcx keeps them, asked by bpf(2), on a link of a network namespace of its own.

    tcx.py

Speaks in lines of JSON. Each request is a list, its answer a pair: what came of it (0, a number, or a negated error
number), and both chains, each as [revision, [[program, number of its link or null]...]].

    ["load", program, number, verdict]   verdict: what it returns, or "redirect" for bpf_redirect to another link
    ["attach", hook, program, flags, relative, replaced, revision]   without a link, by BPF_PROG_ATTACH
    ["create", hook, program, flags, relative, revision]             number of the link, by BPF_LINK_CREATE
    ["detach", hook, program or null, flags, relative, revision]
    ["update", link, program]
    ["release", link]                    BPF_LINK_DETACH
    ["send", hook]                       [numbers of the programs that ran, what became of the frame]
    ["reset"]                            all of them are detached

A hook is ingress, egress, or bare: ingress of a link without clsact, which keeps an empty chain there. A relative is
null, ["program" or "program id", program] or ["link" or "link id", number]. A program that was never loaded stands
for what is none: "closed" for no descriptor at all, "other" for a program of another type.
"""

import ctypes
import errno
import json
import os
import platform
import select
import socket
import struct
import subprocess
import sys

from maps import (
    ARRAY,
    LIBC,
    NUMBERS,
    Map,
    bpf,
    call,
    exit_program,
    find_stage,
    instruction,
    load_program,
)

CLONE_NEWNET = 0x40000000
# enum bpf_cmd, enum bpf_prog_type, enum bpf_attach_type and flags of include/uapi/linux/bpf.h
PROG_ATTACH, PROG_DETACH, OBJ_GET_INFO, PROG_QUERY = 8, 9, 15, 16
LINK_CREATE, LINK_UPDATE, LINK_DETACH = 28, 29, 34
PROG_TYPE_SCHED_CLS = 3
TCX_INGRESS, TCX_EGRESS = 46, 47
F_ID, F_LINK = 1 << 5, 1 << 13
TCX_PASS = 0
CHAIN_MAX = 64
# Two of those that are left for experiments, in IEEE Std 802
ETHERTYPE, ETHERTYPE_SENTINEL = 0x88B5, 0x88B6
CLOSED = 1 << 20
PATIENCE = 5.0
# Of the value that the programs write to: how many have run, and who.
NUMBERS_AT, NUMBERS_MAX = 8, 64


def ip(*words):
    subprocess.run(words, check=True)


def make_links():
    """near is where the programs stand, far its other end; what is redirected goes out by side, to beside."""
    if LIBC.unshare(CLONE_NEWNET) != 0:
        sys.exit(f"no network namespace: {os.strerror(ctypes.get_errno())}")
    for one, other in (("near", "far"), ("side", "beside")):
        ip("ip", "link", "add", one, "type", "veth", "peer", "name", other)
        for name in (one, other):
            ip("ip", "link", "set", name, "up")
    ip("tc", "qdisc", "add", "dev", "near", "clsact")


def open_socket(name, ethertype):
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ethertype))
    opened.bind((name, ethertype))
    return opened


def frame_of(ethertype):
    return b"\xff" * 6 + bytes(6) + struct.pack("!H", ethertype) + bytes(46)


def id_of(descriptor):
    """Of a program or a link: bpf_prog_info and bpf_link_info both have it behind their type."""
    info = ctypes.create_string_buffer(8)
    error = bpf(OBJ_GET_INFO, struct.pack("<IIQ", descriptor, len(info), ctypes.addressof(info)))
    if error < 0:
        sys.exit(f"no number: {os.strerror(-error)}")
    return struct.unpack_from("<I", info.raw, 4)[0]


class Kernel:
    def __init__(self):
        make_links()
        near, side = socket.if_nametoindex("near"), socket.if_nametoindex("side")
        self.hooks = {
            "ingress": (near, TCX_INGRESS),
            "egress": (near, TCX_EGRESS),
            "bare": (side, TCX_INGRESS),
        }
        self.side = side
        self.sockets = {
            (name, ethertype): open_socket(name, ethertype)
            for name in ("near", "far", "beside")
            for ethertype in (ETHERTYPE, ETHERTYPE_SENTINEL)
        }
        self.runs = Map(ARRAY, 4, NUMBERS_AT + NUMBERS_MAX, 1, 0, None)
        self.programs, self.names, self.links, self.link_ids = {}, {}, [], []
        # r0 = XDP_PASS; exit
        self.other = load_program(instruction(0xB7, 0, 0, 0, 2) + exit_program())

    def load(self, name, number, verdict):
        """Notes its number and returns its verdict; lets everything pass but the frames of `send`."""
        redirect = (
            instruction(0xB7, 1, 0, 0, self.side) + instruction(0xB7, 2) + call(23)  # bpf_redirect
        )
        end = redirect if verdict == "redirect" else instruction(0xB7, 0, 0, 0, verdict)
        code = (
            instruction(0x61, 2, 1, 16)  # r2 = skb->protocol
            + instruction(0x15, 2, 0, 2, socket.htons(ETHERTYPE))  # if it is ours goto +2
            + instruction(0xB7, 0, 0, 0, TCX_PASS)
            + exit_program()
            + find_stage(self.runs.descriptor)  # r6 = the value
            + instruction(0x79, 1, 6, 0)  # r1 = *(u64 *)r6
            + instruction(0xBF, 2, 1)
            + instruction(0x57, 2, 0, 0, NUMBERS_MAX - 1)  # r2 &= ...
            + instruction(0x0F, 2, 6)  # r2 += r6
            + instruction(0x72, 2, 0, NUMBERS_AT, number)  # *(u8 *)(r2 + NUMBERS_AT) = number
            + instruction(0x07, 1, 0, 0, 1)  # r1 += 1
            + instruction(0x7B, 6, 1, 0)  # *(u64 *)r6 = r1
            + end
            + exit_program()
        )
        if name in self.programs:
            os.close(self.programs[name])
        self.programs[name] = load_program(code, PROG_TYPE_SCHED_CLS)
        self.names[id_of(self.programs[name])] = name
        return 0

    def descriptor(self, name):
        return self.programs.get(name, self.other if name == "other" else CLOSED)

    def relative(self, given):
        """The flags that say what it is, and its number."""
        if given is None:
            return 0, 0
        kind, which = given
        is_link, is_id = kind.startswith("link"), kind.endswith("id")
        descriptor = self.links[which] if is_link else self.descriptor(which)
        flags = (F_LINK if is_link else 0) | (F_ID if is_id else 0)
        return flags, id_of(descriptor) if is_id else descriptor

    def attach(self, hook, program, flags, relative, replaced, revision):
        more, which = self.relative(relative)
        old = 0 if replaced is None else self.descriptor(replaced)
        link, place = self.hooks[hook]
        fields = (link, self.descriptor(program), place, flags | more, old, which, revision)
        return bpf(PROG_ATTACH, struct.pack("<IIIIIIQ", *fields))

    def create(self, hook, program, flags, relative, revision):
        more, which = self.relative(relative)
        link, place = self.hooks[hook]
        fields = (self.descriptor(program), link, place, flags | more, which, 0, revision)
        descriptor = bpf(LINK_CREATE, struct.pack("<IIIIIIQ", *fields))
        if descriptor < 0:
            return descriptor
        self.links.append(descriptor)
        self.link_ids.append(id_of(descriptor))
        return len(self.links) - 1

    def detach(self, hook, program, flags, relative, revision):
        more, which = self.relative(relative)
        descriptor = 0 if program is None else self.descriptor(program)
        link, place = self.hooks[hook]
        fields = (link, descriptor, place, flags | more, 0, which, revision)
        return bpf(PROG_DETACH, struct.pack("<IIIIIIQ", *fields))

    def update(self, link, program):
        fields = (self.links[link], self.descriptor(program), 0, 0)
        return bpf(LINK_UPDATE, struct.pack("<IIII", *fields))

    def release(self, link):
        return bpf(LINK_DETACH, struct.pack("<I", self.links[link]))

    def query(self, hook):
        programs, links = (ctypes.create_string_buffer(4 * CHAIN_MAX) for _ in range(2))
        addresses = [ctypes.addressof(programs), CHAIN_MAX, 0, 0, ctypes.addressof(links), 0, 0]
        attributes = struct.pack("<IIIIQIIQQQQ", *self.hooks[hook], 0, 0, *addresses)
        buffer = ctypes.create_string_buffer(attributes, 120)
        if LIBC.syscall(NUMBERS[platform.machine()], PROG_QUERY, buffer, len(buffer)) < 0:
            sys.exit(f"{hook} cannot be looked at: {os.strerror(ctypes.get_errno())}")
        count = struct.unpack_from("<I", buffer.raw, 24)[0]
        revision = struct.unpack_from("<Q", buffer.raw, 56)[0]
        chain = zip(*(struct.unpack_from(f"<{count}I", ids.raw) for ids in (programs, links)))
        numbers = {id: number for number, id in enumerate(self.link_ids)}
        return [revision, [[self.names[program], numbers.get(link)] for program, link in chain]]

    def send(self, hook):
        """A CPU takes frames in their order: the sentinel arrives when all is over."""
        begin, end = ("far", "near") if hook == "ingress" else ("near", "far")
        self.runs.update(bytes(4), bytes(NUMBERS_AT + NUMBERS_MAX), 0)
        for ethertype in (ETHERTYPE, ETHERTYPE_SENTINEL):
            try:
                self.sockets[begin, ethertype].send(frame_of(ethertype))
            except OSError as error:
                # So a sender is told that egress has dropped it.
                if error.errno != errno.ENOBUFS:
                    raise
        if not self.arrived(end, ETHERTYPE_SENTINEL, PATIENCE):
            sys.exit("the link does not pass the sentinel on")
        passed, redirected = (self.arrived(name, ETHERTYPE, 0) for name in (end, "beside"))
        noted = bytes.fromhex(self.runs.lookup(bytes(4)))
        count = struct.unpack_from("<Q", noted)[0]
        outcome = "PASS" if passed else "REDIRECT" if redirected else "DROP"
        return [list(noted[NUMBERS_AT : NUMBERS_AT + count]), outcome]

    def arrived(self, name, ethertype, patience):
        receiver = self.sockets[name, ethertype]
        if not select.select([receiver], [], [], patience)[0]:
            return False
        receiver.recv(2048)
        return True

    def reset(self):
        for descriptor in self.links:
            os.close(descriptor)
        self.links, self.link_ids = [], []
        for hook in self.hooks:
            for program, _ in self.query(hook)[1]:
                self.detach(hook, program, 0, None, 0)
        return 0

    def answer(self, request):
        operation, *rest = request
        result = getattr(self, operation)(*rest)
        return [result, {hook: self.query(hook) for hook in self.hooks}]


def main():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    kernel = Kernel()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(kernel.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
