"""The outside ends of the lab's links, in a network namespace of their own.

    link.py LINK...

Speaks on stdin and stdout in messages: their length in four bytes, big-endian, then frames, each as the index
of its link in one byte, its length in four, and its bytes. The first message holds the sentinels: frames that
the node passes on and that come out of every link. Each later message is sent into the links frame by frame,
the sentinels behind it; the answer holds every frame that came out before all sentinels had: a CPU takes the
packets of its queue in order, so nothing that the frames caused can still be under way.
"""

import os
import select
import socket
import struct
import sys

import offload

MARK = b"waxdp sentinel"
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
PACKET_OUTGOING = 4
PATIENCE = 5.0


def open_link(name):
    offload.switch_off(name)
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    link.bind((name, ETH_P_ALL))
    link.setblocking(False)
    return link


def read_frames():
    head = sys.stdin.buffer.read(4)
    if len(head) < 4:
        sys.exit(0)
    message = sys.stdin.buffer.read(struct.unpack("!I", head)[0])
    frames, at = [], 0
    while at < len(message):
        index, length = struct.unpack_from("!BI", message, at)
        frames.append((index, message[at + 5 : at + 5 + length]))
        at += 5 + length
    return frames


def write_frames(frames):
    message = b"".join(struct.pack("!BI", index, len(frame)) + frame for index, frame in frames)
    sys.stdout.buffer.write(struct.pack("!I", len(message)) + message)
    sys.stdout.buffer.flush()


def is_of_interest(frame, address):
    """Neither our own sending nor what neighbours and routers tell each other."""
    ethertype = struct.unpack_from("!H", frame, 12)[0]
    return (
        address[2] != PACKET_OUTGOING
        and ethertype in (ETH_P_IP, ETH_P_IPV6)
        and frame[0] & 1 == 0
    )


def receive(links, expected):
    """Everything up to the last of the sentinels; those are left out."""
    arrived, missing = [], expected
    while missing > 0:
        ready, _, _ = select.select(links, [], [], PATIENCE)
        if not ready:
            sys.exit("the node does not pass the sentinels on")
        for link in ready:
            frame, address = link.recvfrom(65536)
            if not is_of_interest(frame, address):
                continue
            if MARK in frame:
                missing -= 1
            else:
                arrived.append((links.index(link), frame))
    return arrived


def main(names):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sentinels = read_frames()
    links = [open_link(name) for name in names]
    while True:
        for index, frame in read_frames() + sentinels:
            links[index].send(frame)
        write_frames(receive(links, len(sentinels)))


main(sys.argv[1:])
