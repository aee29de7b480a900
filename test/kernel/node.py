"""Keeps the node's network namespace alive, and does in it what takes a socket.

Each line on stdin is a command, answered by a line on stdout:

    flush           forget every connection (nf_conntrack, over netlink)
    plain LINK      switch the offloads of a device off
"""

import socket
import struct
import sys

import offload

NETLINK_NETFILTER = 12
# linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_conntrack.h
CONNTRACK_DELETE = 1 << 8 | 2
NLM_F_REQUEST, NLM_F_ACK = 1, 4


def flush():
    message = struct.pack("=IHHIIBBH", 20, CONNTRACK_DELETE, NLM_F_REQUEST | NLM_F_ACK, 1, 0, 0, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
        netlink.send(message)
        error = struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    return "done" if error == 0 else f"conntrack cannot be flushed: error {-error}"


def plain(link):
    offload.switch_off(link)
    return "done"


COMMANDS = {"flush": flush, "plain": plain}

print("ready", flush=True)
for line in sys.stdin:
    command, *arguments = line.split()
    print(COMMANDS[command](*arguments), flush=True)
