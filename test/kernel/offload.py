"""Switches the offloads of a device off: checksums are written where packets are made, and none are merged."""

import array
import fcntl
import socket
import struct

# linux/sockios.h and linux/ethtool.h
SIOCETHTOOL = 0x8946
OFFLOADS = {"rx": 0x15, "tx": 0x17, "scatter": 0x19, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}


def switch_off(link):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in OFFLOADS.values():
            value = array.array("I", [command, 0])
            request = struct.pack("16sP", link.encode(), value.buffer_info()[0])
            fcntl.ioctl(control, SIOCETHTOOL, request)
